"""PostgreSQL and NATS as child processes, for a machine that has neither: `supportix up`, the demo and the tests.

Each server belongs to one data directory, listens on 127.0.0.1 only, and ends when the process that started it ends,
however that happens. Linux and macOS. A production deployment brings its own servers instead.
"""

from __future__ import annotations

from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.nats import EmbeddedNats
from supportix.embedded.postgres import EmbeddedPostgres
from supportix.embedded.server import EmbeddedServer

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServer", "EmbeddedServerError"]
