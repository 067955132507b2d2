"""Pictures in files: in a format that can be drawn, whole or not at all, and the same for the same content."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from supportix.domain.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
_DOTS_PER_INCH = 150


class PictureRefused(InvalidInput):
    """The picture can't be drawn into that file."""


def must_be_drawable(path: Path) -> None:
    """Refused: PictureRefused."""
    if path.suffix.lower() not in FORMATS:
        raise PictureRefused(f"{path.name}: a name ending in {', '.join(FORMATS)} was expected")
    if not path.absolute().parent.is_dir():
        raise PictureRefused(f"{path}: there is no directory {path.absolute().parent}")


def save(figure: "Figure", path: Path) -> None:
    """Write it without the date of its making."""
    kind = path.suffix.lower()
    undated = {"Software": None} if kind == ".png" else {"CreationDate" if kind == ".pdf" else "Date": None}
    beside = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        figure.savefig(beside, dpi=_DOTS_PER_INCH, metadata=undated)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
