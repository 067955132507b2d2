"""The frames of the live connection, one JSON object each, told apart by `type`. docs/realtime.md shows them.

What comes in is Authenticate or Subscribe; all else goes out. Each frame that goes out carries where the reader then
stands: `epoch` names the log's history, `position` the place in it. Both come back in `resume`.
"""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from supportix.domain.ticket_words import Priority, Status
from supportix.identity.roles import Role

SUBPROTOCOL = "supportix.v1"
MOST_TICKET_IDS = 500


class Topic(StrEnum):
    """What one can subscribe to."""

    TICKETS = "tickets"
    QUEUES = "queues"
    LOADS = "loads"
    MERGES = "merges"
    FORECASTS = "forecasts"


class CloseCode(IntEnum):
    """Why the server closes; docs/realtime.md says what a client does then."""

    GOING_AWAY = 1001
    FAULT = 1011
    RESTART = 1012
    TRY_LATER = 1013
    BAD_FRAMES = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    WRONG_SUBPROTOCOL = 4406
    TOO_SILENT = 4408
    FRAME_TOO_LARGE = 4413
    TOO_MANY = 4429
    TOO_SLOW = 4490


class Cursor(msgspec.Struct, frozen=True):
    """Where a reader stood: `epoch` and `position` of the last frame, or of the answer that it started from."""

    epoch: Annotated[str, msgspec.Meta(max_length=64)]
    position: Annotated[int, msgspec.Meta(ge=0)]


class Authenticate(msgspec.Struct, frozen=True, tag_field="type", tag="authenticate", forbid_unknown_fields=True):
    """Within 5 s as the first frame; again at any time, with a fresh token of the same account, to stay."""

    token: str


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """From now on these topics and no others; of the tickets only those listed, if a list is given."""

    topics: frozenset[Topic]
    ticket_ids: Annotated[frozenset[UUID], msgspec.Meta(max_length=MOST_TICKET_IDS)] | None = None
    resume: Cursor | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What every frame that goes out has."""

    epoch: str
    position: int


class Authenticated(Frame, frozen=True, kw_only=True, tag="authenticated", gc=False):
    """`expires_at`: epoch seconds at which the connection ends, unless a fresh token comes before."""

    account_id: UUID
    role: Role
    expires_at: int


class Subscribed(Frame, frozen=True, kw_only=True, tag="subscribed", gc=False):
    """All that was missed has been sent; what follows is live."""

    topics: frozenset[Topic]


class ResyncRequired(Frame, frozen=True, kw_only=True, tag="resync_required", gc=False):
    """What was missed can't be sent: read everything afresh. Comes before `subscribed`."""

    reason: str


class Heartbeat(Frame, frozen=True, kw_only=True, tag="heartbeat", gc=False):
    """Nothing happened that concerns you."""


class Error(Frame, frozen=True, kw_only=True, tag="error", gc=False):
    """Your frame was refused; `detail` says what was expected."""

    detail: str


class OwnTicketChanged(Frame, frozen=True, kw_only=True, tag="ticket.changed", gc=False):
    """The ticket as it stands after what `happened`, for its requester."""

    ticket_id: UUID
    number: str
    version: int
    happened: str
    occurred_at: datetime
    status: Status
    priority: Priority
    department_id: UUID | None


class TicketChanged(OwnTicketChanged, frozen=True, kw_only=True, tag="ticket.changed", gc=False):
    """The same for staff, with the agent who holds the ticket or, once it is resolved, who resolved it."""

    agent_id: UUID | None


class QueueChanged(Frame, frozen=True, kw_only=True, tag="queue.changed", gc=False):
    """How many tickets wait in a department, by priority."""

    department_id: UUID
    waiting: dict[Priority, int]
    total: int


class LoadChanged(Frame, frozen=True, kw_only=True, tag="load.changed", gc=False):
    """What an agent holds, of how much."""

    agent_id: UUID
    department_ids: list[UUID]
    availability: str
    open_work: int
    capacity: int


class MergeChanged(Frame, frozen=True, kw_only=True, tag="merge.changed", gc=False):
    """What `happened` to a merge of two departments."""

    merge_id: UUID
    version: int
    happened: str
    occurred_at: datetime
    source_id: UUID
    target_id: UUID


class ForecastChanged(Frame, frozen=True, kw_only=True, tag="forecast.changed", gc=False):
    """How many tickets are expected in an hour, `begin`, and in the next one; `department_id` null: in the whole desk.

    `happened`: `issued` as the hour begins, `updated` by what had `arrived` after `elapsed_seconds` of it. Of each hour
    the mean, and the quantiles at LEVELS of `forecast_words`.
    """

    department_id: UUID | None
    happened: str
    occurred_at: datetime
    begin: datetime
    running_mean: float
    running_quantiles: list[float]
    next_mean: float
    next_quantiles: list[float]
    arrived: int
    elapsed_seconds: int


class AdviceChanged(Frame, frozen=True, kw_only=True, tag="advice.changed", gc=False):
    """What `happened` to an advice on a department's staffing of a span: `given`, `changed`, `withdrawn`, `accepted`,
    `dismissed`, or `scored` once the span is over. `sentence`: what is advised, or what came of it; null where it says
    no more than before.
    """

    advice_id: UUID
    version: int
    department_id: UUID
    happened: str
    occurred_at: datetime
    begins_at: datetime
    ends_at: datetime
    sentence: str | None


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Authenticate | Subscribe] = msgspec.json.Decoder(Authenticate | Subscribe)


def text_of(frame: Frame) -> str:
    return _encoder.encode(frame).decode()


def frame_of(text: str) -> Authenticate | Subscribe:
    """Raises ValueError, saying what was expected."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"{error}; an object of type authenticate or subscribe was expected") from error
