"""From text to the features of a model: words, pairs of words, and pieces of 3 to 5 characters within words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

from supportix.routing.words import folded

READ_CHARACTERS = 1_500
"""A model reads so much of a ticket: the subject, and the description's beginning."""

MOST_WORDS = 20_000
MOST_PIECES = 20_000
LEAST_TEXTS = 2
"""A feature that occurs in fewer texts is left out, so that what only one ticket says never enters a model."""

_PIECE = "\x01"
"""Tells a piece of a word from a word. No folded text holds it."""
_CACHED_WORDS = 50_000


def text_of(subject: str, description: str) -> str:
    """What a model reads of a ticket."""
    return f"{subject}\n{description}"[:READ_CHARACTERS]


def pieces(word: str) -> list[str]:
    """The word's pieces; its beginning and its end count as characters."""
    bounded = f" {word} "
    return [_PIECE + bounded[at : at + size] for size in (3, 4, 5) for at in range(len(bounded) - size + 1)]


class Vocabulary:
    """The features of a model, by their numbers. The numbers of a word's own features are kept once worked out."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._of_word: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def features(self) -> Sequence[str]:
        """By number."""
        return sorted(self._numbers, key=self._numbers.__getitem__)

    def numbers_in(self, words: Sequence[str]) -> list[int]:
        """The number of each feature of folded words that is known, as often as it occurs."""
        found: list[int] = []
        for word in words:
            own = self._of_word.get(word)
            found += self._numbers_of(word) if own is None else own
        number_of = self._numbers.get
        pairs = (number_of(f"{first} {second}") for first, second in pairwise(words))
        found += [number for number in pairs if number is not None]
        return found

    def _numbers_of(self, word: str) -> list[int]:
        known = (self._numbers.get(feature) for feature in (word, *pieces(word)))
        numbers = [number for number in known if number is not None]
        if len(self._of_word) < _CACHED_WORDS:
            self._of_word[word] = numbers
        return numbers


def vocabulary_of(texts: Iterable[str]) -> Vocabulary:
    """The features that occur in the most texts, in order of themselves, so that equal texts give equal numbers."""
    words: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    pieces_of = cache(pieces)
    for text in texts:
        found = folded(text).split()
        own = set(found)
        words.update(own)
        words.update({f"{first} {second}" for first, second in pairwise(found)})
        parts.update({piece for word in own for piece in pieces_of(word)})
    chosen = sorted([*_most_frequent(words, MOST_WORDS), *_most_frequent(parts, MOST_PIECES)])
    return Vocabulary({feature: number for number, feature in enumerate(chosen)})


def _most_frequent(texts_of: Counter[str], most: int) -> list[str]:
    often = [(-count, feature) for feature, count in texts_of.items() if count >= LEAST_TEXTS]
    return [feature for _, feature in sorted(often)[:most]]
