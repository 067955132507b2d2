"""What each API process works with: the core, identity, and the read models."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from hmac import digest

import msgspec
import structlog

from supportix.api.access import Gate
from supportix.api.cursors import Cursors
from supportix.api.positions import ReadPositions
from supportix.bootstrap import Core, open_core, utc_now
from supportix.identity.accounts import Accounts
from supportix.identity.revocations import Revocations
from supportix.identity.sessions import Sessions
from supportix.identity.tokens import TokenSigner
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.settings import Settings

ISSUER = "supportix"
AUDIENCE = "supportix-api"
REVOCATION_POLL_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Backend(msgspec.Struct, frozen=True):
    """The parts of one API process. `secret` is derived from the one that signs tokens."""

    settings: Settings
    core: Core
    database: ReadDatabase
    positions: ReadPositions
    accounts: Accounts
    sessions: Sessions
    revocations: Revocations
    gate: Gate
    cursors: Cursors
    secret: bytes
    clock: Callable[[], datetime]


def token_signer(settings: Settings) -> TokenSigner:
    """Raises SettingRefused where the secret is missing or short."""
    return TokenSigner(settings.required_secret(), ISSUER, AUDIENCE)


@asynccontextmanager
async def open_backend(settings: Settings) -> AsyncIterator[Backend]:
    """An API process's parts, on this event loop. Raises SettingRefused."""
    signer = token_signer(settings)
    secret = digest(settings.required_secret(), b"supportix api", "sha256")
    async with open_core(settings) as core:
        revocations = Revocations(core.pool)
        await revocations.poll(utc_now())
        await core.departments.ensure_triage(at=utc_now())
        backend = Backend(
            settings=settings,
            core=core,
            database=ReadDatabase(settings),
            positions=ReadPositions(core.pool),
            accounts=Accounts(core.pool),
            sessions=Sessions(core.pool, signer),
            revocations=revocations,
            gate=Gate(signer, revocations),
            cursors=Cursors(secret),
            secret=secret,
            clock=utc_now,
        )
        beside = [
            asyncio.create_task(_follow(revocations, utc_now), name="revocations"),
            asyncio.create_task(backend.database.warm_up(), name="warm-up"),
        ]
        try:
            yield backend
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            await backend.positions.close()
            await backend.database.close()


async def _follow(revocations: Revocations, clock: Callable[[], datetime]) -> None:
    """Take in revoked sessions each second; while the database is away, what is known stays in force."""
    import psycopg
    from psycopg_pool import PoolTimeout

    while True:
        await asyncio.sleep(REVOCATION_POLL_SECONDS)
        try:
            await revocations.poll(clock())
        except (psycopg.OperationalError, PoolTimeout) as error:
            _log.warning("revocations can't be read", why=str(error))
