"""Writes golden files for stored events that have none yet. Run it at the top of the repository:

    python -m tests.golden.add

Files that are there are never written again: they pin how years of events are stored.
"""

import sys
from pathlib import Path

import msgspec
from tests.golden.samples import all_fields, full, minimal

from supportix.domain.history import FACTS
from supportix.store.mapper import encode_fact

DIRECTORY = Path(__file__).parent / "events"


def main() -> None:
    for name, fact in FACTS.items():
        path = DIRECTORY / f"{name}.json"
        if path.exists():
            continue
        meaning = msgspec.json.encode(all_fields(minimal(fact)))
        path.write_bytes(
            b'{"full":'
            + encode_fact(full(fact))
            + b',\n"minimal":'
            + encode_fact(minimal(fact))
            + b',\n"minimal_means":'
            + meaning
            + b"}\n"
        )
        sys.stdout.write(f"{path} written; read it before you commit it\n")


if __name__ == "__main__":
    main()
