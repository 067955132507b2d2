"""Parts of Supportix that a release may lack."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from supportix.cli.errors import CommandRefused


def optional(module: str, name: str) -> Any:
    """What the module calls by that name. Raises CommandRefused where this release has no such thing."""
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        found = None
    if not hasattr(found, name):
        raise CommandRefused(f"{module}.{name} isn't part of this release yet")
    return getattr(found, name)
