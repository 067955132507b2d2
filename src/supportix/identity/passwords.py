"""Argon2id hashing off the event loop, and the rules that a new password has to meet."""

import asyncio
import os
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from supportix.identity.errors import WeakPassword
from supportix.identity.names import folded

MIN_LENGTH = 10
MAX_LENGTH = 256

# From public lists of leaked passwords; the shorter ones are refused for their length.
_COMMONEST = frozenset(
    """
    0987654321 1111111111 1234512345 1234554321 1234567890 12345678900 12345678910 123456789a 1234567891 123456789q
    1122334455 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 9876543210 a123456789 abcdefghij abcd123456 administrator
    asdfghjkl1 asdfghjkl; basketball changeme123 chocolate1 football123 iloveyou12 iloveyou123 letmein123 liverpool1
    manchester michelle123 password01 password10 password11 password12 password123 password1234 password12345
    password99 passw0rd123 princess123 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedcrfv qwerty1234 qwerty12345 qwerty123456
    qwertyuiop qwertyuiop1 qwertyuiop123 qwertyuiop[] superman123 welcome123 welcome1234 zxcvbnm123
    """.split()  # noqa: SIM905 - a block of words is easier to read and to add to.
)


def require_strong(password: str, *, username: str, email: str | None) -> None:
    """Raises WeakPassword, which says what was expected."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPassword(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters, this one has {len(password)}")
    if any(unicodedata.category(character) == "Cs" for character in password):
        raise WeakPassword("A password is made of whole Unicode characters, this one has half of a surrogate pair")
    key = folded(password)
    personal = {folded(username)}
    if email is not None:
        personal |= {folded(email), folded(email).partition("@")[0]}
    if key in personal:
        raise WeakPassword("A password must differ from the user name and the e-mail address")
    if key in _COMMONEST:
        raise WeakPassword("This password is among the commonest ones, which are tried first; choose a rarer one")
    if len(set(key)) == 1:
        raise WeakPassword("A password must have more than one character repeated")


def one_time_password() -> str:
    """144 random bits."""
    return secrets.token_urlsafe(18)


class Passwords:
    """Hashes and verifies; at most one hash per core at a time, so that a flood of log-ins can't take the machine.

    The parameters are those of the OWASP password storage cheat sheet for Argon2id: 19 MiB, two passes, one lane.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)
        self._unknown_users_hash = self._hasher.hash(secrets.token_urlsafe())
        # The size of the executor is the semaphore: unlike an asyncio one it still counts the thread of a request
        # that was cancelled, and it belongs to no event loop.
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, _octets(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it matches. Takes the same time for an unknown user, given as None, as for a known one."""
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(
            self._threads, self._matches, password_hash or self._unknown_users_hash, password[: MAX_LENGTH + 1]
        )
        return matches and password_hash is not None and len(password) <= MAX_LENGTH

    def needs_rehash(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _octets(password))
        except (VerificationError, InvalidHashError):
            return False


def _octets(password: str) -> bytes:
    # NIST SP 800-63B 5.1.1.2: normalise, so that a password typed on another keyboard is still the same.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
