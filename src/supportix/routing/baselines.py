"""What a model has to beat: always the most frequent label, and the words that are typical of each label."""

import math
from collections import Counter
from collections.abc import Sequence

from supportix.routing.sampling import Example
from supportix.routing.words import folded

KEYWORDS = 10
LEAST_TEXTS = 3


def majority(examples: Sequence[Example]) -> str | None:
    """The most frequent label, the first by name of several."""
    counts = Counter(example.label for example in examples if example.label is not None)
    return min(counts, key=lambda label: (-counts[label], label), default=None)


class Keywords:
    """Rules as a person might write them: the ten words that tell each label most from the others, each one vote."""

    def __init__(self, examples: Sequence[Example]) -> None:
        texts_of: Counter[str] = Counter()
        within: dict[str, Counter[str]] = {}
        sizes: Counter[str] = Counter()
        for example in examples:
            if example.label is not None:
                words = set(folded(example.text).split())
                texts_of.update(words)
                within.setdefault(example.label, Counter()).update(words)
                sizes[example.label] += 1
        self._otherwise = majority(examples)
        self._labels_of: dict[str, list[str]] = {}
        for label in sorted(within):
            for word in _typical(within[label], sizes[label], texts_of, sizes.total()):
                self._labels_of.setdefault(word, []).append(label)

    def label_of(self, text: str) -> str | None:
        """The label with the most votes; the most frequent one where there are none."""
        votes: Counter[str] = Counter()
        for word in set(folded(text).split()):
            votes.update(self._labels_of.get(word, ()))
        return min(votes, key=lambda label: (-votes[label], label), default=self._otherwise)


def _typical(within: Counter[str], size: int, texts_of: Counter[str], total: int) -> list[str]:
    """Those that are frequent in the label and rare elsewhere: by log odds against all others, times their share."""

    def typical(word: str) -> float:
        inside, outside = within[word], texts_of[word] - within[word]
        odds = math.log((inside + 0.5) / (size + 1)) - math.log((outside + 0.5) / (total - size + 1))
        return odds * inside / size

    known = [word for word, count in within.items() if count >= LEAST_TEXTS]
    return sorted(known, key=lambda word: (-typical(word), word))[:KEYWORDS]
