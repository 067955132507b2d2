"""What requests say in headers beside their credentials: preconditions, idempotency, consistency and correlation."""

import re
from collections.abc import Mapping
from hmac import digest
from uuid import UUID, uuid5

from supportix.api.inputs import LARGEST_POSITION
from supportix.api.refusals import Fault, InvalidRequest

Headers = Mapping[bytes, bytes]

FINGERPRINT_BYTES = 16

_VERSION = re.compile(rb'"(\d{1,9})"')
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_POSITION = re.compile(rb"\d{1,16}")
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUESTS = UUID("6f1e5c1e-6f5b-5c43-9f0a-3f2f3d8a7c11")
"""The namespace of request ids that are no UUIDs themselves."""


def expected_version(headers: Headers) -> int | None:
    """The version that `If-Match` names; None where any will do. Refused: InvalidRequest."""
    given = headers.get(b"if-match")
    if given is None or given == b"*":
        return None
    match = _VERSION.fullmatch(given)
    if match is None:
        raise _invalid("If-Match", 'one version in quotation marks, like "3", was expected')
    return int(match[1])


def knows_version(headers: Headers, version: int) -> bool:
    """Whether `If-None-Match` names this version, strongly or weakly (RFC 9110, 13.1.2)."""
    given = headers.get(b"if-none-match")
    if given is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in given.split(b",")]
    return b"*" in tags or entity_tag(version) in tags


def entity_tag(version: int) -> bytes:
    return b'"%d"' % version


def idempotency_key(headers: Headers) -> bytes | None:
    """Refused: InvalidRequest."""
    given = headers.get(b"idempotency-key")
    if given is not None and _KEY.fullmatch(given) is None:
        raise _invalid("Idempotency-Key", "1 to 255 visible ASCII characters were expected")
    return given


def fingerprint(secret: bytes, method: str, path: str, body: bytes) -> bytes:
    """Tells requests of one key apart. Keyed, so that no password can be guessed at by it."""
    return digest(secret, b"\n".join((method.encode(), path.encode(), body)), "sha256")[:FINGERPRINT_BYTES]


def least_position(headers: Headers) -> int:
    """The position that the answer must not be older than. Refused: InvalidRequest."""
    given = headers.get(b"supportix-min-position")
    if given is None:
        return 0
    if _POSITION.fullmatch(given) is None or int(given) > LARGEST_POSITION:
        raise _invalid("Supportix-Min-Position", "a position, which is a whole number, was expected")
    return int(given)


def correlation(headers: Headers) -> tuple[UUID | None, str | None]:
    """The correlation id, from X-Request-ID or else from the trace; and the trace context (W3C traceparent)."""
    request_id, trace = headers.get(b"x-request-id"), headers.get(b"traceparent")
    if request_id is None and trace is None:
        return None, None
    traced = _TRACE.fullmatch(trace) if trace is not None else None
    context = traced[0].decode() if traced else None
    if request_id:
        return _uuid_of(request_id.decode("latin-1")), context
    return (UUID(traced[1].decode()) if traced else None), context


def _uuid_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid5(_REQUESTS, text)


def _invalid(header: str, expected: str) -> InvalidRequest:
    return InvalidRequest(Fault("header", expected, parameter=header))
