"""What may happen to advice on staffing at a small desk in a random history."""

from collections.abc import Callable, Mapping
from datetime import datetime

from tests.advised import HOUR, advice_score, advised
from tests.small_desk import Choices, Desk, Step

from supportix.domain.advice_words import AdviceKind, Advised
from supportix.domain.aggregate import DomainEvent
from supportix.domain.department import Department
from supportix.domain.ids import DepartmentId
from supportix.domain.staffing_advice import StaffingAdvice, advice_id, give_advice


def _advised(desk: Desk, step: Step) -> Advised:
    """Of a span that lies ahead, or one that lies behind."""
    choices = Choices(step.what)
    begin = _hour(desk) + choices.of((1, 2, -9, 12)) * HOUR
    kind, hours, agents = choices.of(list(AdviceKind)), choices.of((1, 3)), choices.of((1, 2, 5))
    helper = desk.pick(Department, step.what) if kind is AdviceKind.MERGE else None
    share = choices.of((0.5, 1.0, 0.0))
    return advised(
        begin,
        hours,
        agents,
        kind=kind,
        share_without=share,
        sentence=choices.of(("2 more", "„Größe“ \x00")),
        with_department_id=DepartmentId(helper.id) if helper is not None else None,
    )


def _hour(desk: Desk) -> datetime:
    return desk.now.replace(minute=0)


def _give(desk: Desk, step: Step) -> list[DomainEvent]:
    department_id = DepartmentId(desk.pick(Department, step.which).id)
    told = _advised(desk, step)
    stream_id = advice_id(department_id, told, _hour(desk))
    if stream_id in desk.state:
        return []
    return list(give_advice(stream_id, department_id, told, at=desk.now).collect_events())


def _on_advice(
    decide: Callable[[Desk, StaffingAdvice, Step], StaffingAdvice],
) -> Callable[[Desk, Step], list[DomainEvent]]:
    def carry_out(desk: Desk, step: Step) -> list[DomainEvent]:
        advice = desk.pick(StaffingAdvice, step.which)
        return [] if advice is None else list(decide(desk, advice, step).collect_events())

    return carry_out


ADVICE_STEPS: Mapping[str, Callable[[Desk, Step], list[DomainEvent]]] = {
    "give advice": _give,
    "change advice": _on_advice(lambda desk, advice, step: advice.change(_advised(desk, step), at=desk.now)),
    "withdraw advice": _on_advice(lambda desk, advice, _: advice.withdraw(at=desk.now)),
    "accept advice": _on_advice(lambda desk, advice, step: advice.accept(reason=str(step.what), at=desk.now)),
    "dismiss advice": _on_advice(lambda desk, advice, _: advice.dismiss(reason="", at=desk.now)),
    "score advice": _on_advice(
        lambda desk, advice, step: advice.score(advice_score(came=step.what, in_time=0), at=desk.now)
    ),
}
