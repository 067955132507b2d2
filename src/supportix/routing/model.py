"""A model of ticket texts: which department and which tags they suggest. Linear, on TF-IDF of words and their pieces.

Predicting needs numpy alone. A model is stored as arrays and texts in msgpack, compressed: reading one runs no code of
whoever wrote it, and depends on no version of the library that learned it.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from supportix.domain.ids import DepartmentId
from supportix.domain.routing import ClassifierVerdict, Scored, SuggestedTag
from supportix.routing.errors import ModelUnreadable
from supportix.routing.features import Vocabulary
from supportix.routing.terms import TermIndex, Text

FORMAT = 1
MOST_TAGS = 5
"""So many tags are suggested for a ticket, at most."""
DIGITS = 4
"""Probabilities are kept to so many digits, in events and when they are held against a threshold."""

Floats = NDArray[np.float32]


class LearnedTag(msgspec.Struct, frozen=True):
    """A tag with the probability from which on it is suggested."""

    name: str
    threshold: float


class _Stored(msgspec.Struct, frozen=True):
    """A model as it is stored: arrays as little-endian 32-bit floats, row by row."""

    format: int
    features: list[str]
    idf: bytes
    weights: bytes
    intercepts: bytes
    labels: list[str]
    threshold: float | None
    tags: list[LearnedTag]
    lexicon: dict[str, tuple[str, ...]]


class TextModel:
    """A learned model. Columns of `weights` and `intercepts` are the labels, then the tags."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        idf: Floats,
        weights: Floats,
        intercepts: Floats,
        *,
        labels: Sequence[str],
        threshold: float | None,
        tags: Sequence[LearnedTag] = (),
        lexicon: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.idf = idf
        self.weights = weights
        self.intercepts = intercepts
        self.labels = tuple(labels)
        self.threshold = threshold
        self.tags = tuple(tags)
        self.lexicon = {name: tuple(terms) for name, terms in (lexicon or {}).items()}
        self._terms = TermIndex((name, term) for name, terms in self.lexicon.items() for term in terms)

    def read(self, text: str) -> Reading:
        """What the model makes of a text, worked out as far as it is asked for."""
        return Reading(self, text)

    def scores(self, text: Text) -> Floats | None:
        """One score per column; None where no feature of the text is known."""
        numbers = self.vocabulary.numbers_in(text.in_order)
        if not numbers:
            return None
        counts = np.bincount(numbers, minlength=len(self.vocabulary))
        features = np.flatnonzero(counts)
        values = (1 + np.log(counts[features])).astype(np.float32) * self.idf[features]
        values /= np.linalg.norm(values)
        found: Floats = (values @ self.weights[features] + self.intercepts).astype(np.float32)
        return found

    def terms_found(self, text: Text) -> list[SuggestedTag]:
        """Tags of the lexicon by name, each with a term of it that the text holds."""
        found = dict(sorted(self._terms.found_in(text), reverse=True))
        return [SuggestedTag(name=name, term=found[name]) for name in sorted(found)]


class Reading:
    """A text as a model sees it."""

    def __init__(self, model: TextModel, text: str) -> None:
        self._model = model
        self._text = Text(text)

    @cached_property
    def _scores(self) -> Floats | None:
        return self._model.scores(self._text)

    def probabilities(self) -> Floats | None:
        """Of each label, adding up to 1; None where the text says nothing, or no label was learned."""
        labels = len(self._model.labels)
        return None if self._scores is None or not labels else softmax(self._scores[:labels])

    def verdict(self, model_version: int) -> ClassifierVerdict:
        """Labels being ids of departments: the two most probable ones."""
        threshold, found = self._model.threshold, self.probabilities()
        if found is None:
            return ClassifierVerdict(model_version=model_version, threshold=threshold)
        first, second = np.argsort(-found, kind="stable")[:2]
        return ClassifierVerdict(
            model_version=model_version,
            best=self._scored(first, found),
            runner_up=self._scored(second, found),
            threshold=threshold,
        )

    def tags(self) -> list[SuggestedTag]:
        """The most probable first, then those of the lexicon."""
        suggested = self._learned() + self._model.terms_found(self._text)
        return suggested[:MOST_TAGS]

    def _learned(self) -> list[SuggestedTag]:
        if self._scores is None:
            return []
        chances = sigmoid(self._scores[len(self._model.labels) :])
        pairs = [(round(float(chance), DIGITS), tag) for chance, tag in zip(chances, self._model.tags, strict=True)]
        sure = sorted((-chance, tag.name) for chance, tag in pairs if chance >= tag.threshold)
        return [SuggestedTag(name=name, probability=-chance) for chance, name in sure]

    def _scored(self, place: Any, probabilities: Floats) -> Scored:
        department_id = DepartmentId(UUID(self._model.labels[int(place)]))
        return Scored(department_id=department_id, probability=round(float(probabilities[place]), DIGITS))


def softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: Floats = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found


def sigmoid(scores: Floats) -> Floats:
    found: Floats = (1 / (1 + np.exp(-scores))).astype(np.float32)
    return found


def rounded_up(threshold: float) -> float:
    """To as many digits as probabilities have, so that no less sure one passes it."""
    steps: int = 10**DIGITS
    return math.ceil(threshold * steps) / steps


def to_bytes(model: TextModel) -> bytes:
    """The model as it is stored; equal models give equal bytes."""
    stored = _Stored(
        format=FORMAT,
        features=list(model.vocabulary.features),
        idf=_packed(model.idf),
        weights=_packed(model.weights),
        intercepts=_packed(model.intercepts),
        labels=list(model.labels),
        threshold=model.threshold,
        tags=list(model.tags),
        lexicon=model.lexicon,
    )
    return zlib.compress(msgspec.msgpack.encode(stored), level=6)


def checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def from_bytes(body: bytes, expected_checksum: bytes) -> TextModel:
    """Raises ModelUnreadable, telling what was expected."""
    if checksum(body) != expected_checksum:
        raise ModelUnreadable("its bytes don't have the checksum that they were stored with; train a new one")
    packed = zlib.decompress(body)
    found = msgspec.msgpack.decode(packed, type=dict[str, Any]).get("format")
    if found != FORMAT:
        raise ModelUnreadable(f"it has format {found}, this release reads format {FORMAT}; train a new one")
    try:
        stored = msgspec.msgpack.decode(packed, type=_Stored)
        columns = len(stored.labels) + len(stored.tags)
        return TextModel(
            Vocabulary({feature: number for number, feature in enumerate(stored.features)}),
            _unpacked(stored.idf),
            _unpacked(stored.weights).reshape(len(stored.features), columns),
            _unpacked(stored.intercepts),
            labels=stored.labels,
            threshold=stored.threshold,
            tags=stored.tags,
            lexicon=stored.lexicon,
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise ModelUnreadable(f"its parts don't fit together: {error}; train a new one") from error


def _packed(array: Floats) -> bytes:
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def _unpacked(packed: bytes) -> Floats:
    return np.frombuffer(packed, dtype="<f4").astype(np.float32)
