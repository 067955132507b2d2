"""Every fact that can stand in the event log, by its stored name."""

from collections.abc import Mapping

from supportix.domain import (
    agent,
    department,
    forecast_day,
    forecast_model,
    merge,
    staffing_advice,
    ticket,
    traffic_past,
)
from supportix.domain.aggregate import Fact

FACTS: Mapping[str, type[Fact]] = {
    fact.TOPIC: fact
    for module in (ticket, agent, department, merge, forecast_day, forecast_model, staffing_advice, traffic_past)
    for fact in vars(module).values()
    if isinstance(fact, type) and issubclass(fact, Fact) and "TOPIC" in vars(fact)
}
