"""Every table of the read models, for migrations to find."""

from supportix.projections.agent_load import agent_load, agent_turns
from supportix.projections.department_queue import department_queue
from supportix.projections.departments import departments, known_events
from supportix.projections.forecasts import forecast_models, forecast_scores, forecasts
from supportix.projections.merges import department_merging, merges
from supportix.projections.staffing_advice import staffing_advice
from supportix.projections.ticket_list import tickets
from supportix.projections.traffic_history import handle_times, open_tickets, queue_pace, traffic_history, traffic_pasts

TABLES = (
    tickets,
    department_queue,
    agent_load,
    agent_turns,
    departments,
    known_events,
    traffic_history,
    queue_pace,
    handle_times,
    open_tickets,
    traffic_pasts,
    merges,
    department_merging,
    forecasts,
    forecast_scores,
    forecast_models,
    staffing_advice,
)
