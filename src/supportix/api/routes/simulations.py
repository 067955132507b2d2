"""Simulations: asked for, followed while a worker runs them, read when they are done, and cancelled."""

from datetime import datetime
from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Accepted, Call, Page
from supportix.api.endpoints import action
from supportix.api.inputs import CursorText, Limit
from supportix.api.paging import page_of
from supportix.commands.departments import UnknownPolicy
from supportix.domain.errors import NotFound
from supportix.domain.merge_settings import MarksOutOfOrder
from supportix.identity.roles import Permission
from supportix.simulation.jobs import SimulationDetail, SimulationJob, SimulationJobs, TooManySimulations
from supportix.simulation.question import (
    AlternativesOutOfRange,
    ChangeOutOfRange,
    Question,
    SpanBackwards,
)

TAG = "Simulations"
RUNNING = any_of(Permission.SIMULATIONS_RUN)


class SimulationsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of the simulations."""

    limit: Limit = 50
    cursor: CursorText | None = None


class SimulationKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a simulation stands in the list."""

    requested_at: datetime
    simulation_id: UUID


@action(
    "POST",
    "/simulations",
    needs=RUNNING,
    tag=TAG,
    status=202,
    refusals=(
        UnknownPolicy,
        SpanBackwards,
        MarksOutOfOrder,
        ChangeOutOfRange,
        AlternativesOutOfRange,
        TooManySimulations,
    ),
)
async def run_simulation(call: Call, body: Question) -> Accepted[SimulationDetail]:
    """Replay the history, as it is now, under other policies, staffing or merge thresholds.

    A worker runs it; `Location` is where to see how far it is, and then what it came to.
    """
    job = await SimulationJobs(call.backend.core.pool).ask(body, call.sender.account_id, call.at)
    return Accepted(job, f"/simulations/{job.simulation_id}")


@action("GET", "/simulations", needs=RUNNING, tag=TAG)
async def list_simulations(call: Call, query: SimulationsQuery) -> Page[SimulationJob]:
    """List the simulations of the last thirty days, the newest first."""
    cursors = call.backend.cursors
    key = cursors.read("simulations", query.cursor, SimulationKey) if query.cursor else None
    behind = None if key is None else (key.requested_at, key.simulation_id)
    found = await SimulationJobs(call.backend.core.pool).page(behind, query.limit + 1)
    return page_of(
        cursors, "simulations", found, query.limit, lambda each: SimulationKey(each.requested_at, each.simulation_id)
    )


@action("GET", "/simulations/{simulation_id}", needs=RUNNING, tag=TAG, refusals=(NotFound,))
async def get_simulation(call: Call, simulation_id: UUID) -> SimulationDetail:
    """Read how far a simulation is, and once it is done, its result."""
    return await SimulationJobs(call.backend.core.pool).one(simulation_id)


@action("DELETE", "/simulations/{simulation_id}", needs=RUNNING, tag=TAG, status=204, refusals=(NotFound,))
async def cancel_simulation(call: Call, simulation_id: UUID) -> None:
    """Cancel a simulation, or remove the result of one that has ended."""
    await SimulationJobs(call.backend.core.pool).remove(simulation_id)


ENDPOINTS = (run_simulation, list_simulations, get_simulation, cancel_simulation)
