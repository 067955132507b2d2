"""Who may call an operation, declared on each route as data; and who is calling, from the bearer token."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from supportix.api.refusals import PasswordChangeRequired, Unauthenticated
from supportix.domain.errors import Forbidden
from supportix.identity.errors import SessionRevoked
from supportix.identity.revocations import Revocations
from supportix.identity.roles import PERMISSIONS, Permission, Role
from supportix.identity.tokens import Principal, TokenSigner


class Audience(StrEnum):
    """Who may call what needs no permission."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"


Needs = Audience | frozenset[Permission]
"""An audience, or permissions of which the role must have at least one."""


def any_of(*permissions: Permission) -> frozenset[Permission]:
    return frozenset(permissions)


def admits(needs: Needs, role: Role | None) -> bool:
    """Whether the declaration lets this role in; None is a stranger."""
    if needs is Audience.ANYONE:
        return True
    if role is None:
        return False
    return isinstance(needs, Audience) or not needs.isdisjoint(PERMISSIONS[role])


class Gate(msgspec.Struct, frozen=True):
    """Lets requests in."""

    signer: TokenSigner
    revocations: Revocations

    def identify(self, headers: Mapping[bytes, bytes], now: datetime) -> Principal:
        """Refused: Unauthenticated, TokenInvalid, TokenExpired, SessionRevoked."""
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise Unauthenticated("a header `Authorization: Bearer <access token>` was expected")
        principal = self.signer.verify_access(token.decode("latin-1"), now)
        if self.revocations.is_revoked(principal):
            raise SessionRevoked
        return principal


def must_admit(needs: Needs, principal: Principal) -> None:
    """Refused: Forbidden, PasswordChangeRequired."""
    if isinstance(needs, Audience):
        return
    if principal.must_change_password:
        raise PasswordChangeRequired("replace it with PUT /api/v1/auth/password, then refresh your tokens")
    if needs.isdisjoint(PERMISSIONS[principal.role]):
        expected = " or ".join(repr(permission.value) for permission in sorted(needs))
        raise Forbidden(f"permission {expected} was expected; role {principal.role.value!r} doesn't have it")
