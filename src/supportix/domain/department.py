"""A department: its name, and how its tickets are given to agents.

Owns the streams of departments: emits DepartmentCreated, DepartmentRenamed, AssignmentPolicyChanged,
AssignmentPaused and AssignmentResumed; on merges MergingChanged, MergeJoined and MergeLeft.
"""

from datetime import datetime
from typing import ClassVar

from supportix.domain.aggregate import Aggregate, Fact
from supportix.domain.errors import Conflict, InvalidInput
from supportix.domain.ids import DepartmentId, MergeId
from supportix.domain.merge_settings import MergeSettings

# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


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
    MergingChanged,
    MergeJoined,
    MergeLeft,
):
    _fact.AGGREGATE = Department
