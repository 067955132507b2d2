"""A department: its name, and how its tickets are given to agents.

Owns the streams of departments: emits DepartmentCreated, DepartmentRenamed, AssignmentPolicyChanged,
AssignmentPaused, AssignmentResumed, ResolutionTargetsChanged, WorkWeightsChanged and TakeBackChanged; on routing
RoutingRulesChanged and RequestTypesChanged; on merges MergingChanged, MergeJoined and MergeLeft; on planning
CalendarChanged, StaffingTermsChanged, KnownEventNoted and KnownEventWithdrawn.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from supportix.domain.agent import WEIGHT_LIMIT
from supportix.domain.aggregate import Aggregate
from supportix.domain.calendar import (
    MOST_KNOWN_EVENTS,
    BusinessCalendar,
    KnownEvent,
    KnownEventNotFound,
    TooManyKnownEvents,
)
from supportix.domain.demand import Demand
from supportix.domain.department_facts import (
    AssignmentPaused,
    AssignmentPolicyChanged,
    AssignmentResumed,
    CalendarChanged,
    DepartmentCreated,
    DepartmentRenamed,
    KnownEventNoted,
    KnownEventWithdrawn,
    MergeJoined,
    MergeLeft,
    MergingChanged,
    RequestTypesChanged,
    ResolutionTargetsChanged,
    RoutingRulesChanged,
    StaffingTermsChanged,
    TakeBack,
    TakeBackChanged,
    WorkWeightsChanged,
)
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, DepartmentId, KnownEventId, MergeId
from supportix.domain.merge_settings import MergeSettings
from supportix.domain.routing_rules import RoutingRule, must_be_request_types, must_be_rules
from supportix.domain.staffing_terms import StaffingTerms
from supportix.domain.ticket_words import Channel, Priority

IMPORT_PAUSE_REASON = "a history is being imported"
"""Why the live assigner leaves a department alone while its history is written."""
LONGEST_TARGET_MINUTES = 365 * 24 * 60
LONGEST_PATIENCE_SECONDS = 30 * 24 * 3600


class Department(Aggregate, kw_only=True):
    """A department's state. While `paused`, its tickets wait, and people may still assign them by hand."""

    name: str = ""
    policy: str = ""
    paused: bool = False
    merging: MergeSettings | None = None
    merge_id: MergeId | None = None
    merge_left_at: datetime | None = None
    targets: dict[Priority, int] = {}
    weights_by_priority: dict[Priority, int] = {}
    weights_by_channel: dict[Channel, int] = {}
    take_back: TakeBack = TakeBack()
    routing_rules: tuple[RoutingRule, ...] = ()
    request_types: tuple[str, ...] = ()
    calendar: BusinessCalendar = BusinessCalendar()
    staffing: StaffingTerms | None = None
    known_events: dict[KnownEventId, KnownEvent] = {}

    def demand(
        self,
        priority: Priority,
        channel: Channel,
        *,
        since: datetime,
        skills: tuple[str, ...] = (),
        preferred_agent_id: AgentId | None = None,
    ) -> Demand:
        """What a ticket asks for on this department's terms; it is due a target's time `since` then."""
        minutes = self.targets.get(priority)
        return Demand(
            weight=self.weights_by_priority.get(priority, 1) * self.weights_by_channel.get(channel, 1),
            skills=tuple(sorted(set(skills))),
            due_at=None if minutes is None else since + timedelta(minutes=minutes),
            preferred_agent_id=preferred_agent_id,
        )

    def rename(self, name: str, *, at: datetime) -> "Department":
        _check_name(name)
        if name != self.name:
            self.record(DepartmentRenamed(occurred_at=at, name=name))
        return self

    def change_policy(self, policy: str, *, at: datetime) -> "Department":
        """The caller has checked that a policy of that name exists."""
        if policy != self.policy:
            self.record(AssignmentPolicyChanged(occurred_at=at, policy=policy))
        return self

    def change_targets(self, minutes: Mapping[Priority, int], *, at: datetime) -> "Department":
        """Applies to tickets that are queued from now on. Refused: TermsOutOfRange."""
        for priority, target in minutes.items():
            _check_range(f"the target for {priority} in minutes", target, 1, LONGEST_TARGET_MINUTES)
        if dict(minutes) != self.targets:
            self.record(ResolutionTargetsChanged(occurred_at=at, minutes=dict(minutes)))
        return self

    def change_work_weights(
        self, by_priority: Mapping[Priority, int], by_channel: Mapping[Channel, int], *, at: datetime
    ) -> "Department":
        """Applies to tickets that are queued from now on. Refused: TermsOutOfRange."""
        for name, weight in (*by_priority.items(), *by_channel.items()):
            _check_range(f"the weight of {name}", weight, 1, WEIGHT_LIMIT)
        if (dict(by_priority), dict(by_channel)) != (self.weights_by_priority, self.weights_by_channel):
            self.record(WorkWeightsChanged(occurred_at=at, by_priority=dict(by_priority), by_channel=dict(by_channel)))
        return self

    def change_take_back(self, take_back: TakeBack, *, at: datetime) -> "Department":
        """Refused: TermsOutOfRange."""
        for name in ("offline_after", "unanswered_after"):
            seconds = getattr(take_back, name)
            if seconds is not None:
                _check_range(f"{name} in seconds", seconds, 0, LONGEST_PATIENCE_SECONDS)
        if take_back != self.take_back:
            self.record(TakeBackChanged(occurred_at=at, take_back=take_back))
        return self

    def change_routing_rules(self, rules: Sequence[RoutingRule], *, at: datetime) -> "Department":
        """Take tickets by these rules, and by no others, from now on. Refused: RoutingRuleInvalid."""
        must_be_rules(rules)
        if tuple(rules) != self.routing_rules:
            self.record(RoutingRulesChanged(occurred_at=at, rules=tuple(rules)))
        return self

    def change_request_types(self, names: Sequence[str], *, at: datetime) -> "Department":
        """Own these request types, which the caller claims for it: each is owned once. Refused: RequestTypeInvalid."""
        must_be_request_types(names)
        if tuple(names) != self.request_types:
            self.record(RequestTypesChanged(occurred_at=at, request_types=tuple(names)))
        return self

    def pause_assignment(self, *, reason: str, at: datetime) -> "Department":
        if not self.paused:
            self.record(AssignmentPaused(occurred_at=at, reason=reason))
        return self

    def resume_assignment(self, *, at: datetime) -> "Department":
        if self.paused:
            self.record(AssignmentResumed(occurred_at=at))
        return self

    def change_merging(self, settings: MergeSettings, *, at: datetime) -> "Department":
        """The caller has checked that the compatible departments exist. Refused: as `must_hold` says."""
        settings.must_hold(DepartmentId(self.id))
        if settings != self.merging:
            self.record(MergingChanged(occurred_at=at, settings=settings))
        return self

    def change_calendar(self, calendar: BusinessCalendar, *, at: datetime) -> "Department":
        """Refused: CalendarInvalid."""
        calendar.must_be_sound()
        if calendar != self.calendar:
            self.record(CalendarChanged(occurred_at=at, calendar=calendar))
        return self

    def change_staffing(self, terms: StaffingTerms, *, at: datetime) -> "Department":
        """Refused: StaffingTermsInvalid."""
        terms.must_be_sound()
        if terms != self.staffing:
            self.record(StaffingTermsChanged(occurred_at=at, terms=terms))
        return self

    def note_event(self, event: KnownEvent, *, at: datetime) -> "Department":
        """The event's id is new. Refused: KnownEventInvalid, TooManyKnownEvents."""
        event.must_be_sound()
        if len(self.known_events) >= MOST_KNOWN_EVENTS:
            raise TooManyKnownEvents(f"{MOST_KNOWN_EVENTS} are known; withdraw one that no longer matters first")
        return self.record(KnownEventNoted(occurred_at=at, event=event))

    def withdraw_event(self, event_id: KnownEventId, *, at: datetime) -> "Department":
        """Forget an event, as if it had never been noted. Refused: KnownEventNotFound."""
        if event_id not in self.known_events:
            raise KnownEventNotFound(f"department {self.name!r} knows no event {event_id}")
        return self.record(KnownEventWithdrawn(occurred_at=at, event_id=event_id))

    def join_merge(self, merge_id: MergeId, partner_id: DepartmentId, *, at: datetime) -> "Department":
        """Claim the department for a merge. Refused: DepartmentInMerge."""
        if self.merge_id is not None:
            raise DepartmentInMerge(f"department {self.name!r} takes part in merge {self.merge_id}; end that one first")
        return self.record(MergeJoined(occurred_at=at, merge_id=merge_id, partner_id=partner_id))

    def leave_merge(self, merge_id: MergeId, *, at: datetime) -> "Department":
        """Nothing is recorded where it takes no part in that merge."""
        if self.merge_id == merge_id:
            self.record(MergeLeft(occurred_at=at, merge_id=merge_id))
        return self


def create_department(department_id: DepartmentId, *, name: str, policy: str, at: datetime) -> Department:
    """A new department. Refused: DepartmentNameMissing."""
    _check_name(name)
    return Department(id=department_id).record(DepartmentCreated(occurred_at=at, name=name, policy=policy))


def _check_name(name: str) -> None:
    if not name.strip():
        raise DepartmentNameMissing("a name of at least one visible character was expected")


def _check_range(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise TermsOutOfRange(f"{what}: {value} was given; {lowest} to {highest} was expected")


class TermsOutOfRange(InvalidInput):
    """A number among a department's terms is out of range."""


class DepartmentNameMissing(InvalidInput):
    """A department needs a name."""


class DepartmentNameTaken(Conflict):
    """There is a department of that name already."""


class DepartmentInMerge(Conflict):
    """The department takes part in a merge already."""


for _fact in (
    DepartmentCreated,
    DepartmentRenamed,
    AssignmentPolicyChanged,
    AssignmentPaused,
    AssignmentResumed,
    ResolutionTargetsChanged,
    WorkWeightsChanged,
    TakeBackChanged,
    RoutingRulesChanged,
    RequestTypesChanged,
    MergingChanged,
    MergeJoined,
    MergeLeft,
    CalendarChanged,
    StaffingTermsChanged,
    KnownEventNoted,
    KnownEventWithdrawn,
):
    _fact.AGGREGATE = Department
