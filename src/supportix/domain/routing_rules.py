"""Rules by which a department takes tickets, and the request types that it owns, as its events hold them."""

import unicodedata
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import CustomerId
from supportix.domain.ticket_words import Channel

MOST_RULES = 200
MOST_TERMS = 100
MOST_CUSTOMERS = 200
MOST_REQUEST_TYPES = 100
LARGEST_ORDER = 1_000_000


class LooksIn(StrEnum):
    """Where a rule looks for its terms."""

    SUBJECT = "subject"
    DESCRIPTION = "description"
    BOTH = "both"


class RoutingRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Takes a ticket for its department. Stored in events: never rename a field.

    It matches where everything that it names does: one of its terms, one of its customers, one of its channels. Rules
    of all departments are tried by `order`, the lowest first; then by department and name.
    """

    name: str
    order: int = 100
    terms: tuple[str, ...] = ()
    looks_in: LooksIn = LooksIn.BOTH
    customers: tuple[CustomerId, ...] = ()
    channels: tuple[Channel, ...] = ()


def must_be_rules(rules: Sequence[RoutingRule]) -> None:
    """Refused: RoutingRuleInvalid, naming the rule and what was expected."""
    if len(rules) > MOST_RULES:
        raise RoutingRuleInvalid(f"{len(rules)} rules were given; at most {MOST_RULES} were expected")
    names: set[str] = set()
    for rule in rules:
        key = name_key(rule.name)
        if not key or key in names:
            raise RoutingRuleInvalid(f"rule {rule.name!r}: a name of its own was expected")
        names.add(key)
        _must_be_rule(rule)


def _must_be_rule(rule: RoutingRule) -> None:
    if not (rule.terms or rule.customers or rule.channels):
        raise RoutingRuleInvalid(f"rule {rule.name!r}: terms, customers or channels were expected; it names none")
    if not 0 <= rule.order <= LARGEST_ORDER:
        raise RoutingRuleInvalid(f"rule {rule.name!r}: order {rule.order} was given; 0 to {LARGEST_ORDER} was expected")
    if len(rule.terms) > MOST_TERMS or len(rule.customers) > MOST_CUSTOMERS:
        raise RoutingRuleInvalid(
            f"rule {rule.name!r}: at most {MOST_TERMS} terms and {MOST_CUSTOMERS} customers were expected"
        )
    for term in rule.terms:
        if not any(letter.isalnum() for letter in term):
            raise RoutingRuleInvalid(f"rule {rule.name!r}: term {term!r} has no letter or digit, so it never matches")


def must_be_request_types(names: Sequence[str]) -> None:
    """Refused: RequestTypeInvalid."""
    if len(names) > MOST_REQUEST_TYPES:
        raise RequestTypeInvalid(f"{len(names)} were given; at most {MOST_REQUEST_TYPES} were expected")
    if not all(map(name_key, names)) or len(set(map(name_key, names))) < len(names):
        raise RequestTypeInvalid("names of at least one visible character were expected, each named once")


def name_key(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


class RoutingRuleInvalid(InvalidInput):
    """A routing rule doesn't hold together."""


class RequestTypeInvalid(InvalidInput):
    """A request type has no name, or is named twice."""


class RequestTypeTaken(Conflict):
    """Another department owns that request type."""
