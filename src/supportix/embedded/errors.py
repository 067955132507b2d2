"""The refusal of every embedded server."""

from __future__ import annotations


class EmbeddedServerError(Exception):
    """An embedded server could not be started or used; the message is one line for the person at the terminal."""
