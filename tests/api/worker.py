"""A worker for the API's tests, as a process of its own: does all that a worker does, but for housekeeping."""

import asyncio

from supportix.bootstrap import open_core, utc_now
from supportix.processes.assigner import Assigner
from supportix.processes.merging import Merging
from supportix.processes.timekeeper import Timekeeper
from supportix.processes.worker import work
from supportix.projections.runner import ProjectionRunner
from supportix.settings import load_settings
from supportix.simulation.jobs import SimulationJobs
from supportix.simulation.process import Simulations
from supportix.store.leases import Leases


async def main() -> None:
    async with open_core(load_settings()) as core:
        await work(
            {
                "assigner": lambda fence: Assigner(core.desk, core.committer, core.feed, fence, utc_now).run(),
                "timekeeper": lambda fence: Timekeeper(core.desk, fence, utc_now).run(),
                "merging": lambda fence: Merging(core.desk, fence, utc_now).run(),
                "projections": lambda fence: ProjectionRunner(core.pool, core.feed, fence).run(),
                "simulations": lambda fence: Simulations(
                    SimulationJobs(core.pool), str(core.pool.conninfo), fence
                ).run(),
            },
            Leases(core.pool, "tests"),
        )


if __name__ == "__main__":
    asyncio.run(main())
