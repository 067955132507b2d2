"""Learning a model: linear support vector machines on TF-IDF, calibrated on the newest examples, then fitted to all.

A label's scores become probabilities by a softmax with one temperature, a tag's by Platt's sigmoid, both fitted on
examples that the machine hasn't seen (Guo et al. 2017, https://arxiv.org/abs/1706.04599). Thresholds are set there too.
scikit-learn is needed here alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from supportix.routing.features import Vocabulary, vocabulary_of
from supportix.routing.lexicon import LEXICON
from supportix.routing.model import Floats, LearnedTag, TextModel, sigmoid, softmax
from supportix.routing.sampling import Example, divided, labelled, learnable_labels, why_not_learnable
from supportix.routing.thresholds import threshold_for
from supportix.routing.words import folded

LEARNED_WITH = f"scikit-learn {sklearn.__version__}"

SOFTNESS = 0.5
"""The machines' C: how dear a mistake on a training example is."""
LEAST_OF_TAG = 20
MOST_LEARNED_TAGS = 50

Told = Callable[[str, int, int], None]
"""Told what goes on, and how much of how much is done."""
Rows = Any
"""A sparse matrix, one row per text; scipy has no types."""


def untold(_stage: str, _done: int, _total: int) -> None:
    """For those who don't want to know."""


def learn(examples: Sequence[Example], *, precision: float, told: Told = untold) -> TextModel:
    """A model of these examples, which are in order of time; one without labels where `why_not_learnable` says why.

    The same examples give the same model.
    """
    earlier, held_out = divided(examples)
    told("Learning from the earlier part", 0, 3)
    trial = _Fitted(earlier, tags_of(examples))
    told("Calibrating on the newest part", 1, 3)
    scores = trial.scores([example.text for example in held_out])
    temperature, threshold = _calibrated(trial.labels, scores, held_out, precision)
    curves = _tag_curves(trial, scores, held_out, precision)
    told("Learning from all", 2, 3)
    whole = _Fitted(examples, [tag for tag, *_ in curves], labels=trial.labels)
    model = whole.model(temperature, threshold, curves)
    told("Learning from all", 3, 3)
    return model


def tags_of(examples: Sequence[Example]) -> list[str]:
    """Those that enough tickets have to be learned, in order of their names."""
    counts = Counter(tag for example in examples for tag in set(example.tags))
    often = sorted((-count, tag) for tag, count in counts.items() if LEAST_OF_TAG <= count < len(examples))
    return sorted(tag for _, tag in often[:MOST_LEARNED_TAGS])


class _Fitted:
    """Machines as fitted: one per label against the others, one per tag."""

    def __init__(self, examples: Sequence[Example], tags: Sequence[str], labels: Sequence[str] | None = None) -> None:
        known = [] if why_not_learnable(examples) else labelled(examples)
        self.labels = (list(labels) if labels is not None else learnable_labels(known)) if known else []
        wanted = set(self.labels)
        self.vocabulary = vocabulary_of(example.text for example in examples)
        counts = _counts(self.vocabulary, [example.text for example in examples])
        texts_of = np.asarray((counts > 0).sum(axis=0)).ravel()
        self.idf = (np.log((1 + len(examples)) / (1 + texts_of)) + 1).astype(np.float32)
        rows = _weighted(counts, self.idf)
        chosen = [place for place, example in enumerate(examples) if example.label in wanted]
        columns = [_label_columns(rows[chosen], [examples[place].label for place in chosen], self.labels)]
        self.tags = []
        for tag in tags:
            has = np.array([tag in example.tags for example in examples])
            if has.any() and not has.all():
                self.tags.append(tag)
                columns.append(_column(rows, has))
        self.weights = np.hstack([weights for weights, _ in columns]).astype(np.float32)
        self.intercepts = np.concatenate([intercepts for _, intercepts in columns]).astype(np.float32)

    def scores(self, texts: Sequence[str]) -> Floats:
        rows = _weighted(_counts(self.vocabulary, texts), self.idf)
        found: Floats = np.asarray(rows @ self.weights, dtype=np.float32) + self.intercepts
        return found

    def model(self, temperature: float, threshold: float | None, curves: Sequence[_Curve]) -> TextModel:
        """The scales are put into the weights, so that predicting needs no others."""
        by_tag = {tag: (slope, offset) for tag, slope, offset, _ in curves}
        scale = [1 / temperature] * len(self.labels) + [by_tag[tag][0] for tag in self.tags]
        shift = [0.0] * len(self.labels) + [by_tag[tag][1] for tag in self.tags]
        thresholds = {tag: limit for tag, *_, limit in curves}
        return TextModel(
            self.vocabulary,
            self.idf,
            self.weights * np.array(scale, dtype=np.float32),
            self.intercepts * np.array(scale, dtype=np.float32) + np.array(shift, dtype=np.float32),
            labels=self.labels,
            threshold=threshold,
            tags=[LearnedTag(tag, thresholds[tag]) for tag in self.tags],
            lexicon={tag: terms for tag, terms in LEXICON.items() if tag not in self.tags},
        )


_Curve = tuple[str, float, float, float]
"""A tag, slope and offset of its sigmoid, and its threshold."""


def _counts(vocabulary: Vocabulary, texts: Sequence[str]) -> Rows:
    numbers, counts, ends = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [0]
    for text in texts:
        known = np.array(vocabulary.numbers_in(folded(text).split()), dtype=np.int32)
        found, times = np.unique(known, return_counts=True)
        numbers.append(found)
        counts.append(times)
        ends.append(ends[-1] + len(found))
    shape = (len(texts), len(vocabulary))
    return sparse.csr_matrix((np.concatenate(counts), np.concatenate(numbers), ends), shape=shape)


def _weighted(counts: Rows, idf: Floats) -> Rows:
    """As `TextModel.scores` weights them."""
    rows = counts.astype(np.float32)
    rows.data = (1 + np.log(rows.data)) * idf[rows.indices]
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    rows.data /= np.repeat(np.maximum(lengths, np.finfo(np.float32).tiny), np.diff(rows.indptr))
    return rows


def _label_columns(rows: Rows, labels: Sequence[str | None], known: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    if not known:
        return np.empty((rows.shape[1], 0)), np.empty(0)
    machine = LinearSVC(C=SOFTNESS, random_state=0).fit(rows, [known.index(label) for label in labels if label])
    weights, intercepts = machine.coef_.T, machine.intercept_
    if len(known) == 2:  # noqa: PLR2004 - of two, scikit-learn fits one machine.
        return np.hstack([-weights, weights]), np.concatenate([-intercepts, intercepts])
    return weights, intercepts


def _column(rows: Rows, has: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    machine = LinearSVC(C=SOFTNESS, random_state=0, class_weight="balanced").fit(rows, has)
    return machine.coef_.T, machine.intercept_


def _calibrated(
    labels: Sequence[str], scores: Floats, held_out: Sequence[Example], precision: float
) -> tuple[float, float | None]:
    """The temperature, and the threshold of the probabilities that it makes."""
    known = [place for place, example in enumerate(held_out) if example.label is not None]
    if not labels or not known:
        return 1.0, None
    found = scores[known, : len(labels)]
    places = {label: place for place, label in enumerate(labels)}
    truths = np.array([places.get(held_out[place].label or "", -1) for place in known])
    temperature = _temperature(found[truths >= 0], truths[truths >= 0])
    chances = softmax(found / temperature)
    return temperature, threshold_for(precision, chances.max(axis=1), chances.argmax(axis=1) == truths)


def _temperature(scores: Floats, truths: NDArray[Any]) -> float:
    """The one that makes the truths most likely."""
    if not len(truths):
        return 1.0

    def surprise(logarithm: float) -> float:
        chances = softmax(scores / np.exp(logarithm).astype(np.float32))[np.arange(len(truths)), truths]
        return float(-np.log(np.maximum(chances, np.finfo(np.float32).tiny)).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-4.0, 3.0), method="bounded").x))


def _tag_curves(trial: _Fitted, scores: Floats, held_out: Sequence[Example], precision: float) -> list[_Curve]:
    """Of the tags that reach the precision somewhere."""
    curves: list[_Curve] = []
    for place, tag in enumerate(trial.tags, len(trial.labels)):
        has = np.array([tag in example.tags for example in held_out])
        if not has.any() or has.all():
            continue
        own = scores[:, place]
        curve = LogisticRegression(C=1e3).fit(own.reshape(-1, 1), has)
        slope, offset = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        threshold = threshold_for(precision, sigmoid(own * slope + offset), has)
        if threshold is not None and slope > 0:
            curves.append((tag, slope, offset, threshold))
    return curves
