"""A department: its name, and how its tickets are given to agents.

Owns the streams of departments: emits DepartmentCreated, DepartmentRenamed, AssignmentPolicyChanged,
AssignmentPaused, AssignmentResumed, ResolutionTargetsChanged, WorkWeightsChanged and TakeBackChanged; on routing
RoutingRulesChanged and RequestTypesChanged; on merges MergingChanged, MergeJoined and MergeLeft.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from supportix.domain.agent import WEIGHT_LIMIT
from supportix.domain.aggregate import Aggregate, Fact
from supportix.domain.demand import Demand
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import AgentId, DepartmentId, MergeId
from supportix.domain.merge_settings import MergeSettings
from supportix.domain.routing_rules import RoutingRule, must_be_request_types, must_be_rules
from supportix.domain.ticket_words import Channel, Priority

IMPORT_PAUSE_REASON = "a history is being imported"
"""Why the live assigner leaves a department alone while its history is written."""
LONGEST_TARGET_MINUTES = 365 * 24 * 60
LONGEST_PATIENCE_SECONDS = 30 * 24 * 3600


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """When work is taken back from its agent, in seconds; None: never.

    `offline_after` counts from when the agent went offline, `unanswered_after` from the assignment to the start of
    work. An agent that didn't answer goes away, unless `stays_online`.
    """

    offline_after: int | None = 300
    unanswered_after: int | None = None
    stays_online: bool = False


# Names in TOPIC and the names of fields are the storage format of years of history: never change them. A field may be
# added where it has a default that means what was meant before; anything else is a new version.


class DepartmentCreated(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.created.v1"
    name: str
    policy: str

    def apply(self, department: "Department") -> None:
        department.name = self.name
        department.policy = self.policy


class DepartmentRenamed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.renamed.v1"
    name: str

    def apply(self, department: "Department") -> None:
        department.name = self.name


class AssignmentPolicyChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.policy_changed.v1"
    policy: str

    def apply(self, department: "Department") -> None:
        department.policy = self.policy


class AssignmentPaused(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.assignment_paused.v1"
    reason: str = ""

    def apply(self, department: "Department") -> None:
        department.paused = True


class AssignmentResumed(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.assignment_resumed.v1"

    def apply(self, department: "Department") -> None:
        department.paused = False


class ResolutionTargetsChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`minutes`: within how many a ticket of each priority has to be resolved; none where it isn't named."""

    TOPIC: ClassVar[str] = "department.targets_changed.v1"
    minutes: dict[Priority, int] = {}

    def apply(self, department: "Department") -> None:
        department.targets = dict(self.minutes)


class WorkWeightsChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How many points of capacity a ticket takes: the product of its priority's and its channel's, one if not named."""

    TOPIC: ClassVar[str] = "department.work_weights_changed.v1"
    by_priority: dict[Priority, int] = {}
    by_channel: dict[Channel, int] = {}

    def apply(self, department: "Department") -> None:
        department.weights_by_priority = dict(self.by_priority)
        department.weights_by_channel = dict(self.by_channel)


class TakeBackChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.take_back_changed.v1"
    take_back: TakeBack

    def apply(self, department: "Department") -> None:
        department.take_back = self.take_back


class RoutingRulesChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.routing_rules_changed.v1"
    rules: tuple[RoutingRule, ...] = ()

    def apply(self, department: "Department") -> None:
        department.routing_rules = self.rules


class RequestTypesChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.request_types_changed.v1"
    request_types: tuple[str, ...] = ()

    def apply(self, department: "Department") -> None:
        department.request_types = self.request_types


class MergingChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.merging_changed.v1"
    settings: MergeSettings

    def apply(self, department: "Department") -> None:
        department.merging = self.settings


class MergeJoined(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The department takes part in a live merge, and in no other until it has left this one."""

    TOPIC: ClassVar[str] = "department.merge_joined.v1"
    merge_id: MergeId
    partner_id: DepartmentId

    def apply(self, department: "Department") -> None:
        department.merge_id = self.merge_id


class MergeLeft(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.merge_left.v1"
    merge_id: MergeId

    def apply(self, department: "Department") -> None:
        department.merge_id = None
        department.merge_left_at = self.occurred_at


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
):
    _fact.AGGREGATE = Department
