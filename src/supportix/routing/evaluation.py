"""How well a model does on examples that came after those it learned from, beside what needs no model."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from supportix.routing.baselines import Keywords, majority
from supportix.routing.model import DIGITS, TextModel
from supportix.routing.sampling import Example, divided, labelled, why_not_learnable
from supportix.routing.training import Told, learn, tags_of, untold

_BINS = 10


class TagResult(msgspec.Struct, frozen=True):
    """How a learned tag did: how many tickets had it, how often it was suggested, and how often rightly."""

    name: str
    had: int
    suggested: int
    right: int


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. Shares from 0 to 1, all of the `tested` examples but `precision_when_sure`.

    `why_not` says why nothing was learned about departments; then only the counts and the tags say anything.
    """

    learned_from: int
    tested: int
    wanted_precision: float
    why_not: str | None = None
    labels: tuple[str, ...] = ()
    accuracy: float = 0.0
    """Were the model never to abstain."""
    majority_accuracy: float = 0.0
    keyword_accuracy: float = 0.0
    threshold: float | None = None
    coverage: float = 0.0
    """The share of which the model was sure."""
    precision_when_sure: float | None = None
    calibration_error: float = 0.0
    """Expected calibration error over ten equal bins of probability."""
    confusion: tuple[tuple[str, str, int], ...] = ()
    """Label, prediction, count."""
    tags: tuple[TagResult, ...] = ()


def evaluate(examples: Sequence[Example], *, precision: float, told: Told = untold) -> Evaluation:
    """Learn from the earlier examples, as `learn` does, and predict the newest; examples come in order of time."""
    earlier, held_out = divided(examples)
    model = learn(earlier, precision=precision, told=told) if earlier else None
    known = labelled(held_out)
    why_not = why_not_learnable(earlier) or ("no ticket of the newest part ended" if not known else None)
    tags = () if model is None else _tag_results(model, held_out)
    if why_not or model is None:
        return Evaluation(
            learned_from=len(earlier), tested=len(known), wanted_precision=precision, why_not=why_not, tags=tags
        )
    return _measured(model, earlier, known, tags, precision, told)


def _measured(
    model: TextModel,
    earlier: Sequence[Example],
    known: Sequence[Example],
    tags: tuple[TagResult, ...],
    precision: float,
    told: Told,
) -> Evaluation:
    chances = np.zeros(len(known))
    predicted: list[str] = []
    for place, example in enumerate(known):
        found = model.read(example.text).probabilities()
        chances[place] = 0.0 if found is None else round(float(found.max()), DIGITS)
        predicted.append(model.labels[0] if found is None else model.labels[int(found.argmax())])
        told("Predicting the newest part", place + 1, len(known))
    truths = [example.label or "" for example in known]
    right = np.array([truth == label for truth, label in zip(truths, predicted, strict=True)])
    sure = chances >= (2.0 if model.threshold is None else model.threshold)
    keywords, most = Keywords(earlier), majority(earlier)
    return Evaluation(
        learned_from=len(earlier),
        tested=len(known),
        wanted_precision=precision,
        labels=model.labels,
        accuracy=float(right.mean()),
        majority_accuracy=float(np.mean([truth == most for truth in truths])),
        keyword_accuracy=float(np.mean([keywords.label_of(each.text) == each.label for each in known])),
        threshold=model.threshold,
        coverage=float(sure.mean()),
        precision_when_sure=float(right[sure].mean()) if sure.any() else None,
        calibration_error=_calibration_error(chances, right),
        confusion=_confusion(truths, predicted),
        tags=tags,
    )


def _confusion(truths: Sequence[str], predicted: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
    pairs, counts = np.unique(np.array([truths, predicted]), axis=1, return_counts=True)
    return tuple((str(pair[0]), str(pair[1]), int(count)) for pair, count in zip(pairs.T, counts, strict=True))


def _calibration_error(chances: np.ndarray, right: np.ndarray) -> float:
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    within = [bins == each for each in set(bins)]
    return float(sum(abs(chances[each].mean() - right[each].mean()) * each.mean() for each in within))


def _tag_results(model: TextModel, held_out: Sequence[Example]) -> tuple[TagResult, ...]:
    suggestions = [{tag.name for tag in model.read(example.text).tags()} for example in held_out]
    results = []
    for tag in sorted({*(tag.name for tag in model.tags), *tags_of(held_out)}):
        had = [tag in example.tags for example in held_out]
        suggested = [tag in each for each in suggestions]
        right = sum(a and b for a, b in zip(had, suggested, strict=True))
        results.append(TagResult(tag, sum(had), sum(suggested), right))
    return tuple(results)
