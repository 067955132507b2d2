"""Every table of the read models, for migrations to find."""

from supportix.projections.agent_load import agent_load, agent_turns
from supportix.projections.department_queue import department_queue
from supportix.projections.departments import departments
from supportix.projections.merges import department_merging, merges
from supportix.projections.ticket_list import tickets
from supportix.projections.traffic_history import moved_tickets, queue_pace, traffic_history

TABLES = (
    tickets,
    department_queue,
    agent_load,
    agent_turns,
    departments,
    traffic_history,
    queue_pace,
    moved_tickets,
    merges,
    department_merging,
)
