"""The rules and request types of all departments as of a position of the log, made ready to be tried on tickets."""

import copy
from collections.abc import Iterable, Mapping

import msgspec

from supportix.domain.department import Department
from supportix.domain.ids import CustomerId, DepartmentId
from supportix.domain.routing import MatchedRule
from supportix.domain.routing_rules import LooksIn, RoutingRule, name_key
from supportix.domain.ticket_words import Channel
from supportix.routing.terms import TermIndex, Text


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket to be routed: all that routing looks at."""

    subject: str
    description: str
    requester_id: CustomerId
    channel: Channel
    department_id: DepartmentId | None = None
    request_type: str | None = None


class RequestType(msgspec.Struct, frozen=True):
    """A request type, and the department that owns it."""

    name: str
    department_id: DepartmentId


class RuleFound(msgspec.Struct, frozen=True):
    """The rule that takes a ticket, and whose it is."""

    department_id: DepartmentId
    rule: MatchedRule


class RoutingBook:
    """What routing by rules and request types goes by. It never changes; a later one takes its place."""

    def __init__(self, departments: Iterable[Department], *, based_on: int) -> None:
        """`based_on`: the position of the log as of which these are all departments that have any of it."""
        self.based_on = based_on
        owners = [(DepartmentId(each.id), each) for each in departments]
        self.request_types: Mapping[str, RequestType] = {
            name_key(name): RequestType(name, owner) for owner, each in owners for name in each.request_types
        }
        rules = [(owner, rule) for owner, each in owners for rule in each.routing_rules]
        self._rules = sorted(rules, key=lambda each: (each[1].order, each[0].int, each[1].name))
        self._terms = {
            place: TermIndex(
                ((number, term_number), term)
                for number, (_, rule) in enumerate(self._rules)
                if rule.looks_in in {place, LooksIn.BOTH}
                for term_number, term in enumerate(rule.terms)
            )
            for place in (LooksIn.SUBJECT, LooksIn.DESCRIPTION)
        }
        self._without_terms = [number for number, (_, rule) in enumerate(self._rules) if not rule.terms]

    def as_of(self, position: int) -> "RoutingBook":
        """The same rules and request types, known to hold up to a later position."""
        twin = copy.copy(self)
        twin.based_on = position
        return twin

    @property
    def rule_count(self) -> int:
        return len(self._rules)

    def first_rule(self, request: Request) -> RuleFound | None:
        """The first rule that takes the ticket. Its cost grows with the text, hardly with the number of rules."""
        if not self._rules:
            return None
        found: dict[int, tuple[int, str]] = dict.fromkeys(self._without_terms, (0, ""))
        for place, text in ((LooksIn.SUBJECT, request.subject), (LooksIn.DESCRIPTION, request.description)):
            for (number, term_number), term in self._terms[place].found_in(Text(text)):
                found[number] = min(found.get(number, (term_number, term)), (term_number, term))
        for number in sorted(found):
            owner, rule = self._rules[number]
            if _concerns(rule, request):
                return RuleFound(owner, MatchedRule(name=rule.name, order=rule.order, term=found[number][1]))
        return None


EMPTY = RoutingBook((), based_on=0)


def _concerns(rule: RoutingRule, request: Request) -> bool:
    of_customer = not rule.customers or request.requester_id in rule.customers
    return of_customer and (not rule.channels or request.channel in rule.channels)
