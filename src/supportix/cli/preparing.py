"""What has to be there before the first request: the schema, an administrator, and for the demo a history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from supportix.cli.output import progress, say

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from supportix.demo.fill import DemoLogin
    from supportix.settings import Settings

_HAS_OTHER_TICKETS = """
SELECT EXISTS (SELECT FROM events WHERE name = 'ticket.opened.v1')
AND NOT EXISTS (SELECT FROM imports WHERE mapping = 'demo')
"""


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[AsyncConnectionPool[Any]]:
    """A few connections. Raises SettingRefused where the database doesn't answer."""
    from psycopg_pool import AsyncConnectionPool

    from supportix.bootstrap import must_answer

    url = settings.required_database_url()
    await must_answer(url)
    async with AsyncConnectionPool(url, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}) as pool:
        yield pool


def prepare(settings: Settings) -> str | None:
    """Migrate, and make the first administrator: the account's one-time password where it was made just now."""
    from supportix.migrating import upgrade

    url = settings.required_database_url()
    upgrade(url)
    return asyncio.run(_ensure_admin(settings))


async def _ensure_admin(settings: Settings) -> str | None:
    from supportix.identity.accounts import Accounts

    async with open_pool(settings) as pool:
        return await Accounts(pool).ensure_admin(datetime.now(UTC))


def must_answer(settings: Settings) -> None:
    """Raises SettingRefused where a server that settings name can't be reached."""
    asyncio.run(_must_answer(settings))


async def _must_answer(settings: Settings) -> None:
    if settings.database_url is not None:
        from supportix.bootstrap import must_answer as database_must_answer

        await database_must_answer(settings.database_url)
    if settings.nats_url is not None:
        from supportix.realtime.connection import connect

        async with connect(settings.nats_url):
            pass


def fill_demo(settings: Settings) -> Sequence[DemoLogin]:
    """Give an empty store the demo's history, once: who can log in, if it was filled just now."""
    return asyncio.run(_fill_demo(settings))


async def _fill_demo(settings: Settings) -> Sequence[DemoLogin]:
    from supportix.bootstrap import open_core, utc_now
    from supportix.demo.fill import fill

    async with open_core(settings) as core:
        async with core.pool.connection() as connection:
            row = await (await connection.execute(_HAS_OTHER_TICKETS)).fetchone()
        if row is not None and row[0]:
            say("There are tickets already; the demo's history isn't added.")
            return ()
        await core.departments.ensure_triage(at=utc_now())
        with progress("Demo") as advance:
            return await fill(core, utc_now(), lambda stage, done, total: advance(done, total, f"Demo: {stage}"))
