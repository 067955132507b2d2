"""Old versions of stored events, brought up to the present one when they are read. What is stored never changes.

`UPCASTERS` has one step for each old stored name; steps are chained until a name of the present is reached.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

import msgspec

Body = dict[str, Any]
"""The stored JSON body, decoded: texts, numbers, lists and objects."""


class Upcaster(msgspec.Struct, frozen=True):
    """From one stored version to the next. `change` is pure, and the body that it gets is its own."""

    to: str
    change: Callable[[Body], Body]


UPCASTERS: Mapping[str, Upcaster] = {}
"""By the old stored name. No event has an old version yet."""


def must_reach_the_present(upcasters: Mapping[str, Upcaster], present: Container[str]) -> None:
    """Raises ValueError where a name is both old and present, or where a chain ends elsewhere or goes round."""
    for name in upcasters:
        if name in present:
            raise ValueError(f"{name!r} is a fact of the present and has an upcaster too")
        passed = [name]
        while (reached := upcasters[passed[-1]].to) not in present:
            if reached in passed:
                raise ValueError(f"the upcasters of {name!r} go round: {' -> '.join([*passed, reached])}")
            if reached not in upcasters:
                raise ValueError(f"the upcasters of {name!r} end at {reached!r}, which is no fact")
            passed.append(reached)


def upcast(name: str, body: bytes, upcasters: Mapping[str, Upcaster]) -> tuple[str, bytes]:
    """The present name and body of an event that was stored under an old name."""
    changed: Body = msgspec.json.decode(body, type=dict[str, Any])
    while name in upcasters:
        step = upcasters[name]
        name, changed = step.to, step.change(changed)
    return name, msgspec.json.encode(changed)
