"""The rules for user names, full names and e-mail addresses, and the folded keys under which they are unique."""

import re
import unicodedata

from supportix.identity.errors import EmailInvalid, FullNameInvalid, UsernameInvalid, UsernameTaken

MAX_NAME_LENGTH = 150
MAX_EMAIL_LENGTH = 254  # RFC 5321: a path of 256 octets less its angle brackets.
# Names that would let a stranger speak for the house.
RESERVED = frozenset({"admin", "administrator", "root", "support", "supportix", "system"})

_USERNAME = re.compile(r"[\w.@+-]+")
_EMAIL = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)*")


def folded(text: str) -> str:
    """The form under which two spellings of a name are the same: Unicode's toNFKC_Casefold (section 3.13, D147)."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def is_possible_username(text: str) -> bool:
    # The folded form can be several times longer, and the unique index holds that one.
    return (
        len(text) <= MAX_NAME_LENGTH and _USERNAME.fullmatch(text) is not None and len(folded(text)) <= MAX_NAME_LENGTH
    )


def require_username(text: str) -> str:
    """The user name as it will be stored. Raises UsernameInvalid."""
    username = unicodedata.normalize("NFC", text)
    if not is_possible_username(username):
        raise UsernameInvalid
    return username


def require_unreserved(username: str) -> None:
    """Raises UsernameTaken for names that only staff may bear."""
    if folded(username) in RESERVED:
        raise UsernameTaken(username)


def require_full_name(text: str) -> str:
    """The full name as it will be stored; may be empty. Raises FullNameInvalid."""
    full_name = unicodedata.normalize("NFC", text).strip()
    # Cc holds NUL, which PostgreSQL can't store; Cs are halves of characters, which UTF-8 can't express.
    if len(full_name) > MAX_NAME_LENGTH or any(unicodedata.category(c) in {"Cc", "Cs"} for c in full_name):
        raise FullNameInvalid
    return full_name


def require_email(text: str) -> str:
    """The address as it will be stored. Raises EmailInvalid. That it can be reached only a mail to it would show."""
    email = unicodedata.normalize("NFC", text.strip())
    unprintable = any(unicodedata.category(c).startswith("C") for c in email)
    if unprintable or _EMAIL.fullmatch(email) is None or len(folded(email)) > MAX_EMAIL_LENGTH:
        raise EmailInvalid
    return email
