"""From text to the features of a model: words, pairs of words, and pieces of 2 and of 4 characters within words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from supportix.routing.words import folded

MOST_WORDS = 20_000
MOST_PIECES = 20_000
LEAST_TEXTS = 2
"""A feature that occurs in fewer texts is left out, so that what only one ticket says never enters a model."""

MOST_STRANGE_WORDS = 60
"""Of words that a model doesn't know, so many tell it something by their pieces: what gibberish costs is bounded."""

_PIECE = "\x01"
"""Tells a piece of a word from a word. No folded text holds it."""
_SIZES = (2, 4)

Numbers = NDArray[np.intp]


def pieces(word: str) -> list[str]:
    """The word's pieces; its beginning and its end count as characters."""
    bounded = f" {word} "
    return [bounded[at : at + size] for size in _SIZES for at in range(len(bounded) - size + 1)]


class Vocabulary:
    """The features of a model, by their numbers. Those of a known word's own features are kept once worked out."""

    def __init__(self, features: Sequence[str]) -> None:
        """Their numbers are their places."""
        self.features = features
        known = {feature: number for number, feature in enumerate(features)}
        self._number_of = {feature: number for feature, number in known.items() if not feature.startswith(_PIECE)}
        self._number_of_piece = {
            feature.removeprefix(_PIECE): number for feature, number in known.items() if feature.startswith(_PIECE)
        }
        self._of_word: dict[str, Numbers] = {}

    def __len__(self) -> int:
        return len(self.features)

    def numbers_in(self, words: Sequence[str]) -> Numbers:
        """The number of each feature of folded words that is known, as often as it occurs."""
        found: list[Numbers] = []
        strange = 0
        for word in words:
            own = self._of_word.get(word)
            if own is None:
                if word not in self._number_of:
                    strange += 1
                    if strange > MOST_STRANGE_WORDS:
                        continue
                own = self._numbers_of(word)
            found.append(own)
        number_of = self._number_of.get
        pairs = [number_of(f"{first} {second}", -1) for first, second in pairwise(words)]
        found.append(np.array([number for number in pairs if number >= 0], dtype=np.intp))
        return np.concatenate(found)

    def _numbers_of(self, word: str) -> Numbers:
        own = [self._number_of.get(word), *map(self._number_of_piece.get, pieces(word))]
        numbers = np.array([number for number in own if number is not None], dtype=np.intp)
        if word in self._number_of:
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
    chosen = [_PIECE + piece for piece in _most_frequent(parts, MOST_PIECES)]
    return Vocabulary(sorted([*_most_frequent(words, MOST_WORDS), *chosen]))


def _most_frequent(texts_of: Counter[str], most: int) -> list[str]:
    often = [(-count, feature) for feature, count in texts_of.items() if count >= LEAST_TEXTS]
    return [feature for _, feature in sorted(often)[:most]]
