"""Accounts, for administrators. They aren't in the log, so nothing here takes an Idempotency-Key."""

from typing import Literal
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Page
from supportix.api.endpoints import action
from supportix.api.inputs import CursorText, Email, Limit, NewPassword, OptionalName, Username
from supportix.api.refusals import NotAnAgent
from supportix.domain.agent import Availability
from supportix.domain.errors import NotFound
from supportix.identity.accounts import Account
from supportix.identity.errors import (
    AccountNotFound,
    EmailInvalid,
    EmailTaken,
    FullNameInvalid,
    LastAdmin,
    UsernameInvalid,
    UsernameTaken,
    WeakPassword,
)
from supportix.identity.roles import Permission, Role

TAG = "Accounts"
READING = any_of(Permission.ACCOUNTS_READ)
MANAGING = any_of(Permission.ACCOUNTS_MANAGE)


class AccountListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts to list."""

    role: Role | None = None
    limit: Limit = 50
    cursor: CursorText | None = None


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account for somebody else; agents are made with POST /agents. The password has to be replaced at first."""

    username: Username
    password: NewPassword
    role: Literal["customer", "supervisor", "admin"]
    full_name: OptionalName = ""
    email: Email | None = None


class NewRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the account is from now on. Only who was registered as an agent can become one again."""

    role: Role


class OneTimePassword(msgspec.Struct, frozen=True):
    """Works once, to choose another one. It isn't shown again."""

    password: str


@action("GET", "/accounts", needs=READING, tag=TAG)
async def list_accounts(call: Call, query: AccountListQuery) -> Page[Account]:
    """List accounts by user name, disabled ones too."""
    cursors = call.backend.cursors
    after = cursors.read("accounts", query.cursor, str) if query.cursor else None
    found = await call.backend.accounts.list(role=query.role, after=after, limit=query.limit)
    next_cursor = cursors.make("accounts", found.next_after) if found.next_after is not None else None
    return Page(found.items, next_cursor)


@action("GET", "/accounts/{account_id}", needs=READING, tag=TAG, refusals=(AccountNotFound,))
async def get_account(call: Call, account_id: UUID) -> Account:
    """Read one account."""
    return await call.backend.accounts.get(account_id)


@action(
    "POST",
    "/accounts",
    needs=MANAGING,
    tag=TAG,
    status=201,
    refusals=(UsernameTaken, EmailTaken, UsernameInvalid, FullNameInvalid, EmailInvalid, WeakPassword),
)
async def create_account(call: Call, body: NewAccount) -> Account:
    """Make an account for a customer, a supervisor or an administrator."""
    accounts = call.backend.accounts
    prepared = await accounts.prepare(
        username=body.username,
        password=body.password,
        role=Role(body.role),
        full_name=body.full_name,
        email=body.email,
        must_change_password=True,
        now=call.at,
    )
    return await accounts.create(prepared)


@action(
    "PUT",
    "/accounts/{account_id}/role",
    needs=MANAGING,
    tag=TAG,
    refusals=(AccountNotFound, LastAdmin, NotAnAgent),
)
async def change_role(call: Call, account_id: UUID, body: NewRole) -> Account:
    """Change what an account may do. Its sessions end. Who stops being an agent goes offline first."""
    if body.role is not Role.AGENT:
        await _take_off_duty(call, account_id)
    elif not await call.backend.core.desk.reading.stream(account_id):
        await call.backend.accounts.get(account_id)
        raise NotAnAgent("an account that POST /agents made was expected")
    changed = await call.backend.accounts.set_role(account_id, body.role, now=call.at)
    await call.backend.revocations.poll(call.at)
    return changed


@action("POST", "/accounts/{account_id}/disable", needs=MANAGING, tag=TAG, refusals=(AccountNotFound, LastAdmin))
async def disable_account(call: Call, account_id: UUID) -> Account:
    """Lock somebody out. All sessions end at once; an agent goes offline first."""
    await _take_off_duty(call, account_id)
    disabled = await call.backend.accounts.disable(account_id, now=call.at)
    await call.backend.revocations.poll(call.at)
    return disabled


@action("POST", "/accounts/{account_id}/enable", needs=MANAGING, tag=TAG, refusals=(AccountNotFound,))
async def enable_account(call: Call, account_id: UUID) -> Account:
    """Let somebody in again."""
    return await call.backend.accounts.enable(account_id)


@action("POST", "/accounts/{account_id}/reset-password", needs=MANAGING, tag=TAG, refusals=(AccountNotFound,))
async def reset_password(call: Call, account_id: UUID) -> OneTimePassword:
    """Replace a forgotten password with a one-time one. All sessions end."""
    password = await call.backend.accounts.reset_password(account_id, now=call.at)
    await call.backend.revocations.poll(call.at)
    return OneTimePassword(password)


async def _take_off_duty(call: Call, account_id: UUID) -> None:
    """Whoever can't log in must get no more work."""
    agents = call.backend.core.agents
    try:
        await agents.change_availability(account_id, Availability.OFFLINE, call.actor, call.envelope, None, at=call.at)
    except NotFound:
        return  # Not an agent.


ENDPOINTS = (
    list_accounts,
    get_account,
    create_account,
    change_role,
    disable_account,
    enable_account,
    reset_password,
)
