"""What happens to departments, as it is stored."""

from typing import TYPE_CHECKING, ClassVar

import msgspec

from supportix.domain.aggregate import Fact
from supportix.domain.calendar import BusinessCalendar, KnownEvent
from supportix.domain.ids import DepartmentId, KnownEventId, MergeId
from supportix.domain.merge_settings import MergeSettings
from supportix.domain.routing_rules import RoutingRule
from supportix.domain.staffing_terms import StaffingTerms
from supportix.domain.ticket_words import Channel, Priority

if TYPE_CHECKING:
    from supportix.domain.department import Department


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


class CalendarChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.calendar_changed.v1"
    calendar: BusinessCalendar

    def apply(self, department: "Department") -> None:
        department.calendar = self.calendar


class StaffingTermsChanged(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.staffing_changed.v1"
    terms: StaffingTerms

    def apply(self, department: "Department") -> None:
        department.staffing = self.terms


class KnownEventNoted(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.event_noted.v1"
    event: KnownEvent

    def apply(self, department: "Department") -> None:
        department.known_events[self.event.event_id] = self.event


class KnownEventWithdrawn(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "department.event_withdrawn.v1"
    event_id: KnownEventId

    def apply(self, department: "Department") -> None:
        del department.known_events[self.event_id]
