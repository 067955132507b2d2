"""What a routed ticket tells of its routing: which rule or model decided, how sure it was, and why others passed."""

import msgspec

from supportix.domain.ids import DepartmentId


class MatchedRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A department's rule that matched. `term` is the one of its terms that was found; empty where it names none."""

    name: str
    order: int
    term: str = ""


class Scored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A department, and how probable a model finds it, from 0 to 1."""

    department_id: DepartmentId
    probability: float


class ClassifierVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a model said. It decides where `best` reaches the threshold; with none, it can't decide on anything."""

    model_version: int
    best: Scored | None = None
    runner_up: Scored | None = None
    threshold: float | None = None

    @property
    def is_sure(self) -> bool:
        return self.best is not None and self.threshold is not None and self.best.probability >= self.threshold


class RoutingEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why a ticket went where it did. Enough to prove the choice by replay.

    `based_on` is the position of the log up to which the rules and request types of the departments were known.
    `passed` tells by step why one that comes before the deciding one left the ticket to the next.
    """

    based_on: int
    request_type: str = ""
    rule: MatchedRule | None = None
    verdict: ClassifierVerdict | None = None
    passed: dict[str, str] = {}


class SuggestedTag(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A tag that a model adds: one that it learned, with a probability, or one of its lexicon, with the term found."""

    name: str
    probability: float | None = None
    term: str = ""
