"""Fills an empty desk with the demo's history, once, and makes three people who can log in."""

from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

import msgspec

from supportix.bootstrap import Core
from supportix.demo.history import thirty_days
from supportix.demo.script import DEPARTMENTS
from supportix.identity.accounts import Accounts
from supportix.identity.errors import UsernameTaken
from supportix.identity.imported import rename_login
from supportix.identity.passwords import one_time_password
from supportix.identity.roles import Role
from supportix.importing.identities import Identities
from supportix.importing.run import Plan, Progress, write_histories

SEED = 7
IDENTITIES = Identities(uuid5(NAMESPACE_URL, "supportix:demo"))


class DemoLogin(msgspec.Struct, frozen=True):
    """Somebody to log in as."""

    username: str
    password: str
    role: Role


async def fill(core: Core, now: datetime, progress: Progress) -> list[DemoLogin]:
    """Write the history up to `now`. Returns who can log in; nobody where the desk was filled before."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT started_at FROM imports WHERE import_id = %s", (IDENTITIES.import_id,)
        )
        row = await cursor.fetchone()
    histories, staffing = thirty_days(row[0] if row else now, SEED)
    plan = Plan(
        histories=histories,
        staffing=staffing,
        identities=IDENTITIES,
        source="demo",
        mapping="demo",
        mode="replayed",
        policy="least_busy",
        until=row[0] if row else now,
    )
    written = await write_histories(core, plan, progress)
    return [] if written.done_before else await _logins(core, now)


async def _logins(core: Core, now: datetime) -> list[DemoLogin]:
    """A supervisor, an agent with a past, and a customer, each with a password of their own."""
    accounts = Accounts(core.pool)
    agent = IDENTITIES.agent(DEPARTMENTS[0].agents[0])
    logins = [
        DemoLogin("demo-supervisor", one_time_password(), Role.SUPERVISOR),
        DemoLogin("demo-agent", one_time_password(), Role.AGENT),
        DemoLogin("demo-customer", one_time_password(), Role.CUSTOMER),
    ]
    for login in logins:
        prepared = await accounts.prepare(username=login.username, password=login.password, role=login.role, now=now)
        try:
            if login.role is Role.AGENT:
                async with core.pool.connection() as connection:
                    await rename_login(connection, agent, prepared)
            else:
                await accounts.create(prepared)
        except UsernameTaken:
            continue  # A run that was interrupted right here has made it.
    return logins
