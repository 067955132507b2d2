"""The audit proves what was rightly done, and names what somebody has changed by hand."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.auditing import audited, rewrite
from tests.generated_log import write_log

from supportix.bootstrap import Core
from supportix.importing.mapping import load_mapping
from supportix.importing.run import import_history
from supportix.processes.audit import AuditScope, audit


@pytest.fixture
def a_replayed_history(run: Any, core: Core, tmp_path: Path) -> Core:
    path = tmp_path / "log.csv"
    write_log(path, tickets=60, seed=5)
    run(import_history(core, path, load_mapping("servicenow"), "replayed"))
    return core


async def test_a_replayed_history_is_proved_whole(a_replayed_history: Core) -> None:
    report = await audited(a_replayed_history)
    assert report.clean
    assert report.proved == report.assignments["policy"] > 50


async def test_another_agent_in_an_assignment_is_named(a_replayed_history: Core) -> None:
    core = a_replayed_history
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT id FROM accounts WHERE role = 'agent' ORDER BY username")
        agents = [str(row[0]) for row in await cursor.fetchall()]

    def change(fact: dict[str, Any]) -> None:
        fact["agent_id"] = next(agent for agent in agents if agent != fact["agent_id"])

    position = await rewrite(core, "ticket.assigned.v1", change)
    report = await audited(core)
    assert report.findings[0].position == position
    assert "the log to" in report.findings[0].what
    assert any("holds no reservation" in finding.what for finding in report.findings)


async def test_a_load_that_was_not_so_is_named(a_replayed_history: Core) -> None:
    def change(fact: dict[str, Any]) -> None:
        fact["reasons"]["candidates"][0]["open_work"] += 1

    position = await rewrite(a_replayed_history, "ticket.assigned.v1", change)
    report = await audited(a_replayed_history)
    assert [(finding.position, "other candidates" in finding.what) for finding in report.findings] == [(position, True)]


async def test_a_policy_version_that_this_release_lacks_is_named(a_replayed_history: Core) -> None:
    def change(fact: dict[str, Any]) -> None:
        fact["reasons"]["policy_version"] = 99

    await rewrite(a_replayed_history, "ticket.assigned.v1", change)
    report = await audited(a_replayed_history)
    assert report.findings[0].what == "policy 'least_busy' version 99 isn't known to this release"


async def test_an_agent_over_capacity_is_named(a_replayed_history: Core) -> None:
    def change(fact: dict[str, Any]) -> None:
        fact["capacity"] = 0

    await rewrite(a_replayed_history, "agent.registered.v1", change, nth=2)
    report = await audited(a_replayed_history)
    assert any("of at most 0" in finding.what for finding in report.findings)


async def test_a_missing_event_is_named(a_replayed_history: Core) -> None:
    async with a_replayed_history.pool.connection() as connection:
        await connection.execute(
            "DELETE FROM events WHERE position = "
            "(SELECT position FROM events WHERE name = 'agent.work_reserved.v1' ORDER BY position OFFSET 5 LIMIT 1)"
        )
    report = await audited(a_replayed_history)
    assert any("holds no reservation" in finding.what for finding in report.findings)
    assert any("of the stream was expected" in finding.what for finding in report.findings)


async def test_a_scope_counts_only_what_it_holds(a_replayed_history: Core) -> None:
    whole = await audited(a_replayed_history)
    async with a_replayed_history.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT convert_from(body, 'UTF8')::json ->> 'department_id' FROM events "
            "WHERE name = 'ticket.assigned.v1'"
        )
        departments = [UUID(row[0]) for row in await cursor.fetchall()]
    counts = [(await audited(a_replayed_history, department_id=each)).proved for each in departments]
    assert sum(counts) == whole.proved
    assert len(departments) > 1


async def test_progress_reaches_the_head(a_replayed_history: Core) -> None:
    told: list[tuple[int, int]] = []
    await audit(a_replayed_history.pool, AuditScope(), lambda done, total: told.append((done, total)))
    head = await a_replayed_history.desk.reading.head()
    assert told[-1] == (head, head)
