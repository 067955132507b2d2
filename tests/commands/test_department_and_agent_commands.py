"""Commands on departments and agents: unique names, and accounts that are created together with their agent."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.invariants import check_log
from tests.scene import ADMIN, Scene, answer, without_account
from tests.store.streams import whole_log

from supportix.bootstrap import Core, open_core
from supportix.commands.agents import AgentAnswer, RegisterAgent
from supportix.commands.departments import DepartmentAnswer, UnknownPolicy
from supportix.commands.known_departments import UnknownDepartment
from supportix.domain.agent import Agent, CapacityOutOfRange
from supportix.domain.department import Department, DepartmentNameMissing, DepartmentNameTaken
from supportix.domain.errors import Conflict, NotFound
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, AgentId
from supportix.settings import Settings
from supportix.store.committer import Command
from supportix.store.errors import StaleVersion


@pytest.fixture
def scene(core: Core) -> Scene:
    return Scene(core)


@pytest.fixture
def other_core(run, database_url: str) -> Iterator[Core]:
    """Another process on the same database."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


async def create(core: Core, name: str, envelope: Command | None = None):
    return await core.departments.create(name, "round_robin", ADMIN, envelope or Command(), at=Scene(core).now)


async def departments(core: Core) -> list[Department]:
    state = check_log(await whole_log(core.desk.reading))
    return [each for each in state.values() if isinstance(each, Department)]


@pytest.mark.parametrize("same", ["Billing", "billing", " BILLING ", "\uff22illing"])
async def test_a_name_is_borne_by_one_department(core, same):
    await create(core, "Billing")
    with pytest.raises(DepartmentNameTaken):
        await create(core, same)
    assert len(await departments(core)) == 1


async def test_a_former_name_is_free_again(core, scene):
    department = await scene.department("Billing")
    await core.departments.rename(department, "Invoices", ADMIN, Command(), None, at=scene.now)
    await create(core, "Billing")
    with pytest.raises(DepartmentNameTaken):
        await create(core, "invoices")


async def test_a_department_may_change_the_case_of_its_name(core, scene):
    department = await scene.department("billing")
    outcome = await core.departments.rename(department, "Billing", ADMIN, Command(), None, at=scene.now)
    assert answer(outcome, DepartmentAnswer).name == "Billing"


async def test_a_refused_renaming_keeps_the_name(core, scene):
    department = await scene.department("Billing")
    await create(core, "Network")
    with pytest.raises(DepartmentNameTaken):
        await core.departments.rename(department, "Network", ADMIN, Command(), None, at=scene.now)
    with pytest.raises(DepartmentNameTaken):
        await create(core, "Billing")


async def test_of_many_who_create_the_same_department_one_does(core, other_core):
    outcomes = await asyncio.gather(
        *(create(each, "Billing") for each in (core, other_core) * 3), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["DepartmentNameTaken"] * 5 + ["Outcome"]
    assert len(await departments(core)) == 1


async def test_a_repeat_gets_the_first_answer(core):
    envelope = Command(fingerprint=b"this request")
    first, again = [await create(core, "Billing", envelope) for _ in range(2)]
    assert (again.answer, again.position, again.repeated) == (first.answer, first.position, True)
    assert len(await departments(core)) == 1


async def test_a_repeat_that_arrives_together_with_the_first_gets_its_answer(core, other_core):
    envelope = Command(fingerprint=b"this request")
    outcomes = await asyncio.gather(*(create(each, "Billing", envelope) for each in (core, other_core) * 2))
    assert len({outcome.answer for outcome in outcomes}) == 1
    assert sorted(outcome.repeated for outcome in outcomes) == [False, True, True, True]
    assert len(await departments(core)) == 1


async def test_processes_that_start_together_make_one_triage(core, other_core, scene):
    await asyncio.gather(*(each.departments.ensure_triage(at=scene.now) for each in (core, other_core) * 3))
    await core.departments.ensure_triage(at=scene.now)
    assert [each.id for each in await departments(core)] == [TRIAGE_DEPARTMENT_ID]


async def test_departments_are_changed_at_the_version_that_was_seen(core, scene):
    department = await scene.department("Billing")
    at = scene.now
    outcome = await core.departments.change_policy(department, "least_busy", ADMIN, Command(), 1, at=at)
    assert answer(outcome, DepartmentAnswer).policy == "least_busy"
    for sending in (
        core.departments.change_policy(department, "round_robin", ADMIN, Command(), 1, at=at),
        core.departments.rename(department, "Invoices", ADMIN, Command(), 1, at=at),
        core.departments.pause(department, True, "", ADMIN, Command(), 1, at=at),
    ):
        with pytest.raises(StaleVersion):
            await sending
    paused = await core.departments.pause(department, True, "", ADMIN, Command(), 2, at=at)
    assert answer(paused, DepartmentAnswer).paused
    resumed = await core.departments.pause(department, False, "", ADMIN, Command(), 3, at=at)
    assert not answer(resumed, DepartmentAnswer).paused


async def test_what_departments_refuse(core, scene):
    with pytest.raises(UnknownPolicy, match="least_busy, round_robin"):
        await core.departments.create("Billing", "by_moon", ADMIN, Command(), at=scene.now)
    with pytest.raises(DepartmentNameMissing):
        await create(core, " ")
    with pytest.raises(NotFound):
        await core.departments.rename(uuid4(), "Billing", ADMIN, Command(), None, at=scene.now)
    await create(core, "Billing")


async def register(core: Core, scene: Scene, create_account=without_account, **changes: Any):
    details = {"agent_id": AgentId(uuid4()), "name": "Anna Beck", "department_ids": (), "capacity": 3} | changes
    return await core.agents.register(RegisterAgent(**details), ADMIN, Command(), create_account, at=scene.now)


class AccountUnwanted(Conflict):
    """Somebody is called that already."""


async def test_an_agent_is_registered_with_its_account_or_not_at_all(core, scene):
    async def write_a_row(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(
            "INSERT INTO unique_names (scope, key, holder_id) VALUES ('account', 'anna', %s)", (uuid4(),)
        )

    async def write_a_row_and_refuse(connection: psycopg.AsyncConnection[Any]) -> None:
        await write_a_row(connection)
        raise AccountUnwanted

    agent_id = AgentId(uuid4())
    with pytest.raises(AccountUnwanted):
        await register(core, scene, write_a_row_and_refuse, agent_id=agent_id)
    with pytest.raises(NotFound):
        await core.desk.load(Agent, agent_id)
    outcome = await register(core, scene, write_a_row, agent_id=agent_id)
    assert answer(outcome, AgentAnswer) == AgentAnswer.of(await core.desk.load(Agent, agent_id))


async def test_an_agent_registered_twice_is_refused_with_its_second_account(core, scene):
    agent_id = AgentId(uuid4())
    await register(core, scene, agent_id=agent_id)

    async def write_a_row(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(
            "INSERT INTO unique_names (scope, key, holder_id) VALUES ('account', 'anna', %s)", (agent_id,)
        )

    with pytest.raises(Conflict):
        await register(core, scene, write_a_row, agent_id=agent_id)
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM unique_names")
        assert await cursor.fetchone() == (0,)


async def test_what_agents_refuse(core, scene):
    agent = await scene.agent(await scene.department())
    at = scene.now
    with pytest.raises(UnknownDepartment):
        await register(core, scene, department_ids=(uuid4(),))
    with pytest.raises(UnknownDepartment):
        await core.agents.change_departments(agent.id, (uuid4(),), ADMIN, Command(), None, at=at)
    with pytest.raises(CapacityOutOfRange):
        await core.agents.change_capacity(agent.id, -1, ADMIN, Command(), None, at=at)
    with pytest.raises(NotFound):
        await core.agents.change_capacity(uuid4(), 1, ADMIN, Command(), None, at=at)
    with pytest.raises(StaleVersion):
        await core.agents.change_capacity(agent.id, 1, ADMIN, Command(), 1, at=at)
