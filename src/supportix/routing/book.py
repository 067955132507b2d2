"""The rules and request types of all departments as of a position of the log, made ready to be tried on tickets."""

import copy
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from supportix.domain.department import Department
from supportix.domain.ids import CustomerId, DepartmentId
from supportix.domain.routing import MatchedRule
from supportix.domain.routing_rules import LooksIn, RoutingRule, name_key
from supportix.domain.ticket import Channel
from supportix.routing.terms import Terms, Text


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
        rules = [(owner, rule, Terms(rule.terms)) for owner, each in owners for rule in each.routing_rules]
        self._rules = sorted(rules, key=lambda each: (each[1].order, each[0].int, each[1].name))
        self._by_word: dict[str, list[int]] = {}
        self._without_terms: list[int] = []
        for place, (_, rule, terms) in enumerate(self._rules):
            for word in terms.first_words:
                self._by_word.setdefault(word, []).append(place)
            if not rule.terms:
                self._without_terms.append(place)

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
        texts = {LooksIn.SUBJECT: Text(request.subject), LooksIn.DESCRIPTION: Text(request.description)}
        words = {word for text in texts.values() for word in text.words} if self._by_word else set[str]()
        near = {place for word in self._by_word.keys() & words for place in self._by_word[word]}
        for place in sorted(near.union(self._without_terms)):
            owner, rule, terms = self._rules[place]
            if not _concerns(rule, request):
                continue
            term = terms.first_in(_looked_at(rule, texts)) if rule.terms else ""
            if term is not None:
                return RuleFound(owner, MatchedRule(name=rule.name, order=rule.order, term=term))
        return None


EMPTY = RoutingBook((), based_on=0)


def _concerns(rule: RoutingRule, request: Request) -> bool:
    of_customer = not rule.customers or request.requester_id in rule.customers
    return of_customer and (not rule.channels or request.channel in rule.channels)


def _looked_at(rule: RoutingRule, texts: Mapping[LooksIn, Text]) -> Sequence[Text]:
    return list(texts.values()) if rule.looks_in is LooksIn.BOTH else [texts[rule.looks_in]]
