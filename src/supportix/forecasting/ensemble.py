"""Candidates fitted on the same levels, kept together: whichever fails is left out, and its reason is kept."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from supportix.forecasting.candidates import CANDIDATES, Fitted
from supportix.forecasting.cores import one_core
from supportix.forecasting.levels import Levels
from supportix.forecasting.statistical import Prepared
from supportix.forecasting.usual import Array

FAILURES = (ArithmeticError, ValueError, RuntimeError, LookupError, TypeError)
"""What numerics raise on a series that they can't cope with; whatever else comes up is a defect of ours."""
Answer = TypeVar("Answer")


class Members:
    """Numbers that aren't finite count as a failure. `left_out` tells who failed, and how.

    `otherwise`: who is fitted instead once nobody is left. `ready`: paths of roots of those that are fitted elsewhere.
    """

    def __init__(
        self,
        levels: Levels,
        names: Iterable[str],
        seed: int,
        otherwise: Iterable[str] = (),
        ready: Mapping[str, Array] = MappingProxyType({}),
    ) -> None:
        names = tuple(names)
        self._levels, self._seed, self._otherwise = levels, seed, tuple(otherwise)
        self._models: dict[str, Fitted] = {}
        self.left_out: dict[str, str] = {}
        self._models |= {name: Prepared(levels, ready[name]) for name in names if name in ready}
        self._fit(name for name in names if name not in ready)

    def _fit(self, names: Iterable[str]) -> None:
        for name in names:
            model = self._attempt(name, partial(CANDIDATES[name].fit, self._levels, self._seed))
            if model is not None:
                self._models[name] = model

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    def observe(self, count: float) -> None:
        for name, model in tuple(self._models.items()):
            self._attempt(name, partial(model.observe, count))

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
            answer = self._attempt(name, partial(_finite, ask, model))
            if answer is not None:
                found[name] = answer
        return found

    def _attempt(self, name: str, work: Callable[[], Answer]) -> Answer | None:
        """Underflow to zero is fine."""
        try:
            with one_core(), np.errstate(divide="raise", invalid="raise", over="raise"):
                return work()
        except FAILURES as error:
            self.left_out[name] = f"it failed: {type(error).__name__}: {error}"
            self._models.pop(name, None)
            return None


def _finite(ask: Callable[[Fitted], Array], model: Fitted) -> Array:
    means = ask(model)
    if not np.isfinite(means).all():
        raise FloatingPointError("a mean isn't a number")
    return means
