"""The one connection to NATS of a process. It outlives the server: lost, it is made again, for ever.

While it is down nothing is kept for later: a publish is refused at once, so that nothing old arrives afterwards.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from supportix.settings import PREFIX, SettingRefused

ANSWER_SECONDS = 3.0
RECONNECT_SECONDS = 0.5
LOOK_AGAIN_SECONDS = 0.1
PING_SECONDS = 10

AnswerT = TypeVar("AnswerT")

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def connect(nats_url: str, *, required: bool = True, name: str = "supportix") -> AsyncIterator[Client]:
    """A client for this URL; not yet connected perhaps, unless `required`: then raises SettingRefused."""
    client = Client()
    reports = _Reports()
    connecting = asyncio.create_task(
        client.connect(
            nats_url,
            name=name,
            error_cb=reports.error,
            disconnected_cb=reports.disconnected,
            reconnected_cb=reports.reconnected,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]
            connect_timeout=2,
            ping_interval=PING_SECONDS,
            pending_size=0,
        ),
        name="nats-connect",
    )
    try:
        if required:
            await _must_answer(connecting, reports)
        yield client
    finally:
        reports.closing = True
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError, NatsError, OSError):
            await connecting
        with contextlib.suppress(NatsError, OSError):
            await client.close()


async def connected(nats: Client) -> None:
    """Wait until the client is connected. A request or subscription made before its first connection would get lost."""
    while not nats.is_connected:  # noqa: ASYNC110 - the client has no event for its first connection.
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def cancellable(asking: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """Await something of the client's that waits for an answer, so that a cancellation always gets through.

    The client uses asyncio.wait_for, which before Python 3.12 loses one that comes together with the answer.
    """
    task = asyncio.create_task(asking)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        raise
    return task.result()


async def _must_answer(connecting: "asyncio.Task[None]", reports: "_Reports") -> None:
    done, _ = await asyncio.wait({connecting}, timeout=ANSWER_SECONDS)
    try:
        if not done:
            raise SettingRefused(_refusal(reports.said or reports.last))
        connecting.result()
    except (NatsError, OSError, ValueError) as error:
        raise SettingRefused(_refusal(reports.said or error)) from error


def _refusal(error: Exception | None) -> str:
    why = " ".join(str(error).split()) if error else f"no answer within {ANSWER_SECONDS:g} s"
    return f"{PREFIX}NATS_URL: NATS doesn't answer there: {why}"


class _Reports:
    """Tells the log when NATS goes and comes back; of the failures between, only a new kind."""

    def __init__(self) -> None:
        self.last: Exception | None = None
        self.said: NatsError | None = None
        """What the server itself gave as its reason. It closes the connection behind it, which is then reported too."""
        self.closing = False

    async def error(self, error: Exception) -> None:
        if isinstance(error, NatsError):
            self.said = error
        if repr(error) != repr(self.last):
            _log.warning("nats", error=repr(error))
        self.last = error

    async def disconnected(self) -> None:
        if not self.closing:
            _log.warning("nats disconnected")

    async def reconnected(self) -> None:
        self.last = self.said = None
        _log.info("nats reconnected")
