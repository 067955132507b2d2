"""Simulations as jobs: run by whoever holds the lease, in processes that end with it, and begun anew by the next."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from tests.generated_log import write_log
from tests.store.streams import whole_log
from tests.waiting import until

from supportix.bootstrap import Core, utc_now
from supportix.domain.errors import NotFound
from supportix.importing.mapping import load_mapping
from supportix.importing.run import import_history
from supportix.simulation import jobs as keeping
from supportix.simulation.jobs import JobStatus, SimulationDetail, SimulationJobs, TooManySimulations
from supportix.simulation.process import LEASE, Simulations
from supportix.simulation.question import Alternative, Question, StaffChange
from supportix.simulation.run import compare
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases

ASKER = uuid4()
ROUND_ROBIN = Question(alternatives=(Alternative(policy="round_robin"),))
IMPOSSIBLE = Question(alternatives=(Alternative(agents=(StaffChange(-900),)),))


@pytest.fixture
def jobs(core: Core) -> SimulationJobs:
    return SimulationJobs(core.pool)


@pytest.fixture
def a_history(run: Any, core: Core, tmp_path: Path) -> Core:
    write_log(tmp_path / "log.csv", tickets=150, seed=3)
    run(import_history(core, tmp_path / "log.csv", load_mapping("servicenow"), "replayed"))
    return core


async def a_fence(core: Core, owner: str = "one") -> Fence:
    return await Leases(core.pool, owner).acquire(LEASE)


def process(core: Core, fence: Fence) -> "asyncio.Future[None]":
    return asyncio.ensure_future(Simulations(SimulationJobs(core.pool), str(core.pool.conninfo), fence).run())


async def stopped(running: "asyncio.Future[None]") -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def ended(jobs: SimulationJobs, simulation_id: UUID) -> SimulationDetail:
    async def is_ended() -> bool:
        return (await jobs.one(simulation_id)).ended_at is not None

    await until(is_ended, "the end of a simulation")
    return await jobs.one(simulation_id)


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "supportix.simulation.job" in each.cmdline()]


async def a_child() -> psutil.Process:
    async def there_is_one() -> bool:
        return bool(children())

    await until(there_is_one, "a process that simulates")
    return children()[0]


async def test_the_answer_is_that_of_the_log_as_it_was_asked_about(a_history: Core, jobs: SimulationJobs) -> None:
    entries = list(await whole_log(a_history.desk.reading))
    asked = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    await a_history.departments.ensure_triage(at=utc_now())  # The log goes on meanwhile.
    running = process(a_history, await a_fence(a_history))
    detail = await ended(jobs, asked.simulation_id)
    await stopped(running)
    assert (detail.status, detail.why, detail.requested_by) == (JobStatus.DONE, None, ASKER)
    assert detail.result == compare(entries, ROUND_ROBIN, lambda *_: None)
    assert detail.position == entries[-1].position
    assert detail.done == detail.total > 0


async def test_what_does_not_fit_the_log_is_refused_in_words(a_history: Core, jobs: SimulationJobs) -> None:
    asked = await jobs.ask(IMPOSSIBLE, ASKER, utc_now())
    running = process(a_history, await a_fence(a_history))
    detail = await ended(jobs, asked.simulation_id)
    await stopped(running)
    assert (detail.status, detail.result) == (JobStatus.REFUSED, None)
    assert "900 agents were to leave" in str(detail.why)


async def test_removing_a_simulation_ends_its_process(a_history: Core, jobs: SimulationJobs) -> None:
    asked = await jobs.ask(Question(alternatives=(Alternative(policy="round_robin"),) * 12), ASKER, utc_now())
    running = process(a_history, await a_fence(a_history))
    child = await a_child()
    child.suspend()  # However long it would take.
    await jobs.remove(asked.simulation_id)
    child.resume()

    async def it_is_gone() -> bool:
        return not child.is_running()

    await until(it_is_gone, "the end of the process")
    await stopped(running)
    with pytest.raises(NotFound):
        await jobs.one(asked.simulation_id)


async def test_a_worker_that_stops_takes_its_process_along_and_the_next_begins_anew(
    a_history: Core, jobs: SimulationJobs
) -> None:
    asked = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    leases = Leases(a_history.pool, "one")
    fence = await leases.acquire(LEASE)
    running = process(a_history, fence)
    child = await a_child()
    await stopped(running)
    assert not child.is_running()
    assert (await jobs.one(asked.simulation_id)).status is JobStatus.RUNNING
    await leases.release(fence)
    running = process(a_history, await a_fence(a_history, "two"))
    assert (await ended(jobs, asked.simulation_id)).status is JobStatus.DONE
    await stopped(running)


async def test_a_process_that_is_killed_fails_its_simulation_alone(a_history: Core, jobs: SimulationJobs) -> None:
    killed = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    following = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    running = process(a_history, await a_fence(a_history))
    (await a_child()).kill()
    assert (await ended(jobs, killed.simulation_id)).status is JobStatus.FAILED
    assert (await ended(jobs, following.simulation_id)).status is JobStatus.DONE
    await stopped(running)


async def test_a_replaced_owner_writes_nothing(core: Core, jobs: SimulationJobs) -> None:
    asked = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    fence = await a_fence(core)
    stale = Fence(LEASE, fence.epoch - 1)
    assert await jobs.next(stale) is None
    order = await jobs.next(fence)
    assert order is not None
    assert order.question == ROUND_ROBIN
    with pytest.raises(LeaseLost):
        await jobs.tell(stale, asked.simulation_id, "stage", 1, 2)
    with pytest.raises(LeaseLost):
        await jobs.end(stale, asked.simulation_id, JobStatus.FAILED)
    assert await jobs.tell(fence, asked.simulation_id, "stage", 1, 2)
    assert (await jobs.one(asked.simulation_id)).stage == "stage"


async def test_only_so_many_may_wait(jobs: SimulationJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST_UNFINISHED", 2)
    first = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    with pytest.raises(TooManySimulations, match="2 wait or run"):
        await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    await jobs.remove(first.simulation_id)
    await jobs.ask(ROUND_ROBIN, ASKER, utc_now())


async def test_old_results_are_forgotten(core: Core, jobs: SimulationJobs) -> None:
    old = await jobs.ask(ROUND_ROBIN, ASKER, utc_now())
    await jobs.end(await a_fence(core), old.simulation_id, JobStatus.FAILED, why="told by a test")
    await jobs.ask(ROUND_ROBIN, ASKER, utc_now() + timedelta(days=29))
    assert len(await jobs.page(None, 10)) == 2
    await jobs.ask(ROUND_ROBIN, ASKER, utc_now() + timedelta(days=31))
    assert old.simulation_id not in {each.simulation_id for each in await jobs.page(None, 10)}
