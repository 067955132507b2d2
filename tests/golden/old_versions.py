"""What the golden file of an old version pins: its bodies as stored, and the facts of today that they are read as."""

from collections.abc import Callable
from uuid import UUID

import msgspec
from tests.golden.samples import all_fields

from supportix.domain.aggregate import Fact

STREAM = UUID(int=7)


def must_mean_what_it_says(decode: Callable[[str, bytes, UUID, int], Fact], golden_file: bytes, name: str) -> None:
    parts = msgspec.json.decode(golden_file, type=dict[str, msgspec.Raw])
    for body in ("full", "minimal"):
        fact = decode(name, bytes(parts[body]), STREAM, 1)
        assert all_fields(fact) == msgspec.json.decode(parts[f"{body}_means"]), f"{name}: {body}"
