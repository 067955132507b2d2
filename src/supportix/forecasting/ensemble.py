"""Candidates fitted on the same levels, kept together: whichever fails is left out, and its reason is kept."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from supportix.forecasting.candidates import CANDIDATES, Fitted
from supportix.forecasting.levels import Levels
from supportix.forecasting.usual import Array

FAILURES = (ArithmeticError, ValueError, RuntimeError, LookupError, TypeError)
"""What numerics raise on a series that they can't cope with; whatever else comes up is a defect of ours."""
Answer = TypeVar("Answer")


class Members:
    """Numbers that aren't finite count as a failure. `left_out` tells who failed, and how.

    `otherwise`: who is fitted instead once nobody is left.
    """

    def __init__(self, levels: Levels, names: Iterable[str], seed: int, otherwise: Iterable[str] = ()) -> None:
        self._levels, self._seed, self._otherwise = levels, seed, tuple(otherwise)
        self._models: dict[str, Fitted] = {}
        self.left_out: dict[str, str] = {}
        self._fit(names)

    def _fit(self, names: Iterable[str]) -> None:
        for name in names:
            model = self._attempt(name, lambda name=name: CANDIDATES[name].fit(self._levels, self._seed))
            if model is not None:
                self._models[name] = model

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    def observe(self, count: float) -> None:
        for name, model in tuple(self._models.items()):
            self._attempt(name, lambda model=model: model.observe(count))

    def means(self, horizon: int) -> dict[str, Array]:
        return self._answers(lambda model: model.mean(horizon))

    def after(self, count: float) -> dict[str, Array]:
        return self._answers(lambda model: np.array([model.after(count)]))

    def _answers(self, ask: Callable[[Fitted], Array]) -> dict[str, Array]:
        found = self._asked(ask)
        if not found and self._otherwise:
            names, self._otherwise = self._otherwise, ()
            self._fit(names)
            found = self._asked(ask)
        return found

    def _asked(self, ask: Callable[[Fitted], Array]) -> dict[str, Array]:
        found = {}
        for name, model in tuple(self._models.items()):
            answer = self._attempt(name, lambda model=model: _finite(ask(model)))
            if answer is not None:
                found[name] = answer
        return found

    def _attempt(self, name: str, work: Callable[[], Answer]) -> Answer | None:
        """Underflow to zero is fine."""
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                return work()
        except FAILURES as error:
            self.left_out[name] = f"it failed: {type(error).__name__}: {error}"
            self._models.pop(name, None)
            return None


def _finite(means: Array) -> Array:
    if not np.isfinite(means).all():
        raise FloatingPointError("a mean isn't a number")
    return means
