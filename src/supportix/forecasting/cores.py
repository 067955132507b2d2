"""Numerics on one core: departments are fitted side by side, and threads within one would be in the way."""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


def one_core() -> AbstractContextManager[Any]:
    """While it lasts, linear algebra and boosting use one thread in this process."""
    return _libraries().limit(limits=1)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _libraries() -> Any:
    """Finding them takes milliseconds; all that bring threads have to be loaded by then."""
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
