"""What a model learns from, and how it is divided: always in order of time, the newest kept to be predicted."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

LEAST_OF_LABEL = 5
"""A department with fewer tickets isn't learned."""
LEAST_LABELLED = 50
"""With fewer tickets nothing is learned about departments."""
HELD_OUT = 0.2
"""The share, the newest, on which a model is measured."""


class Example(msgspec.Struct, frozen=True):
    """A text, where it belongs (None: not known), and the tags that people gave it."""

    text: str
    label: str | None
    tags: tuple[str, ...] = ()


class Division(NamedTuple):
    """What comes before, and what is held out."""

    earlier: Sequence[Example]
    held_out: Sequence[Example]


def divided(examples: Sequence[Example]) -> Division:
    cut = len(examples) - round(len(examples) * HELD_OUT)
    return Division(examples[:cut], examples[cut:])


def labelled(examples: Sequence[Example]) -> list[Example]:
    return [example for example in examples if example.label is not None]


def learnable_labels(examples: Sequence[Example]) -> list[str]:
    """In order of their names."""
    counts = Counter(example.label for example in examples if example.label is not None)
    return sorted(label for label, count in counts.items() if count >= LEAST_OF_LABEL)


def why_not_learnable(examples: Sequence[Example]) -> str | None:
    """Why nothing can be learned about departments from these; None where it can."""
    known = labelled(examples)
    if len(known) < LEAST_LABELLED:
        return f"{len(known)} tickets ended in a department; at least {LEAST_LABELLED} were expected"
    if len(learnable_labels(known)) < 2:  # noqa: PLR2004 - a choice needs two.
        return f"fewer than two departments have {LEAST_OF_LABEL} tickets that ended there"
    return None
