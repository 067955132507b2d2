"""All read models of this release, and the hash that tells whether a stored one was made by the same code."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping

from supportix.projections.agent_load import AgentLoad
from supportix.projections.department_queue import DepartmentQueue
from supportix.projections.departments import DepartmentDirectory
from supportix.projections.forecasts import Forecasts
from supportix.projections.merges import MergeList
from supportix.projections.rows import LIVE, Projection
from supportix.projections.staffing_advice import AdviceList
from supportix.projections.ticket_list import TicketList
from supportix.projections.traffic_history import TrafficHistory

PROJECTIONS: Mapping[str, Callable[[str], Projection]] = {
    TicketList.name: TicketList,
    DepartmentQueue.name: DepartmentQueue,
    AgentLoad.name: AgentLoad,
    DepartmentDirectory.name: DepartmentDirectory,
    TrafficHistory.name: TrafficHistory,
    MergeList.name: MergeList,
    Forecasts.name: Forecasts,
    AdviceList.name: AdviceList,
}


def make(name: str, schema: str = LIVE) -> Projection:
    """The read model of that name, writing to the tables of that schema."""
    return PROJECTIONS[name](schema)


def definition(name: str) -> str:
    """A hash of the read model's module: its table and its rules."""
    source = inspect.getsource(sys.modules[PROJECTIONS[name].__module__])
    return hashlib.sha256(source.encode()).hexdigest()[:16]
