"""The two signed tokens of a session: a short access token for each request, and a refresh token that renews it once.

Pure: the time comes in, nothing is stored. Whether a session was revoked meanwhile is known to `revocations`.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, TypeVar
from uuid import UUID

import jwt
import msgspec

from supportix.identity.errors import TokenExpired, TokenInvalid
from supportix.identity.roles import PERMISSIONS, Permission, Role

ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=14)
MIN_SECRET_BYTES = 32  # RFC 7518 3.2: a key at least as long as the hash.
MAX_TOKEN_LENGTH = 4096

TokenType = Literal["at+jwt", "rt+jwt"]

_ALGORITHM = "HS256"
# Three parts in the alphabet of base64url, the last one as long as a SHA-256. The decoder would skip foreign
# characters, so that one signed token could be written in endless ways.
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")


class Principal(msgspec.Struct, frozen=True):
    """Who sends a request, as the access token vouches for it."""

    account_id: UUID
    role: Role
    name: str
    session_id: UUID
    expires_at: int
    """Epoch seconds; live connections that were opened with the token end then."""
    must_change_password: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the role allows it. Nothing is allowed before a one-time password was replaced."""
        return not self.must_change_password and permission in PERMISSIONS[self.role]


class RefreshToken(msgspec.Struct, frozen=True):
    """What a verified refresh token says. Only the database knows whether it was used before."""

    id: UUID
    account_id: UUID
    session_id: UUID


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    jti: UUID
    iat: int
    exp: int


class _AccessClaims(_Claims, frozen=True):
    role: Role
    name: str
    must_change_password: bool = False


_C = TypeVar("_C", bound=_Claims)


class TokenSigner:
    """Signs and verifies with one secret. Raises ValueError for a secret of under 32 bytes."""

    def __init__(self, secret: bytes, issuer: str, audience: str, *, cached_tokens: int = 10_000) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the token secret needs at least {MIN_SECRET_BYTES} bytes, it has {len(secret)}")
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        # All that doesn't depend on the time is checked once per token. Refused tokens are not remembered.
        self._principal = lru_cache(maxsize=cached_tokens)(self._read_access)

    def access(
        self,
        *,
        token_id: UUID,
        account_id: UUID,
        role: Role,
        name: str,
        session_id: UUID,
        now: datetime,
        expires_at: datetime,
        must_change_password: bool = False,
    ) -> str:
        """An access token that ends at `expires_at`, and after ACCESS_LIFETIME at the latest."""
        claims: dict[str, Any] = {"role": role.value, "name": name}
        if must_change_password:
            claims["must_change_password"] = True
        claims |= self._claims(token_id, account_id, session_id)
        return self._sign("at+jwt", claims, now, min(expires_at, now + ACCESS_LIFETIME))

    def refresh(
        self, *, token_id: UUID, account_id: UUID, session_id: UUID, now: datetime, expires_at: datetime
    ) -> str:
        """A refresh token that ends at `expires_at`, and after REFRESH_LIFETIME at the latest."""
        claims = self._claims(token_id, account_id, session_id)
        return self._sign("rt+jwt", claims, now, min(expires_at, now + REFRESH_LIFETIME))

    def verify_access(self, token: str, now: datetime) -> Principal:
        """Raises TokenInvalid or TokenExpired. A token that was seen before costs a look-up and a comparison."""
        # Before the look-up, which would hash a body of any length.
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenInvalid("The token is too long.")
        principal = self._principal(token)
        _require_unexpired(principal.expires_at, now)
        return principal

    def verify_refresh(self, token: str, now: datetime) -> RefreshToken:
        """Raises TokenInvalid or TokenExpired."""
        claims = self._read(token, "rt+jwt", REFRESH_LIFETIME, _Claims)
        _require_unexpired(claims.exp, now)
        return RefreshToken(id=claims.jti, account_id=claims.sub, session_id=claims.sid)

    def _claims(self, token_id: UUID, account_id: UUID, session_id: UUID) -> dict[str, Any]:
        return {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(account_id),
            "sid": str(session_id),
            "jti": str(token_id),
        }

    def _sign(self, token_type: TokenType, claims: dict[str, Any], now: datetime, expires_at: datetime) -> str:
        times = {"iat": int(now.timestamp()), "exp": int(expires_at.timestamp())}
        return jwt.encode(claims | times, self._secret, algorithm=_ALGORITHM, headers={"typ": token_type})

    def _read_access(self, token: str) -> Principal:
        claims = self._read(token, "at+jwt", ACCESS_LIFETIME, _AccessClaims)
        return Principal(
            account_id=claims.sub,
            role=claims.role,
            name=claims.name,
            session_id=claims.sid,
            expires_at=claims.exp,
            must_change_password=claims.must_change_password,
        )

    def _read(self, token: str, token_type: TokenType, lifetime: timedelta, claims_type: type[_C]) -> _C:
        """All checks but the one against the clock, which PyJWT would read by itself."""
        if len(token) > MAX_TOKEN_LENGTH or _SHAPE.fullmatch(token) is None:
            raise TokenInvalid("A signed token was expected.")
        try:
            decoded = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                options={
                    "require": ["iss", "aud", "sub", "sid", "jti", "iat", "exp"],
                    "strict_aud": True,
                    "verify_exp": False,
                    # A clock that was set back must not log everybody out; the signature vouches for the time.
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenInvalid(type(error).__name__) from error
        # Exactly the header that we write: no `crit`, no `kid`, no other type of token (RFC 8725, 3.11 and 3.12).
        if decoded["header"] != {"alg": _ALGORITHM, "typ": token_type}:
            raise TokenInvalid("The header is not one of ours.")
        try:
            claims = msgspec.convert(decoded["payload"], claims_type)
        except msgspec.ValidationError as error:
            raise TokenInvalid(str(error)) from error
        if claims.exp - claims.iat > lifetime.total_seconds():
            raise TokenInvalid("The token lives too long.")
        return claims


def _require_unexpired(expires_at: int, now: datetime) -> None:
    if now.timestamp() >= expires_at:
        raise TokenExpired(datetime.fromtimestamp(expires_at, UTC).isoformat())
