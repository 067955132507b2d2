"""Decides again what a policy decided, with the knowledge that it had then, and counts how often it comes out the same.

Drives the dispatch board through the log. Before each round of choices the board stands where the round was `based_on`,
with the earlier events of the round's own command; the departments are asked in the order in which they were. What the
log says is then folded, so that each round is tried for itself. Where all rounds come out the same, so does the whole.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from uuid import UUID

import msgspec

from supportix.domain.agent import WorkReserved
from supportix.domain.ids import AgentId
from supportix.domain.ticket_facts import TicketAssigned
from supportix.domain.ticket_words import AssignedBy
from supportix.policies.dispatch import DispatchBoard
from supportix.policies.registry import KNOWN
from supportix.store.log import LogEntry

TOLD_EVERY = 2_000
"""Positions."""


class Difference(msgspec.Struct, frozen=True):
    """A choice that came out otherwise. `given_to` None: the ticket would have waited on."""

    position: int
    ticket_id: UUID
    agent_id: UUID
    given_to: UUID | None


class Reproduction(msgspec.Struct):
    """How many of the assignments by a policy came out the same, and which was the first that didn't."""

    assignments: int = 0
    reproduced: int = 0
    first_difference: Difference | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which assignments count: from `since` on, before `until`, and of this department."""

    since: datetime | None = None
    until: datetime | None = None
    department_id: UUID | None = None

    def holds(self, fact: TicketAssigned) -> bool:
        at = fact.occurred_at
        return (
            (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and self.department_id in (None, fact.department_id)
        )


def reproduce(
    entries: Iterable[LogEntry], span: Span, told: Callable[[int], None] = lambda _position: None
) -> Reproduction:
    """Decide again on every assignment by a policy that the log holds, in order. `told` gets positions."""
    again = _Again(span)
    next_told = TOLD_EVERY
    for _, grouped in groupby(entries, key=lambda entry: entry.command_id):
        command = list(grouped)
        again.take(command)
        if command[-1].position >= next_told:
            told(command[-1].position)
            next_told = command[-1].position + TOLD_EVERY
    return again.found


class _Again:
    def __init__(self, span: Span) -> None:
        self.found = Reproduction()
        self._span = span
        self._board = DispatchBoard()
        self._unseen: deque[LogEntry] = deque()

    def take(self, command: list[LogEntry]) -> None:
        """Take in the events of one command."""
        based_on = [choice.reasons.based_on for entry in command if (choice := _choice(entry)) and choice.reasons]
        if not based_on:
            self._unseen.extend(command)
            return
        self._see(min(based_on))
        for is_round, part in _rounds(command):
            if is_round:
                self._try(part)
            for entry in part:
                self._board.fold(entry.position, entry.event)
        if self._unseen:  # What others wrote before this command, and it didn't know. Folding twice changes nothing.
            self._unseen.extend(command)

    def _see(self, position: int) -> None:
        while self._unseen and self._unseen[0].position <= position:
            entry = self._unseen.popleft()
            self._board.fold(entry.position, entry.event)

    def _try(self, part: list[LogEntry]) -> None:
        """One round: claims and reservations that stand one after the other, and so were decided on together."""
        claims = [(entry, choice) for entry in part if (choice := _choice(entry))]
        chosen = self._decide([choice for _, choice in claims])
        for entry, choice in claims:
            if not self._span.holds(choice):
                continue
            self.found.assignments += 1
            given_to = chosen.get(entry.stream_id)
            if given_to == choice.agent_id:
                self.found.reproduced += 1
            elif self.found.first_difference is None:
                self.found.first_difference = Difference(entry.position, entry.stream_id, choice.agent_id, given_to)

    def _decide(self, choices: list[TicketAssigned]) -> dict[UUID, AgentId]:
        """Ticket -> agent, as the board gives out as many tickets now."""
        departments = dict.fromkeys(choice.department_id for choice in choices)
        for choice in choices:
            self._follow_version(choice)
        asked = [*departments, *(each for each in self._board.ready() if each not in departments)]
        decisions = self._board.decide(asked, at=choices[0].occurred_at, by=AssignedBy.POLICY, limit=len(choices))
        return {
            decision.claim.originator_id: decision.claim.fact.agent_id
            for decision in decisions
            if isinstance(decision.claim.fact, TicketAssigned)
        }

    def _follow_version(self, choice: TicketAssigned) -> None:
        """Where the department's policy ran in a former version, decide by that one."""
        pool, reasons = self._board.pool(choice.department_id), choice.reasons
        if reasons is None or reasons.policy != pool.policy.name or reasons.policy_version == pool.policy.version:
            return
        former = KNOWN.get((reasons.policy, reasons.policy_version))
        if former is not None:
            pool.follow(former)


def _choice(entry: LogEntry) -> TicketAssigned | None:
    """The assignment that this entry is, if a policy chose."""
    fact = entry.fact
    return fact if isinstance(fact, TicketAssigned) and fact.assigned_by is AssignedBy.POLICY else None


def _rounds(command: list[LogEntry]) -> Iterator[tuple[bool, list[LogEntry]]]:
    """The command's events in order, cut into rounds of choices with their reservations, and what lies between."""
    marked = []
    in_round = False
    for entry in command:
        in_round = _choice(entry) is not None or (in_round and isinstance(entry.fact, WorkReserved))
        marked.append((in_round, entry))
    for is_round, entries in groupby(marked, key=lambda mark: mark[0]):
        yield is_round, [entry for _, entry in entries]
