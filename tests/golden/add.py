"""Writes golden files for stored events that have none yet. Run it at the top of the repository:

    python -m tests.golden.add

Files that are there are never written again: they pin how years of events are stored. Where a fact has got another
field with a default, name it: what was its fullest body goes to the `earlier` ones, which are read for ever.

    python -m tests.golden.add ticket.assigned.v1
"""

import sys
from pathlib import Path

import msgspec
from tests.golden.samples import all_fields, full, minimal

from supportix.domain.history import FACTS
from supportix.store.mapper import encode_fact

DIRECTORY = Path(__file__).parent / "events"


def main(extended: list[str]) -> None:
    for name, fact in FACTS.items():
        path = DIRECTORY / f"{name}.json"
        if path.exists() and name not in extended:
            continue
        earlier = earlier_bodies(path) if path.exists() else []
        meaning = msgspec.json.encode(all_fields(minimal(fact)))
        path.write_bytes(
            b'{"full":'
            + encode_fact(full(fact))
            + b',\n"minimal":'
            + encode_fact(minimal(fact))
            + b',\n"minimal_means":'
            + meaning
            + (b',\n"earlier":[' + b",\n".join(earlier) + b"]" if earlier else b"")
            + b"}\n"
        )
        sys.stdout.write(f"{path} written; read it before you commit it\n")


def earlier_bodies(path: Path) -> list[bytes]:
    """Every body that was the fullest once."""
    parts = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    kept = msgspec.json.decode(parts["earlier"], type=list[msgspec.Raw]) if "earlier" in parts else []
    return [bytes(parts["full"]), *map(bytes, kept)]


if __name__ == "__main__":
    main(sys.argv[1:])
