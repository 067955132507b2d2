"""Text as words: folded so that case, accents and writing variants make no difference, in any script.

Words are letters and digits, with the marks that belong to them; `c++` and `c#` are words too. Scripts that write
without spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Myanmar, Tibetan), and Korean, whose particles join
their words, give one word per character, so that a term of them is found wherever its characters stand together.
"""

import re
import unicodedata

_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
"""Accents of Latin, Greek and Cyrillic, points of Hebrew, vowel signs and the stretching stroke of Arabic."""

_STRAY_SIGN = re.compile(r"(?<!\w)[+#]+|[+#]+(?=\w)")
_SPACELESS = (
    (0x0E00, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_FOLDED = {"ł": "l", "đ": "d", "ð": "d", "ø": "o", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"}  # noqa: RUF001


class _Letters(dict[int, str]):
    """What stands for a character in folded text; worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kept = letter.isalnum() or letter in "_+#" or unicodedata.category(letter).startswith("M")
        found = _FOLDED.get(letter, letter) if kept else " "
        if kept and any(first <= code <= last for first, last in _SPACELESS):
            found = f" {letter} "
        self[code] = found
        return found


_LETTERS = _Letters()


def folded(text: str) -> str:
    """The text's words, each between single spaces: ` the invoice `. A single space where there are none."""
    plain = text.lower() if text.isascii() else _without_accents(text)
    spaced = plain.translate(_LETTERS)
    if "+" in spaced or "#" in spaced:
        spaced = _STRAY_SIGN.sub(" ", spaced)
    return f" {' '.join(spaced.split())} "


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text).casefold()
    if "\u0306" in apart:
        apart = apart.replace("\u0438\u0306", "\u0439")  # A Russian letter of its own, no accented one.
    return unicodedata.normalize("NFC", _MARKS.sub("", apart))
