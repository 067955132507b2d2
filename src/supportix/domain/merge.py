"""A merge of two departments: one helps the other out, by taking waiting tickets over or by pooling both teams.

Owns the streams of merges: emits MergeSuggested, MergeApproved, MergeDismissed, MergeStarted, MergeTicketsMoved,
MergeFinished, MergePoolFormed, MergeWorkShared, MergeDissolved and MergeAbandoned. The merging process carries a merge
from one step to the next; whatever it has done stands here, so that it can go on after a crash between any two steps.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from supportix.domain.aggregate import Aggregate, Fact, PersonalText
from supportix.domain.errors import Conflict
from supportix.domain.ids import DepartmentId, MergeId, TicketId
from supportix.domain.merge_evidence import Evidence, Trigger
from supportix.domain.merge_settings import MergeSettings, MergeStrategy, MergeWithItself


class MergeState(StrEnum):
    """Where a merge stands."""

    SUGGESTED = "suggested"
    APPROVED = "approved"
    MOVING = "moving"
    POOLED = "pooled"
    FINISHED = "finished"
    DISSOLVED = "dissolved"
    DISMISSED = "dismissed"
    ABANDONED = "abandoned"


LIVE = frozenset({MergeState.SUGGESTED, MergeState.APPROVED, MergeState.MOVING, MergeState.POOLED})
"""In these both departments take part in the merge, and in no other."""


class NextStep(StrEnum):
    """What the merging process has to do with a merge."""

    RECONSIDER = "reconsider"
    """Withdraw the suggestion when it has stood too long, or when the load that made it has fallen by itself."""
    BEGIN = "begin"
    MOVE = "move"
    FINISH = "finish"
    WATCH = "watch"
    """Dissolve the pool when the load has fallen."""
    NOTHING = "nothing"


class DecidedBy(StrEnum):
    """What was behind a decision: the departments' load and settings, or a person."""

    LOAD = "load"
    PERSON = "person"


class AbandonReason(StrEnum):
    """Why a merge ended before it helped."""

    LOAD_FELL = "load_fell"
    NOT_DECIDED = "not_decided"
    """Nobody approved or dismissed the suggestion while it stood."""
    NOTHING_TO_MOVE = "nothing_to_move"


# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


class MergeFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every fact of a merge tells: the department in need, and the one that helps."""

    source_id: DepartmentId
    target_id: DepartmentId


class MergeSuggested(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`settings` are the source's at that time; the merge goes by them to its end."""

    TOPIC: ClassVar[str] = "merge.suggested.v1"
    strategy: MergeStrategy
    suggested_by: DecidedBy
    triggers: tuple[Trigger, ...]
    evidence: Evidence
    settings: MergeSettings

    def apply(self, merge: "Merge") -> None:
        merge.source_id, merge.target_id = self.source_id, self.target_id
        merge.strategy, merge.settings = self.strategy, self.settings
        merge.suggested_by = self.suggested_by
        merge.suggested_at = self.occurred_at
        merge.state = MergeState.SUGGESTED


class MergeApproved(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "merge.approved.v1"
    approved_by: DecidedBy

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.APPROVED


class MergeDismissed(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "merge.dismissed.v1"
    reason: PersonalText = ""

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.DISMISSED


class MergeStarted(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The tickets that are to be moved, oldest first. None is added later."""

    TOPIC: ClassVar[str] = "merge.started.v1"
    ticket_ids: tuple[TicketId, ...]
    evidence: Evidence

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.MOVING
        merge.planned = self.ticket_ids


class MergeTicketsMoved(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The next of the planned tickets, moved by this command. Those `passed_over` no longer waited in the source."""

    TOPIC: ClassVar[str] = "merge.tickets_moved.v1"
    ticket_ids: tuple[TicketId, ...]
    passed_over: tuple[TicketId, ...] = ()

    def apply(self, merge: "Merge") -> None:
        merge.moved += len(self.ticket_ids)
        merge.passed_over += len(self.passed_over)


class MergeFinished(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "merge.finished.v1"
    moved: int
    passed_over: int

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.FINISHED


class MergePoolFormed(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """From here on the agents of both departments serve both queues."""

    TOPIC: ClassVar[str] = "merge.pool_formed.v1"
    evidence: Evidence

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.POOLED


class MergeWorkShared(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """These tickets were given across the pool by this command, which could only be saved while the pool lasted."""

    TOPIC: ClassVar[str] = "merge.work_shared.v1"
    ticket_ids: tuple[TicketId, ...]

    def apply(self, merge: "Merge") -> None:
        merge.shared += len(self.ticket_ids)


class MergeDissolved(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The pool has ended. `evidence` is missing where a person dissolved it."""

    TOPIC: ClassVar[str] = "merge.dissolved.v1"
    dissolved_by: DecidedBy
    evidence: Evidence | None = None

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.DISSOLVED


class MergeAbandoned(MergeFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "merge.abandoned.v1"
    reason: AbandonReason
    evidence: Evidence

    def apply(self, merge: "Merge") -> None:
        merge.state = MergeState.ABANDONED


_NOBODY = DepartmentId(UUID(int=0))


class Merge(Aggregate, kw_only=True):
    """A merge's state. Of the `planned` tickets the first `moved + passed_over` are done with."""

    source_id: DepartmentId = _NOBODY
    target_id: DepartmentId = _NOBODY
    state: MergeState = MergeState.SUGGESTED
    strategy: MergeStrategy = MergeStrategy.REDISTRIBUTE
    suggested_by: DecidedBy = DecidedBy.LOAD
    suggested_at: datetime | None = None
    settings: MergeSettings | None = None
    planned: tuple[TicketId, ...] = ()
    moved: int = 0
    passed_over: int = 0
    shared: int = 0

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def remaining(self) -> tuple[TicketId, ...]:
        """The planned tickets that are still to be looked at, oldest first."""
        return self.planned[self.moved + self.passed_over :]

    @property
    def next_step(self) -> NextStep:
        match self.state:
            case MergeState.SUGGESTED:
                return NextStep.RECONSIDER
            case MergeState.APPROVED:
                return NextStep.BEGIN
            case MergeState.MOVING:
                return NextStep.MOVE if self.remaining else NextStep.FINISH
            case MergeState.POOLED:
                return NextStep.WATCH
            case _:
                return NextStep.NOTHING

    def has_lapsed(self, at: datetime) -> bool:
        """Whether it has stood as a suggestion for as long as its settings let it."""
        if self.state is not MergeState.SUGGESTED or self.settings is None or self.suggested_at is None:
            return False
        return at - self.suggested_at >= self.settings.suggestion_life

    def approve(self, *, by: DecidedBy, at: datetime) -> "Merge":
        """Refused: MergeNotSuggested."""
        self._must_be(MergeState.SUGGESTED, MergeNotSuggested)
        return self.record(MergeApproved(occurred_at=at, approved_by=by, **self._departments))

    def dismiss(self, *, reason: str, at: datetime) -> "Merge":
        """Refused: MergeNotSuggested."""
        self._must_be(MergeState.SUGGESTED, MergeNotSuggested)
        return self.record(MergeDismissed(occurred_at=at, reason=reason, **self._departments))

    def start(self, ticket_ids: Iterable[TicketId], evidence: Evidence, *, at: datetime) -> "Merge":
        """Set out to move these tickets, oldest first. Refused: MergeNotApproved."""
        self._must_be(MergeState.APPROVED, MergeNotApproved)
        return self.record(
            MergeStarted(occurred_at=at, ticket_ids=tuple(ticket_ids), evidence=evidence, **self._departments)
        )

    def record_moves(self, moved: Iterable[TicketId], passed_over: Iterable[TicketId], *, at: datetime) -> "Merge":
        """The tickets' own events are saved by the same command. Refused: MergeNotMoving."""
        self._must_be(MergeState.MOVING, MergeNotMoving)
        return self.record(
            MergeTicketsMoved(
                occurred_at=at, ticket_ids=tuple(moved), passed_over=tuple(passed_over), **self._departments
            )
        )

    def finish(self, *, at: datetime) -> "Merge":
        """Refused: MergeNotMoving."""
        self._must_be(MergeState.MOVING, MergeNotMoving)
        return self.record(
            MergeFinished(occurred_at=at, moved=self.moved, passed_over=self.passed_over, **self._departments)
        )

    def form_pool(self, evidence: Evidence, *, at: datetime) -> "Merge":
        """Refused: MergeNotApproved."""
        self._must_be(MergeState.APPROVED, MergeNotApproved)
        return self.record(MergePoolFormed(occurred_at=at, evidence=evidence, **self._departments))

    def share(self, ticket_ids: Iterable[TicketId], *, at: datetime) -> "Merge":
        """Agents of one department take these tickets of the other. Saved with their assignments, or not at all.

        Refused: MergeNotPooled.
        """
        self._must_be(MergeState.POOLED, MergeNotPooled)
        return self.record(MergeWorkShared(occurred_at=at, ticket_ids=tuple(ticket_ids), **self._departments))

    def partner_of(self, department_id: UUID) -> DepartmentId | None:
        """The other department; None where this one takes no part."""
        pair = (self.source_id, self.target_id)
        return pair[1 - pair.index(DepartmentId(department_id))] if department_id in pair else None

    def dissolve(self, *, by: DecidedBy, at: datetime, evidence: Evidence | None = None) -> "Merge":
        """Refused: MergeNotPooled."""
        self._must_be(MergeState.POOLED, MergeNotPooled)
        return self.record(MergeDissolved(occurred_at=at, dissolved_by=by, evidence=evidence, **self._departments))

    def abandon(self, reason: AbandonReason, evidence: Evidence, *, at: datetime) -> "Merge":
        """Give up what hasn't begun. Refused: MergeBegun."""
        if self.state not in {MergeState.SUGGESTED, MergeState.APPROVED}:
            raise MergeBegun(f"merge {self.id} is {self.state}; one that hasn't begun was expected")
        return self.record(MergeAbandoned(occurred_at=at, reason=reason, evidence=evidence, **self._departments))

    @property
    def _departments(self) -> dict[str, DepartmentId]:
        return {"source_id": self.source_id, "target_id": self.target_id}

    def _must_be(self, state: MergeState, refusal: type[Conflict]) -> None:
        if self.state is not state:
            raise refusal(f"merge {self.id} is {self.state}; a {state} one was expected")


def suggest_merge(
    merge_id: MergeId,
    evidence: Evidence,
    settings: MergeSettings,
    *,
    strategy: MergeStrategy,
    triggers: tuple[Trigger, ...],
    by: DecidedBy,
    at: datetime,
) -> Merge:
    """A new merge. Both departments join it in the same command. Refused: MergeWithItself, DepartmentsIncompatible."""
    source_id, target_id = evidence.source.department_id, evidence.target.department_id
    if source_id == target_id:
        raise MergeWithItself("two departments were expected")
    if target_id not in settings.compatible_ids:
        raise DepartmentsIncompatible(
            f"department {target_id} isn't among the compatible departments in the merging settings of {source_id}"
        )
    return Merge(id=merge_id).record(
        MergeSuggested(
            occurred_at=at,
            source_id=source_id,
            target_id=target_id,
            strategy=strategy,
            suggested_by=by,
            triggers=triggers,
            evidence=evidence,
            settings=settings,
        )
    )


class MergeNotSuggested(Conflict):
    """The merge is no longer a suggestion."""


class MergeNotApproved(Conflict):
    """The merge isn't approved, or has begun already."""


class MergeNotMoving(Conflict):
    """The merge is moving no tickets."""


class MergeBegun(Conflict):
    """The merge has begun, or ended, already."""


class MergeNotPooled(Conflict):
    """The merge is no pool, or no longer one."""


class DepartmentsIncompatible(Conflict):
    """The department isn't among those that may help."""


for _fact in (
    MergeSuggested,
    MergeApproved,
    MergeDismissed,
    MergeStarted,
    MergeTicketsMoved,
    MergeFinished,
    MergePoolFormed,
    MergeWorkShared,
    MergeDissolved,
    MergeAbandoned,
):
    _fact.AGGREGATE = Merge
