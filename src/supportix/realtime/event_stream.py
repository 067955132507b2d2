"""The JetStream stream that holds a copy of the log's latest events.

The copy has no gaps, so one number, the offset, tells the position of each message: offset + sequence. Where that
doesn't hold, because the stream is new, was wiped, or belongs to a log that was set back, a new epoch begins at the
log's present head. Epoch and offset are kept in the stream's metadata.
"""

from typing import Any
from uuid import uuid4

import msgspec
import structlog
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RawStreamMsg, StorageType, StreamConfig, StreamInfo
from nats.js.errors import BadRequestError, NotFoundError

from supportix.realtime.publication import EVENTS, POSITION
from supportix.store.log import EventLog

STREAM = "SUPPORTIX_EVENTS"
KEPT_SECONDS = 24 * 3600
KEPT_BYTES = 512 * 1024**2
_EPOCH, _OFFSET = "supportix-epoch", "supportix-offset"

_log = structlog.get_logger(__name__)


class NatsTooOld(Exception):  # noqa: N818 - says what was found.
    """The NATS server can't publish a batch atomically; version 2.12 or newer was expected."""


class Copy(msgspec.Struct, frozen=True):
    """How far the copy reaches. `sequence` is that of its last message, there or expired; `position` is in the log."""

    epoch: str
    offset: int
    sequence: int

    @property
    def position(self) -> int:
        return self.offset + self.sequence


async def present_copy(jetstream: JetStreamContext, log: EventLog) -> Copy:
    """The copy as it stands, made or begun anew where needed. Raises NatsTooOld, and what the client raises."""
    try:
        info = await jetstream.stream_info(STREAM)
    except NotFoundError:
        info = await _created(jetstream, log)
    if not info.config.allow_atomic:
        raise NatsTooOld
    copy = _copy(info)
    if copy is None or not await _matches(jetstream, info, copy, log):
        copy = await _begin_epoch(jetstream, info, log)
    return copy


async def _created(jetstream: JetStreamContext, log: EventLog) -> StreamInfo:
    config = StreamConfig(
        name=STREAM,
        description="The latest events of the Supportix log, without personal text. A copy that may be deleted.",
        subjects=[f"{EVENTS}.>"],
        storage=StorageType.FILE,
        num_replicas=1,
        discard=DiscardPolicy.OLD,
        max_age=KEPT_SECONDS,
        max_bytes=KEPT_BYTES,
        allow_atomic=True,
        allow_direct=True,
        metadata=_metadata(await log.head()),
    )
    try:
        info = await jetstream.add_stream(config)
    except BadRequestError:  # Another relay was faster.
        return await jetstream.stream_info(STREAM)
    _log.info("event stream created", metadata=info.config.metadata)
    return info


async def _begin_epoch(jetstream: JetStreamContext, info: StreamInfo, log: EventLog) -> Copy:
    """The metadata change first: dying before the purge leaves messages that don't match it, and this runs again."""
    config = info.config.evolve(metadata=_metadata(await log.head() - info.state.last_seq))
    changed = await jetstream.update_stream(config)
    await jetstream.purge_stream(STREAM)
    copy = _copy(changed)
    if copy is None:
        raise NatsTooOld
    _log.warning("event stream begins a new epoch", epoch=copy.epoch, position=copy.position)
    return copy


async def _matches(jetstream: JetStreamContext, info: StreamInfo, copy: Copy, log: EventLog) -> bool:
    """Whether the copy's last message is the event at its position in the log."""
    if copy.position > await log.head():
        return False
    if info.state.messages == 0:
        return True
    try:
        last = await jetstream.get_msg(STREAM, seq=copy.sequence)
    except NotFoundError:
        return True  # It was deleted by hand, or expired just now.
    return await _is_event_at(last, copy.position, log)


async def _is_event_at(message: RawStreamMsg, position: int, log: EventLog) -> bool:
    headers = message.headers or {}
    rows = await log.rows_after(position - 1, 1)
    if not rows:
        return False
    stream_id, version = rows[0][1:3]
    return headers.get(POSITION) == str(position) and headers.get("ce-id") == f"{stream_id}/{version}"


def _copy(info: StreamInfo) -> Copy | None:
    metadata: dict[str, Any] = info.config.metadata or {}
    try:
        return Copy(metadata[_EPOCH], int(metadata[_OFFSET]), info.state.last_seq)
    except (LookupError, ValueError):
        return None


def _metadata(offset: int) -> dict[str, str]:
    return {_EPOCH: uuid4().hex[:12], _OFFSET: str(offset)}
