"""The refusals of identity. A class docstring is the message that a person reads; `str(error)` adds the detail."""

from supportix.domain.errors import InvalidInput, NotFound, Refusal


class UsernameTaken(Refusal):
    """The user name is taken, or differs from a taken one only in the size or shape of its letters."""


class UsernameInvalid(InvalidInput):
    """A user name has 1 to 150 letters, digits or the characters . _ @ + - and nothing else."""


class FullNameInvalid(InvalidInput):
    """A full name has at most 150 characters, none of them a control character."""


class EmailTaken(Refusal):
    """An account with this e-mail address exists already."""


class EmailInvalid(InvalidInput):
    """The e-mail address has no form that mail could be sent to."""


class WeakPassword(InvalidInput):
    """The password is too easy to guess."""


class WrongCredentials(Refusal):
    """User name and password do not match."""


class TooManyAttempts(Refusal):
    """Too many failed attempts to log in; wait before the next one."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class AccountNotFound(NotFound):
    """There is no such account."""


class AccountDisabled(Refusal):
    """The account is disabled."""


class LastAdmin(Refusal):
    """The last active administrator has to stay one; make another one first."""


class TokenInvalid(Refusal):
    """The token was not issued by this service for this use."""


class TokenExpired(Refusal):
    """The token has expired."""


class SessionRevoked(Refusal):
    """The session has ended; log in again."""
