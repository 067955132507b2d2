"""The decision on a ticket's department: pure, so that it can be made again from what the events hold.

In this order: what the request says, the departments' rules, a model that is sure enough, and triage.
"""

from collections.abc import Callable

import msgspec

from supportix.domain.errors import InvalidInput
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, DepartmentId
from supportix.domain.routing import ClassifierVerdict, RoutingEvidence
from supportix.domain.routing_rules import name_key
from supportix.domain.ticket_words import RoutingStep
from supportix.routing.book import Request, RoutingBook, RuleFound

Classify = Callable[[Request], ClassifierVerdict]
"""Asks the active model; it is asked only where no earlier step decides."""


class Decision(msgspec.Struct, frozen=True):
    """Where a ticket goes, which step decided, and why."""

    department_id: DepartmentId
    step: RoutingStep
    evidence: RoutingEvidence | None = None


class UnknownRequestType(InvalidInput):
    """No department owns that request type."""


class RequestTypeElsewhere(InvalidInput):
    """The request names a department, and a request type of another one."""


def decide(request: Request, book: RoutingBook, classify: Classify | None = None) -> Decision:
    """Where the ticket goes. `classify` is None where no model is active.

    Refused: UnknownRequestType, RequestTypeElsewhere.
    """
    asked = _as_asked(request, book)
    if asked is not None:
        return asked
    found = book.first_rule(request)
    if found is not None:
        return _by_rule(found, book)
    passed = {RoutingStep.RULE.value: f"none of {book.rule_count} matched" if book.rule_count else "there are none"}
    verdict = classify(request) if classify is not None else None
    if verdict is not None and verdict.best is not None and verdict.is_sure:
        evidence = RoutingEvidence(based_on=book.based_on, verdict=verdict, passed=passed)
        return Decision(verdict.best.department_id, RoutingStep.CLASSIFIER, evidence)
    passed[RoutingStep.CLASSIFIER.value] = abstention(verdict)
    evidence = RoutingEvidence(based_on=book.based_on, verdict=verdict, passed=passed)
    return Decision(TRIAGE_DEPARTMENT_ID, RoutingStep.TRIAGE, evidence)


def abstention(verdict: ClassifierVerdict | None) -> str:
    """Why the model left the ticket to triage."""
    if verdict is None:
        return "no model is active"
    if verdict.threshold is not None and verdict.best is None:
        return "abstained: it knows none of the words"
    if verdict.best is None or verdict.threshold is None:
        return f"model {verdict.model_version} routes nothing; `supportix routing models` says why"
    return f"abstained: {verdict.best.probability:.3f} < {verdict.threshold:.3f}"


def _as_asked(request: Request, book: RoutingBook) -> Decision | None:
    if request.request_type is None:
        named = request.department_id
        return None if named is None else Decision(named, RoutingStep.REQUEST)
    owned = book.request_types.get(name_key(request.request_type))
    if owned is None:
        known = ", ".join(sorted(each.name for each in book.request_types.values())) or "none is defined yet"
        raise UnknownRequestType(f"request type {request.request_type!r} was given; expected one of: {known}")
    if request.department_id not in {None, owned.department_id}:
        raise RequestTypeElsewhere(
            f"request type {owned.name!r} belongs to department {owned.department_id}, not to "
            f"{request.department_id}; leave one of them out"
        )
    evidence = RoutingEvidence(based_on=book.based_on, request_type=owned.name)
    step = RoutingStep.REQUEST_TYPE if request.department_id is None else RoutingStep.REQUEST
    return Decision(owned.department_id, step, evidence)


def _by_rule(found: RuleFound, book: RoutingBook) -> Decision:
    return Decision(found.department_id, RoutingStep.RULE, RoutingEvidence(based_on=book.based_on, rule=found.rule))
