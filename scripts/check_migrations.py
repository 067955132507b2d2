"""Migrates a fresh database up, down and up again, and holds the result against what the models declare."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from supportix import migrating
from supportix.embedded import EmbeddedPostgres


def main() -> int:
    with TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrating.upgrade(server.url)
        migrating.downgrade(server.url)
        migrating.upgrade(server.url)
        differences = migrating.differences(server.url)
    for difference in differences:
        print(f"models and schema differ: {difference}")  # noqa: T201 - a check says what it found.
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
