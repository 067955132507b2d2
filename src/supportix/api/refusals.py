"""What can be wrong with a request as such, before or beside what it asks for."""

import msgspec

from supportix.domain.errors import InvalidInput, Refusal


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, rename={"place": "in"}):
    """One thing that is wrong with a request, and what was expected there."""

    place: str
    """`body`, `query`, `path` or `header`."""
    detail: str
    pointer: str | None = None
    """A JSON pointer into the body."""
    parameter: str | None = None
    """The name of the parameter."""


class InvalidRequest(Refusal):
    """The request is not formed as this operation expects."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(_told(fault) for fault in faults))


class Unauthenticated(Refusal):
    """An access token is needed for this."""


class PasswordChangeRequired(Refusal):
    """The one-time password has to be replaced first."""


class RouteNotFound(Refusal):
    """There is nothing at this address."""


class MethodNotAllowed(Refusal):
    """The address doesn't take that method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"one of these methods was expected: {', '.join(allowed)}")


class BodyTooLarge(Refusal):
    """The body is too large."""


class UnsupportedMediaType(Refusal):
    """The body's media type is not one that is read here."""


class ReadModelsBehind(Refusal):
    """The read models have not reached that position yet."""

    retry_after_seconds = 1


class NotReady(Refusal):
    """The service can't answer requests now."""

    retry_after_seconds = 5


class InternalError(Refusal):
    """Something went wrong on our side."""


class RequesterMissing(InvalidInput):
    """A ticket that is opened for somebody names its requester."""


class UnknownRequester(InvalidInput):
    """There is no such requester."""


class UnknownCursor(InvalidInput):
    """The cursor is not one of this list."""


class SpanTooLong(InvalidInput):
    """The span ends before it begins, or is too long."""


class NotAnAgent(InvalidInput):
    """The account was never registered as an agent."""


def _told(fault: Fault) -> str:
    where = fault.parameter if fault.pointer is None else fault.pointer or "body"
    return f"{where}: {fault.detail}"
