"""Opaque cursors: where a list goes on, signed so that nobody else can make one up."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hmac import compare_digest, digest
from typing import Any, TypeVar

import msgspec

from supportix.api.refusals import UnknownCursor

KeyT = TypeVar("KeyT")

_SEAL_BYTES = 12


class Cursors:
    """Makes and reads cursors of lists. A cursor fits only the list, and the order of it, that it was made for."""

    def __init__(self, secret: bytes) -> None:
        self._secret = digest(secret, b"cursors", "sha256")

    def make(self, listing: str, key: Any) -> str:
        """The cursor behind the item with this sort key."""
        body = msgspec.json.encode(key)
        return urlsafe_b64encode(self._seal(listing, body) + body).rstrip(b"=").decode()

    def read(self, listing: str, cursor: str, key_type: type[KeyT]) -> KeyT:
        """The sort key of the item that the list goes on behind. Refused: UnknownCursor."""
        try:
            sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except (NotBase64, ValueError):
            sealed = b""
        seal, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not compare_digest(seal, self._seal(listing, body)):
            raise UnknownCursor("the next_cursor of an earlier page of this list, in the same order, was expected")
        return msgspec.json.decode(body, type=key_type)

    def _seal(self, listing: str, body: bytes) -> bytes:
        return digest(self._secret, listing.encode() + b"\n" + body, "sha256")[:_SEAL_BYTES]
