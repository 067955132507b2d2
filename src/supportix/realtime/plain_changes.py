"""What to tell of events that say all that is told: those of merges, forecasts and advice. Nothing is kept for them."""

from supportix.domain.aggregate import DomainEvent
from supportix.domain.forecast_day import ForecastIssued, ForecastUpdated
from supportix.domain.forecast_words import Horizon
from supportix.domain.merge import MergeFact
from supportix.domain.staffing_advice import AdviceChanged as AdviceChangedFact
from supportix.domain.staffing_advice import AdviceFact, AdviceGiven, AdviceScored
from supportix.realtime.frames import AdviceChanged, ForecastChanged, Frame, MergeChanged, Topic, text_of
from supportix.realtime.seats import EVERYONE, Change


def plain_change(epoch: str, position: int, event: DomainEvent) -> Change | None:
    """The change, for those who see every department. None where the event is of another kind."""
    match event.fact:
        case MergeFact() as fact:
            return _change(position, Topic.MERGES, _of_merge(epoch, position, event, fact))
        case ForecastIssued(horizon=Horizon.DAY) | ForecastUpdated() as fact:
            return _change(position, Topic.FORECASTS, _of_forecast(epoch, position, fact))
        case AdviceFact() as fact:
            return _change(position, Topic.FORECASTS, _of_advice(epoch, position, event, fact))
        case _:
            return None


def _change(position: int, topic: Topic, frame: Frame) -> Change:
    return Change(position, topic, frozenset({EVERYONE}), text_of(frame))


def _of_merge(epoch: str, position: int, event: DomainEvent, fact: MergeFact) -> MergeChanged:
    return MergeChanged(
        epoch=epoch,
        position=position,
        merge_id=event.originator_id,
        version=event.originator_version,
        happened=fact.TOPIC.split(".")[1],
        occurred_at=fact.occurred_at,
        source_id=fact.source_id,
        target_id=fact.target_id,
    )


def _of_forecast(epoch: str, position: int, fact: ForecastIssued | ForecastUpdated) -> ForecastChanged:
    arrived, elapsed = (fact.arrived, fact.elapsed_seconds) if isinstance(fact, ForecastUpdated) else (0, 0)
    steps = fact.steps
    return ForecastChanged(
        epoch=epoch,
        position=position,
        department_id=fact.department_id,
        happened=fact.TOPIC.split(".")[1],
        occurred_at=fact.occurred_at,
        begin=steps.begin,
        running_mean=steps.means[0],
        running_quantiles=[*steps.quantiles_of(0)],
        next_mean=steps.means[1],
        next_quantiles=[*steps.quantiles_of(1)],
        arrived=arrived,
        elapsed_seconds=elapsed,
    )


def _of_advice(epoch: str, position: int, event: DomainEvent, fact: AdviceFact) -> AdviceChanged:
    match fact:
        case AdviceGiven(advised=advised) | AdviceChangedFact(advised=advised):
            sentence: str | None = advised.sentence
        case AdviceScored(score=score):
            sentence = score.sentence
        case _:
            sentence = None
    return AdviceChanged(
        epoch=epoch,
        position=position,
        advice_id=event.originator_id,
        version=event.originator_version,
        department_id=fact.department_id,
        happened=fact.TOPIC.split(".")[1],
        occurred_at=fact.occurred_at,
        begins_at=fact.begin,
        ends_at=fact.end,
        sentence=sentence,
    )
