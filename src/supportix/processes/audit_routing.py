"""The part of the audit that proves routing: each decision is made again from what the events say was known.

Rules and request types are those of the departments' own events up to the position that the evidence names; a model
is the stored one of the version that it names. A decision of a model that is stored no longer counts as not proved,
and isn't a difference. Tickets of imported histories were routed elsewhere.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.aggregate import VersionGap
from supportix.domain.department import Department
from supportix.domain.department_facts import RequestTypesChanged, RoutingRulesChanged
from supportix.domain.routing import ClassifierVerdict, RoutingEvidence
from supportix.domain.ticket_facts import TicketOpened, TicketRouted
from supportix.domain.ticket_words import RoutingStep
from supportix.routing import models
from supportix.routing.book import EMPTY, Request, RoutingBook
from supportix.routing.decide import Classify, decide
from supportix.routing.errors import ModelUnreadable
from supportix.routing.router import ActiveModel
from supportix.store.log import LogEntry

Find = Callable[[LogEntry, str], None]
CLOSE_ENOUGH = 2e-3
"""By how much a probability may differ that another processor works out."""


class _Claim(msgspec.Struct, frozen=True):
    """A decision to be proved: the event, what was asked, and the rules that were known."""

    entry: LogEntry
    fact: TicketRouted
    evidence: RoutingEvidence
    opened: TicketOpened
    book: RoutingBook


class RoutingCheck:
    """Follows departments' rules, and makes each decision again. Entries come in the order of the log."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self.proved: Counter[str] = Counter()
        """By step."""
        self._departments: dict[UUID, Department] = {}
        self._positions: list[int] = [0]
        self._books: list[RoutingBook] = [EMPTY]
        self._opened: dict[UUID, TicketOpened] = {}
        self._claims: list[_Claim] = []
        self._models: dict[int, ActiveModel | None] = {}

    def take(self, entry: LogEntry) -> None:
        fact = entry.fact
        if isinstance(fact, TicketOpened):
            self._opened[entry.stream_id] = fact
        elif isinstance(fact, TicketRouted):
            opened = self._opened.pop(entry.stream_id, None)
            if fact.evidence is not None and opened is not None:
                book = self._books[bisect_right(self._positions, fact.evidence.based_on) - 1]
                self._claims.append(_Claim(entry, fact, fact.evidence, opened, book))
        elif fact.AGGREGATE is Department:
            self._take_department(entry)

    async def prove(self, pool: AsyncConnectionPool[Any]) -> None:
        """Prove what was taken since the last time."""
        for claim in self._claims:
            verdict = claim.evidence.verdict
            if verdict is not None and verdict.model_version not in self._models:
                self._models[verdict.model_version] = await _model(pool, verdict.model_version)
            self._prove(claim)
        self._claims.clear()

    def _take_department(self, entry: LogEntry) -> None:
        try:
            folded = entry.event.mutate(self._departments.get(entry.stream_id))
        except VersionGap:
            return  # The check of versions finds it.
        if isinstance(folded, Department):
            self._departments[entry.stream_id] = folded
        if isinstance(entry.fact, RoutingRulesChanged | RequestTypesChanged):
            self._positions.append(entry.position)
            self._books.append(RoutingBook(self._departments.values(), based_on=entry.position))

    def _prove(self, claim: _Claim) -> None:
        """The evidence stands in for the model where it is stored no longer: all else is proved even so."""
        recorded = claim.evidence
        request, book = _request(claim), claim.book.as_of(recorded.based_on)
        known = recorded.verdict and self._models[recorded.verdict.model_version]
        reading = known.read(request) if known else None
        again = known.verdict(reading) if known else recorded.verdict
        difference = "" if again is None or recorded.verdict is None else _verdicts_differ(again, recorded.verdict)
        decision = decide(request, book, _saying(recorded.verdict))
        if decision.step is not claim.fact.step or decision.department_id != claim.fact.department_id:
            difference = f"the rules up to {recorded.based_on} send it to {decision.department_id} by {decision.step}"
        elif decision.evidence != recorded:
            difference = f"the rules up to {recorded.based_on} give other evidence: {_told(decision.evidence)}"
        if difference:
            self._find(claim.entry, f"routed to {claim.fact.department_id} by {claim.fact.step}, but {difference}")
        elif recorded.verdict is None or known:
            self.proved[claim.fact.step] += 1


async def _model(pool: AsyncConnectionPool[Any], version: int) -> ActiveModel | None:
    try:
        return ActiveModel(version, await models.read(pool, version))
    except (models.UnknownModel, ModelUnreadable):
        return None


def _saying(verdict: ClassifierVerdict | None) -> Classify | None:
    return None if verdict is None else lambda _: verdict


def _request(claim: _Claim) -> Request:
    opened, named = claim.opened, claim.evidence.request_type
    return Request(
        subject=opened.subject,
        description=opened.description,
        requester_id=opened.requester_id,
        channel=opened.channel,
        department_id=claim.fact.department_id if claim.fact.step is RoutingStep.REQUEST else None,
        request_type=named or None,
    )


def _verdicts_differ(again: ClassifierVerdict, recorded: ClassifierVerdict) -> str:
    pairs = ((again.best, recorded.best), (again.runner_up, recorded.runner_up))
    for now, then in pairs:
        same = (now is None) is (then is None)
        if now is not None and then is not None:
            same = abs(now.probability - then.probability) <= CLOSE_ENOUGH
        if not same or again.threshold != recorded.threshold:
            return f"model {recorded.model_version} says {_told(again)}"
    return ""


def _told(found: msgspec.Struct | None) -> str:
    return msgspec.json.encode(found).decode()
