"""What can stand in the way of the event store."""

from uuid import UUID

from eventsourcing.persistence import IntegrityError

from supportix.domain.errors import Conflict, Refusal


class VersionConflict(Conflict, IntegrityError):  # noqa: N818 - a refusal is an answer, not a malfunction.
    """Somebody else changed it at the same time."""


class StaleVersion(Refusal):
    """It is no longer at the version that was expected."""


class CommandReused(Refusal):
    """That idempotency key was used for another request."""


class StoreUnavailable(Refusal):
    """The event store can't be reached."""

    retry_after_seconds = 2


class StoreFull(Refusal):
    """The event store has no room for more."""


class LeaseLost(Exception):  # noqa: N818 - what happened to the owner.
    """Another owner has taken the lease; what was decided under it is void."""


class CorruptEvent(Exception):  # noqa: N818 - names what was found.
    """The body of a stored event can't be read."""

    def __init__(self, stream_id: UUID, version: int, name: str, why: str) -> None:
        super().__init__(f"event {name!r}, version {version} of stream {stream_id}: {why}")
