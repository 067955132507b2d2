"""The composition root: builds a process's parts from its settings, and takes them down again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.commands.advice import AdviceOnStaffing
from supportix.commands.agents import Agents
from supportix.commands.departments import Departments
from supportix.commands.desk import SupportDesk
from supportix.commands.forecast_models import ForecastModels
from supportix.commands.known_departments import KnownDepartments
from supportix.commands.merges import Merges
from supportix.commands.numbers import TicketNumbers
from supportix.commands.planning import Planning
from supportix.commands.tickets import Tickets
from supportix.routing.router import Router
from supportix.settings import SettingRefused, Settings
from supportix.store.committer import GroupCommitter
from supportix.store.connections import LivePool
from supportix.store.feed import LogFeed, Wakeups


class Core(msgspec.Struct, frozen=True):
    """What every process that works with the log has."""

    pool: AsyncConnectionPool[Any]
    wakeups: Wakeups
    committer: GroupCommitter
    desk: SupportDesk
    feed: LogFeed
    tickets: Tickets
    departments: Departments
    planning: Planning
    agents: Agents
    router: Router
    merges: Merges
    forecast_models: ForecastModels
    advice: AdviceOnStaffing


def utc_now() -> datetime:
    """The clock that is handed to whatever needs the time."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """A process's core, on this event loop. Raises SettingRefused where the database doesn't answer."""
    url = settings.required_database_url()
    pool = LivePool(url, settings.pool_size)
    await must_answer(url)
    wakeups = Wakeups()
    committer = GroupCommitter(url, on_flush=wakeups.hint)
    async with pool:
        await committer.start()
        desk = SupportDesk(url, pool, committer)
        known = KnownDepartments(desk)
        router = Router(pool)
        tickets = Tickets(desk, TicketNumbers(pool), known, router)
        core = Core(
            pool=pool,
            wakeups=wakeups,
            committer=committer,
            desk=desk,
            feed=LogFeed(desk.reading, wakeups),
            tickets=tickets,
            departments=Departments(desk, known, router),
            planning=Planning(desk),
            agents=Agents(desk, known),
            router=router,
            merges=Merges(desk, known),
            forecast_models=ForecastModels(desk),
            advice=AdviceOnStaffing(desk),
        )
        try:
            yield core
        finally:
            await router.close()
            await committer.close()
            desk.close()


async def must_answer(database_url: str) -> None:
    """Raises SettingRefused, in one line, where PostgreSQL can't be reached."""
    import psycopg

    try:
        connection = await psycopg.AsyncConnection.connect(database_url, connect_timeout=5)
    except (psycopg.Error, OSError) as error:
        why = str(error).strip().splitlines()[-1]
        raise SettingRefused(f"SUPPORTIX_DATABASE_URL: PostgreSQL doesn't answer there: {why}") from error
    await connection.close()
