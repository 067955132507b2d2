"""Labelled texts from a CSV file, gzipped or not, in an order in which they can be divided."""

import csv
import gzip
import io
import random
from collections.abc import Sequence
from pathlib import Path

from supportix.domain.errors import InvalidInput
from supportix.routing.features import READ_CHARACTERS
from supportix.routing.sampling import Example


class DatasetRefused(InvalidInput):
    """The file of labelled texts isn't as expected."""


def read_dataset(path: Path, text: Sequence[str], label: str, time: str | None = None) -> list[Example]:
    """One example per row whose label isn't empty: in order of the column `time`, else shuffled, the same each time.

    Refused: DatasetRefused, naming the columns that there are.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile) as error:
        raise DatasetRefused(f"{path}: a CSV file in UTF-8 with a header row was expected: {error}") from error
    present = list(rows[0]) if rows else []
    missing = [column for column in (*text, label, *([time] if time else [])) if column not in present]
    if missing:
        raise DatasetRefused(f"{path} has no column {', '.join(missing)}; it has: {', '.join(present) or 'no rows'}")
    if time is None:
        random.Random(0).shuffle(rows)  # noqa: S311 - so that the order of the file doesn't matter.
    else:
        rows.sort(key=lambda row: row[time])
    return [
        Example("\n".join(row[column] or "" for column in text)[:READ_CHARACTERS], row[label])
        for row in rows
        if row[label]
    ]
