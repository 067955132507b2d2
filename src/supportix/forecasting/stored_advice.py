"""Advice as it is reckoned, and as it stands in events: from the one to the other and back. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from supportix.domain.advice_words import AdviceEvidence, AdviceKind, AdviceScore, Advised
from supportix.domain.ids import DepartmentId
from supportix.forecasting.staffing_plans import DIGITS, Planned, kind_of
from supportix.staffing import advice as reckoned
from supportix.staffing.advice import Advice, Evidence, advise
from supportix.staffing.outcome import Outcome
from supportix.staffing.plan import Spare
from supportix.staffing.tickets import SHIFT_SECONDS
from supportix.staffing.work import Target, Work

A_SHIFT = timedelta(seconds=SHIFT_SECONDS)


def advised(planned: Planned, spares: Sequence[Spare]) -> list[Advised]:
    """What to advise by a plan, as it is stored. Fewer agents only where somebody's shifts are known.

    What is cut off by the end of the forecast after less than a shift is left for later, when more of it is seen.
    """
    found = [_stored(each, planned) for each in advise(planned.plan, spares)]
    horizon = planned.plan.arrivals.end
    return [
        each
        for each in found
        if (each.asks_for_more or planned.has_shifts) and (each.end < horizon or each.end - each.begin >= A_SHIFT)
    ]


def advice_as_told(department_id: DepartmentId, told: Advised) -> Advice:
    """A stored advice, to be judged."""
    evidence = told.evidence
    return Advice(
        department_id=department_id,
        begin=told.begin,
        end=told.end,
        kind=reckoned.AdviceKind(told.kind),
        agents=told.agents,
        with_department_id=told.with_department_id,
        share_without=told.share_without,
        share_with=told.share_with,
        sentence=told.sentence,
        evidence=Evidence(
            kind=kind_of(evidence.work_kind),
            step_seconds=evidence.step_seconds,
            work=Work(
                handle_seconds=evidence.handle_seconds,
                patience_seconds=evidence.patience_seconds,
                concurrency=evidence.concurrency,
                shrinkage=evidence.shrinkage,
                max_occupancy=evidence.max_occupancy,
            ),
            target=Target(share=evidence.target_share, within_seconds=evidence.target_seconds),
            staffed_for=evidence.staffed_for,
            arrivals=evidence.arrivals,
            arrivals_low=evidence.arrivals_low,
            arrivals_high=evidence.arrivals_high,
            required=evidence.required,
            required_at_work=evidence.required_at_work,
            square_root=evidence.square_root,
            on_shift=evidence.on_shift,
            occupancy=evidence.occupancy,
            waiting=evidence.waiting,
            spare=evidence.spare,
        ),
    )


def score_of(outcome: Outcome, *, came: int, in_time: int, merged: bool) -> AdviceScore:
    """What came of an advice, as it is stored."""
    return AdviceScore(
        followed=outcome.followed,
        needed=outcome.needed,
        arrivals_expected=round(outcome.arrivals_expected, DIGITS),
        arrivals=outcome.arrivals,
        arrivals_within_band=outcome.arrivals_within_band,
        agents_planned=round(outcome.agents_planned, DIGITS),
        agents_advised=round(outcome.agents_advised, DIGITS),
        agents=round(outcome.agents, DIGITS),
        share_without=round(float(outcome.share_without), DIGITS),
        share_with=round(float(outcome.share_with), DIGITS),
        came=came,
        in_time=in_time,
        merged=merged,
        sentence=outcome.sentence,
    )


def _stored(advice: Advice, planned: Planned) -> Advised:
    told, work, target = advice.evidence, advice.evidence.work, advice.evidence.target
    return Advised(
        kind=AdviceKind(advice.kind),
        begin=advice.begin,
        end=advice.end,
        agents=advice.agents,
        with_department_id=advice.with_department_id,
        share_without=round(float(advice.share_without), DIGITS),
        share_with=round(float(advice.share_with), DIGITS),
        sentence=advice.sentence,
        evidence=AdviceEvidence(
            work_kind=planned.terms.kind,
            step_seconds=int(told.step_seconds),
            arrivals=_rounded(told.arrivals),
            arrivals_low=_rounded(told.arrivals_low),
            arrivals_high=_rounded(told.arrivals_high),
            required=told.required,
            required_at_work=told.required_at_work,
            square_root=tuple(None if each is None else round(each, DIGITS) for each in told.square_root),
            on_shift=_rounded(told.on_shift),
            occupancy=round(float(told.occupancy), DIGITS),
            waiting=told.waiting,
            spare=told.spare,
            target_share=target.share,
            target_seconds=target.within_seconds,
            handle_seconds=work.handle_seconds,
            handle_times_seen=planned.handle_time.seen,
            patience_seconds=work.patience_seconds,
            concurrency=work.concurrency,
            shrinkage=work.shrinkage,
            max_occupancy=work.max_occupancy,
            staffed_for=told.staffed_for,
            forecast_from=planned.forecast.begin,
            forecast_model=planned.forecast.model,
            confidence=planned.forecast.confidence,
        ),
    )


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(float(each), DIGITS) for each in values)
