"""Given facts of one stream, when an aggregate decides, then these facts are recorded or it is refused.

`given(opened, routed).when(lambda ticket: ticket.assign(...)).then(assigned)`
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from supportix.domain.aggregate import Aggregate, DomainEvent, Fact, fold
from supportix.domain.errors import Refusal

STREAM = UUID("00000000-0000-7000-8000-00000000cafe")
"""The id of the aggregate that the facts given are about."""

Decision = Callable[[Any], Aggregate]


def given(*facts: Fact) -> "Given":
    """The facts of one stream, from its first."""
    return Given(facts)


def given_nothing() -> "Given":
    """No stream yet: the decision is handed None."""
    return Given(())


class Given:
    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self._facts = facts

    def when(self, decision: Decision) -> "When":
        return When(self._facts, decision)

    @property
    def aggregate(self) -> Any:
        """What has been given, folded."""
        return _folded(self._facts)


class When:
    def __init__(self, facts: tuple[Fact, ...], decision: Decision) -> None:
        self._facts = facts
        self._decision = decision

    def then(self, *expected: Fact) -> None:
        """Exactly these facts are recorded, and replaying them leads to the state that was decided on."""
        decided = self._decision(_folded(self._facts))
        events = decided.collect_events()
        assert [event.fact for event in events] == list(expected)
        first = len(self._facts) + 1
        assert [event.originator_version for event in events] == list(range(first, first + len(expected)))
        if self._facts or expected:
            assert decided == _folded((*self._facts, *expected), decided.id)

    def then_nothing(self) -> None:
        """It is allowed, and there is nothing to record."""
        self.then()

    def then_refused(self, refusal: type[Refusal], *, saying: str = "") -> None:
        """Exactly this refusal, with this in its detail, and the aggregate stays as it was."""
        before = _folded(self._facts)
        with pytest.raises(Refusal) as caught:
            self._decision(before)
        assert type(caught.value) is refusal
        assert saying in str(caught.value)
        assert before == _folded(self._facts)


def _folded(facts: tuple[Fact, ...], stream: UUID = STREAM) -> Aggregate | None:
    return fold([DomainEvent(stream, version, fact) for version, fact in enumerate(facts, 1)])


def but(fact: Fact, **changes: Any) -> Any:
    """The same fact with some fields changed."""
    return msgspec.structs.replace(fact, **changes)
