"""An advice on a department's staffing: given, changed or withdrawn by newer forecasts, decided on by people, scored.

Owns the streams of advice: emits AdviceGiven, AdviceChanged, AdviceWithdrawn, AdviceAccepted, AdviceDismissed and
AdviceScored. Once it has begun it stays as it is, so that it is judged by what people were told.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid5

from supportix.domain.advice_words import AdviceScore, AdviceState, Advised
from supportix.domain.aggregate import Aggregate, Fact, PersonalText
from supportix.domain.errors import Conflict
from supportix.domain.ids import AdviceId, DepartmentId

# Names in TOPIC and the names of fields are the storage format of years of history: never change them, add a version.


class AdviceFact(Fact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every fact of an advice tells: whose it is, and of which span as told last, `end` not included."""

    department_id: DepartmentId
    begin: datetime
    end: datetime


class AdviceGiven(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "staffing_advice.given.v1"
    advised: Advised

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.department_id = self.department_id
        advice.advised = self.advised


class AdviceChanged(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A newer forecast advises something else for about the same time."""

    TOPIC: ClassVar[str] = "staffing_advice.changed.v1"
    advised: Advised

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.advised = self.advised


class AdviceWithdrawn(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A newer forecast no longer asks for it."""

    TOPIC: ClassVar[str] = "staffing_advice.withdrawn.v1"

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.state = AdviceState.WITHDRAWN


class AdviceAccepted(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "staffing_advice.accepted.v1"
    reason: PersonalText = ""

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.state = AdviceState.ACCEPTED


class AdviceDismissed(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    TOPIC: ClassVar[str] = "staffing_advice.dismissed.v1"
    reason: PersonalText = ""

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.state = AdviceState.DISMISSED


class AdviceScored(AdviceFact, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What came of it, once its span was over."""

    TOPIC: ClassVar[str] = "staffing_advice.scored.v1"
    score: AdviceScore

    def apply(self, advice: "StaffingAdvice") -> None:
        advice.scored = True


_NOBODY = DepartmentId(UUID(int=0))


class StaffingAdvice(Aggregate, kw_only=True):
    """What is advised as told last, and what has become of it."""

    department_id: DepartmentId = _NOBODY
    advised: Advised | None = None
    state: AdviceState = AdviceState.GIVEN
    scored: bool = False

    @property
    def told(self) -> Advised:
        """Refused: AdviceNotGiven."""
        if self.advised is None:
            raise AdviceNotGiven(f"advice {self.id} was never given")
        return self.advised

    def change(self, advised: Advised, *, at: datetime) -> "StaffingAdvice":
        """Advise something else by a newer forecast; nothing where it is the same.

        Refused: AdviceDecided, AdviceBegun, AdviceInvalid.
        """
        self._must_be_changeable(at)
        advised.must_be_sound()
        if advised == self.advised:
            return self
        return self.record(
            AdviceChanged(
                occurred_at=at,
                department_id=self.department_id,
                begin=advised.begin,
                end=advised.end,
                advised=advised,
            )
        )

    def withdraw(self, *, at: datetime) -> "StaffingAdvice":
        """Refused: AdviceDecided, AdviceBegun."""
        self._must_be_changeable(at)
        return self.record(AdviceWithdrawn(occurred_at=at, **self._whose))

    def accept(self, *, reason: str, at: datetime) -> "StaffingAdvice":
        """Refused: AdviceDecided, AdviceOver."""
        self._must_be_open(at)
        return self.record(AdviceAccepted(occurred_at=at, reason=reason, **self._whose))

    def dismiss(self, *, reason: str, at: datetime) -> "StaffingAdvice":
        """Refused: AdviceDecided, AdviceOver."""
        self._must_be_open(at)
        return self.record(AdviceDismissed(occurred_at=at, reason=reason, **self._whose))

    def score(self, score: AdviceScore, *, at: datetime) -> "StaffingAdvice":
        """Tell what came of it, once; nothing where that was told. Refused: AdviceNotOver, AdviceDecided."""
        if self.scored:
            return self
        if self.state is AdviceState.WITHDRAWN:
            raise AdviceDecided(f"advice {self.id} is withdrawn; one that was upheld was expected")
        if at < self.told.end:
            raise AdviceNotOver(f"advice {self.id} ends at {self.told.end.isoformat()}; what comes of it shows then")
        return self.record(AdviceScored(occurred_at=at, score=score, **self._whose))

    def _must_be_changeable(self, at: datetime) -> None:
        self._must_be_given()
        if at >= self.told.begin:
            raise AdviceBegun(f"advice {self.id} began at {self.told.begin.isoformat()}; it stays as it is")

    def _must_be_open(self, at: datetime) -> None:
        self._must_be_given()
        if at >= self.told.end:
            raise AdviceOver(f"advice {self.id} ended at {self.told.end.isoformat()}; nothing is left to decide")

    def _must_be_given(self) -> None:
        if self.state is not AdviceState.GIVEN:
            raise AdviceDecided(f"advice {self.id} is {self.state}; one that nobody has decided on was expected")

    @property
    def _whose(self) -> dict[str, Any]:
        return {"department_id": self.department_id, "begin": self.told.begin, "end": self.told.end}


def give_advice(advice_id: AdviceId, department_id: DepartmentId, advised: Advised, *, at: datetime) -> StaffingAdvice:
    """A new advice. Refused: AdviceInvalid."""
    advised.must_be_sound()
    return StaffingAdvice(id=advice_id).record(
        AdviceGiven(
            occurred_at=at,
            department_id=department_id,
            begin=advised.begin,
            end=advised.end,
            advised=advised,
        )
    )


def advice_id(department_id: DepartmentId, advised: Advised, hour: datetime) -> AdviceId:
    """The stream of an advice that the forecasts of this hour call for.

    Whether more or fewer agents are asked for is part of it, whether a merge could bring them isn't: that may change.
    """
    word = "more" if advised.asks_for_more else "fewer"
    name = f"{word} agents from {advised.begin.timestamp():.0f}, by the forecast of {hour.timestamp():.0f}"
    return AdviceId(uuid5(department_id, name))


class AdviceNotGiven(Conflict):
    """The advice was never given."""


class AdviceDecided(Conflict):
    """The advice was accepted, dismissed or withdrawn before."""


class AdviceBegun(Conflict):
    """The span of the advice has begun, so a newer forecast can't change it."""


class AdviceOver(Conflict):
    """The span of the advice is over."""


class AdviceNotOver(Conflict):
    """The span of the advice isn't over yet."""


for _fact in (AdviceGiven, AdviceChanged, AdviceWithdrawn, AdviceAccepted, AdviceDismissed, AdviceScored):
    _fact.AGGREGATE = StaffingAdvice
