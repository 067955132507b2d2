"""What has to be there before the first request: the schema, the triage department and an administrator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportix.identity.accounts import Accounts
    from supportix.settings import Settings


async def prepare_store(settings: Settings) -> str | None:
    """On a migrated database: the first administrator's one-time password where the account was made just now."""
    from supportix.bootstrap import open_core, utc_now
    from supportix.identity.accounts import Accounts

    async with open_core(settings) as core:
        await core.departments.ensure_triage(at=utc_now())
        return await Accounts(core.pool).ensure_admin(utc_now())


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """Raises SettingRefused where the database doesn't answer."""
    from psycopg_pool import AsyncConnectionPool

    from supportix.bootstrap import must_answer
    from supportix.identity.accounts import Accounts

    url = settings.required_database_url()
    await must_answer(url)
    async with AsyncConnectionPool(url, min_size=1, max_size=2, open=False, kwargs={"autocommit": True}) as pool:
        yield Accounts(pool)


async def must_reach_nats(nats_url: str) -> None:
    """Raises SettingRefused where no NATS server answers, or one without JetStream."""
    import nats
    from nats.errors import Error

    from supportix.settings import SettingRefused

    async def quiet(_error: Exception) -> None:
        """The outcome below says it."""

    try:
        connection = await nats.connect(
            nats_url.split(","), allow_reconnect=False, connect_timeout=5, max_reconnect_attempts=0, error_cb=quiet
        )
        try:
            await connection.jetstream().account_info()
        finally:
            await connection.close()
    except (Error, OSError, TimeoutError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise SettingRefused(f"SUPPORTIX_NATS_URL: no NATS server with JetStream answers there: {why}") from error
