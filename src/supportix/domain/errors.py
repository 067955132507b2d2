"""The tree of refusals: Refusal, below it one class per fact that stands in the way of a command.

A refusal's docstring is the title that a person reads; its detail says what was expected.
"""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a malfunction.
    """The request was refused."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title())

    @classmethod
    def title(cls) -> str:
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class NotFound(Refusal):
    """There is nothing under that id."""


class Conflict(Refusal):
    """The state has moved on since it was read."""


class InvalidInput(Refusal):
    """The input does not fit what is expected."""


class Forbidden(Refusal):
    """Your role does not allow this."""
