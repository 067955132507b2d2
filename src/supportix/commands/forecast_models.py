"""Commands on the models that forecasts are made by."""

from datetime import datetime
from uuid import UUID

import msgspec

from supportix.commands.actors import Actor
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.domain.errors import NotFound
from supportix.domain.forecast_model import ForecastModel, forecast_model_id
from supportix.identity.roles import Permission
from supportix.store.committer import Command


class ForecastModelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The model in use right after a command; `department_id` null: the whole desk's."""

    department_id: UUID | None
    model: str
    choice_asked: bool
    drifted: bool
    version: int


class ForecastModels:
    """Carries out commands on models."""

    def __init__(self, desk: SupportDesk) -> None:
        self._desk = desk

    async def ask_for_choice(
        self, department_id: UUID | None, actor: Actor, envelope: Command, *, at: datetime
    ) -> Outcome:
        """Have the model of a department, or of the desk, chosen anew. Refused: Forbidden, NotFound."""
        actor.must_have(Permission.FORECASTS_MANAGE)

        async def decide(work: Work) -> ForecastModelAnswer:
            try:
                model = await work.load(ForecastModel, forecast_model_id(department_id))
            except NotFound as error:
                whose = "the desk" if department_id is None else f"department {department_id}"
                raise NotFound(f"no model was chosen for {whose} yet, so none can be chosen anew") from error
            model.ask_for_choice(at=at)
            return ForecastModelAnswer(
                department_id=department_id,
                model=model.model,
                choice_asked=model.choice_asked,
                drifted=model.drifted,
                version=model.version,
            )

        return await self._desk.carry_out(envelope, decide)
