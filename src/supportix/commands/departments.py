"""Commands on departments."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from supportix.commands.actors import Actor
from supportix.commands.department_names import claim_name, claim_request_types
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.commands.known_departments import KnownDepartments
from supportix.domain.department import Department, DepartmentNameTaken, create_department
from supportix.domain.department_facts import TakeBack
from supportix.domain.errors import InvalidInput
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, DepartmentId
from supportix.domain.routing_rules import RoutingRule
from supportix.domain.ticket_words import Channel, Priority
from supportix.identity.roles import Permission
from supportix.policies import POLICIES
from supportix.routing.router import Router
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion, VersionConflict

TRIAGE_NAME = "Triage"


class DepartmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The department right after a command."""

    department_id: UUID
    name: str
    policy: str
    paused: bool
    version: int

    @classmethod
    def of(cls, department: Department) -> "DepartmentAnswer":
        return cls(
            department_id=department.id,
            name=department.name,
            policy=department.policy,
            paused=department.paused,
            version=department.version,
        )


class UnknownPolicy(InvalidInput):
    """There is no such assignment policy."""


class Departments:
    """Carries out commands on departments."""

    def __init__(self, desk: SupportDesk, known: KnownDepartments, router: Router) -> None:
        self._desk = desk
        self._known = known
        self._router = router

    async def create(self, name: str, policy: str, actor: Actor, envelope: Command, *, at: datetime) -> Outcome:
        """Refused: Forbidden, UnknownPolicy, DepartmentNameMissing, DepartmentNameTaken."""
        actor.must_have(Permission.DEPARTMENTS_MANAGE)
        must_be_policy(policy)
        department = create_department(DepartmentId(uuid7()), name=name, policy=policy, at=at)

        async def decide(work: Work) -> DepartmentAnswer:
            work.add(department)
            return DepartmentAnswer.of(department)

        return await self._desk.carry_out_beside(envelope, decide, claim_name(department.id, name))

    async def rename(
        self, department_id: UUID, name: str, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, DepartmentNameTaken."""
        decide = change_department(department_id, actor, version, lambda department: department.rename(name, at=at))
        return await self._desk.carry_out_beside(envelope, decide, claim_name(department_id, name))

    async def change_policy(
        self, department_id: UUID, policy: str, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, UnknownPolicy."""
        must_be_policy(policy)
        decide = change_department(department_id, actor, version, lambda each: each.change_policy(policy, at=at))
        return await self._carry_out(department_id, envelope, decide)

    async def change_targets(
        self,
        department_id: UUID,
        minutes: Mapping[Priority, int],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Within how many minutes tickets have to be resolved. Refused: Forbidden, NotFound, StaleVersion,
        TermsOutOfRange.
        """
        decide = change_department(department_id, actor, version, lambda each: each.change_targets(minutes, at=at))
        return await self._carry_out(department_id, envelope, decide)

    async def change_work_weights(
        self,
        department_id: UUID,
        by_priority: Mapping[Priority, int],
        by_channel: Mapping[Channel, int],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """How many points tickets take. Refused: Forbidden, NotFound, StaleVersion, TermsOutOfRange."""
        decide = change_department(
            department_id, actor, version, lambda each: each.change_work_weights(by_priority, by_channel, at=at)
        )
        return await self._carry_out(department_id, envelope, decide)

    async def change_take_back(
        self,
        department_id: UUID,
        take_back: TakeBack,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """When work is taken back. Refused: Forbidden, NotFound, StaleVersion, TermsOutOfRange."""
        decide = change_department(department_id, actor, version, lambda each: each.change_take_back(take_back, at=at))
        return await self._carry_out(department_id, envelope, decide)

    async def change_routing_rules(
        self,
        department_id: UUID,
        rules: Sequence[RoutingRule],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Which tickets the department takes. Refused: Forbidden, NotFound, StaleVersion, RoutingRuleInvalid."""
        decide = change_department(department_id, actor, version, lambda each: each.change_routing_rules(rules, at=at))
        outcome = await self._carry_out(department_id, envelope, decide)
        await self._router.refresh()
        return outcome

    async def change_request_types(
        self,
        department_id: UUID,
        names: Sequence[str],
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Which request types the department owns. Refused: Forbidden, NotFound, StaleVersion, RequestTypeInvalid,
        RequestTypeTaken.
        """
        decide = change_department(department_id, actor, version, lambda each: each.change_request_types(names, at=at))
        claim = claim_request_types(department_id, names)
        outcome = await self._desk.carry_out_beside(envelope, decide, claim)
        self._known.forget(department_id)
        await self._router.refresh()
        return outcome

    async def pause(
        self,
        department_id: UUID,
        paused: bool,
        reason: str,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Stop or resume giving the department's tickets out. Refused: Forbidden, NotFound, StaleVersion."""

        def change(department: Department) -> Department:
            if paused:
                return department.pause_assignment(reason=reason, at=at)
            return department.resume_assignment(at=at)

        return await self._carry_out(department_id, envelope, change_department(department_id, actor, version, change))

    async def found(self, name: str, policy: str, *, at: datetime) -> DepartmentId:
        """Create a department without a person who asks for it, for imports. Refused: as `create`, but Forbidden."""
        must_be_policy(policy)
        department = create_department(DepartmentId(uuid7()), name=name, policy=policy, at=at)

        async def decide(work: Work) -> DepartmentAnswer:
            work.add(department)
            return DepartmentAnswer.of(department)

        await self._desk.carry_out_beside(Command(), decide, claim_name(department.id, name))
        return DepartmentId(department.id)

    async def ensure_triage(self, *, at: datetime) -> None:
        """Create the department for tickets that name none, unless it is there; marked, where its name is taken."""
        for name in (TRIAGE_NAME, f"{TRIAGE_NAME} (of this desk)"):
            if await self._desk.reading.stream(TRIAGE_DEPARTMENT_ID):
                return
            triage = create_department(TRIAGE_DEPARTMENT_ID, name=name, policy="round_robin", at=at)

            async def decide(work: Work, triage: Department = triage) -> DepartmentAnswer:
                work.add(triage)
                return DepartmentAnswer.of(triage)

            with contextlib.suppress(VersionConflict, DepartmentNameTaken):
                await self._desk.carry_out_beside(Command(), decide, claim_name(triage.id, name))

    async def _carry_out(self, department_id: UUID, envelope: Command, decide: Callable[[Work], Any]) -> Outcome:
        try:
            return await self._desk.carry_out(envelope, decide)
        finally:
            self._known.forget(department_id)


def change_department(
    department_id: UUID, actor: Actor, version: int | None, change: Callable[[Department], Department]
) -> Callable[[Work], Awaitable[DepartmentAnswer]]:
    """A decision on one department by who may manage it. Refused: Forbidden, NotFound, StaleVersion."""

    async def decide(work: Work) -> DepartmentAnswer:
        actor.must_have(Permission.DEPARTMENTS_MANAGE)
        department = await work.load(Department, department_id)
        if version not in (None, department.version):
            raise StaleVersion(f"version {version} was expected, it is {department.version} now")
        return DepartmentAnswer.of(change(department))

    return decide


def must_be_policy(policy: str) -> None:
    """Refused: UnknownPolicy."""
    if policy not in POLICIES:
        raise UnknownPolicy(f"policy {policy!r} was given; one of these was expected: {', '.join(sorted(POLICIES))}")
