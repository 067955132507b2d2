"""Commands of people on advice about staffing."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from supportix.commands.actors import Actor
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.domain.advice_words import AdviceKind, AdviceState
from supportix.domain.errors import NotFound
from supportix.domain.staffing_advice import StaffingAdvice
from supportix.identity.roles import Permission
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


class AdviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The advice right after a command. `version` is what If-Match wants next."""

    advice_id: UUID
    department_id: UUID
    state: AdviceState
    kind: AdviceKind
    begins_at: datetime
    ends_at: datetime
    agents: int
    version: int

    @classmethod
    def of(cls, advice: StaffingAdvice) -> "AdviceAnswer":
        told = advice.told
        return cls(
            advice_id=advice.id,
            department_id=advice.department_id,
            state=advice.state,
            kind=told.kind,
            begins_at=told.begin,
            ends_at=told.end,
            agents=told.agents,
            version=advice.version,
        )


class AdviceOnStaffing:
    """Carries out what people decide on advice."""

    def __init__(self, desk: SupportDesk) -> None:
        self._desk = desk

    async def accept(
        self, advice_id: UUID, reason: str, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, AdviceDecided, AdviceOver."""
        return await self._decide(
            advice_id, actor, envelope, version, lambda advice: advice.accept(reason=reason, at=at)
        )

    async def dismiss(
        self, advice_id: UUID, reason: str, actor: Actor, envelope: Command, version: int | None, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, AdviceDecided, AdviceOver."""
        return await self._decide(
            advice_id, actor, envelope, version, lambda advice: advice.dismiss(reason=reason, at=at)
        )

    async def _decide(
        self,
        advice_id: UUID,
        actor: Actor,
        envelope: Command,
        version: int | None,
        change: Callable[[StaffingAdvice], StaffingAdvice],
    ) -> Outcome:
        actor.must_have(Permission.FORECASTS_MANAGE)

        async def decide(work: Work) -> AdviceAnswer:
            try:
                advice = await work.load(StaffingAdvice, advice_id)
            except NotFound:
                raise NotFound(f"no advice has the id {advice_id}") from None
            if version not in (None, advice.version):
                raise StaleVersion(f"version {version} was expected, it is {advice.version} now")
            return AdviceAnswer.of(change(advice))

        return await self._desk.carry_out(envelope, decide)
