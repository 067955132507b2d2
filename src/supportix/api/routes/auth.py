"""Signing up, logging in and out, and who one is."""

from typing import Annotated
from uuid import UUID

import msgspec

from supportix.api.access import Audience
from supportix.api.call import Call
from supportix.api.endpoints import action
from supportix.api.inputs import Email, GivenPassword, NewPassword, OptionalName, Text, Username
from supportix.identity.accounts import Account
from supportix.identity.errors import (
    AccountDisabled,
    AccountNotFound,
    EmailInvalid,
    EmailTaken,
    FullNameInvalid,
    SessionRevoked,
    TokenExpired,
    TokenInvalid,
    TooManyAttempts,
    UsernameInvalid,
    UsernameTaken,
    WeakPassword,
    WrongCredentials,
)
from supportix.identity.roles import PERMISSIONS, Permission, Role
from supportix.identity.sessions import TokenPair

TAG = "Sign-in"


class SignUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's new account."""

    username: Username
    password: NewPassword
    full_name: OptionalName = ""
    email: Email | None = None


class LogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What proves who one is."""

    username: Username
    password: GivenPassword


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A refresh token, which works once."""

    refresh_token: Annotated[Text, msgspec.Meta(max_length=4_096)]


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password so far, and the one from now on."""

    current_password: GivenPassword
    new_password: NewPassword


class Me(msgspec.Struct, frozen=True):
    """Who is signed in, and what the role allows."""

    account_id: UUID
    username: str
    full_name: str
    email: str | None
    role: Role
    must_change_password: bool
    permissions: tuple[Permission, ...]


@action(
    "POST",
    "/auth/sign-up",
    needs=Audience.ANYONE,
    tag=TAG,
    status=201,
    refusals=(UsernameTaken, EmailTaken, UsernameInvalid, FullNameInvalid, EmailInvalid, WeakPassword),
)
async def sign_up(call: Call, body: SignUp) -> Account:
    """Make an account for yourself, as a customer."""
    return await call.backend.accounts.sign_up(
        username=body.username, password=body.password, full_name=body.full_name, email=body.email, now=call.at
    )


@action(
    "POST",
    "/auth/log-in",
    needs=Audience.ANYONE,
    tag=TAG,
    refusals=(WrongCredentials, AccountDisabled, TooManyAttempts),
)
async def log_in(call: Call, body: LogIn) -> TokenPair:
    """Trade user name and password for a pair of tokens. After failures the next try has to wait."""
    account = await call.backend.accounts.authenticate(body.username, body.password, call.address, call.at)
    return await call.backend.sessions.log_in(account, now=call.at)


@action(
    "POST",
    "/auth/refresh",
    needs=Audience.ANYONE,
    tag=TAG,
    refusals=(TokenInvalid, TokenExpired, SessionRevoked, AccountDisabled),
)
async def refresh_tokens(call: Call, body: Refresh) -> TokenPair:
    """Trade a refresh token for a new pair. One that comes a second time ends the whole session."""
    return await call.backend.sessions.refresh(body.refresh_token, call.at)


@action("POST", "/auth/log-out", needs=Audience.SIGNED_IN, tag=TAG, status=204)
async def log_out(call: Call) -> None:
    """End the session of the access token. Its tokens stop working at once."""
    await call.backend.sessions.log_out(call.sender, call.at)
    await call.backend.revocations.poll(call.at)


@action(
    "PUT",
    "/auth/password",
    needs=Audience.SIGNED_IN,
    tag=TAG,
    status=204,
    refusals=(WrongCredentials, WeakPassword, TooManyAttempts, AccountDisabled, AccountNotFound),
)
async def change_password(call: Call, body: PasswordChange) -> None:
    """Change your password. All your other sessions end."""
    await call.backend.accounts.change_password(
        call.sender.account_id,
        current_password=body.current_password,
        new_password=body.new_password,
        ip=call.address,
        now=call.at,
        keep_session=call.sender.session_id,
    )
    await call.backend.revocations.poll(call.at)


@action("GET", "/me", needs=Audience.SIGNED_IN, tag=TAG, refusals=(AccountNotFound,))
async def get_me(call: Call) -> Me:
    """Read who you are and what you may do. The permissions are empty until a one-time password is replaced."""
    account = await call.backend.accounts.get(call.sender.account_id)
    granted = () if call.sender.must_change_password else tuple(sorted(PERMISSIONS[call.sender.role]))
    return Me(
        account_id=account.id,
        username=account.username,
        full_name=account.full_name,
        email=account.email,
        role=call.sender.role,
        must_change_password=call.sender.must_change_password,
        permissions=granted,
    )


ENDPOINTS = (sign_up, log_in, refresh_tokens, log_out, change_password, get_me)
