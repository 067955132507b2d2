"""Importing histories: what stands in the log afterwards, and what an interruption leaves."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.generated_log import write_as_json_lines, write_log

from supportix.bootstrap import Core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.departments import UnknownPolicy
from supportix.commands.tickets import ResolveTicket
from supportix.domain.department import create_department
from supportix.domain.ids import DepartmentId, TicketId
from supportix.domain.ticket_facts import TicketAssigned, TicketOpened, TicketResolved, TicketWorkStarted
from supportix.identity.roles import Role
from supportix.importing import writer
from supportix.importing.mapping import load_mapping
from supportix.importing.report import ImportRefused
from supportix.importing.run import import_history
from supportix.processes.audit import AuditScope, audit
from supportix.store.committer import Command

SERVICENOW = load_mapping("servicenow")
REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "incident_event_log.csv.gz"


@pytest.fixture
def small_log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    write_log(path, tickets=120, seed=3)
    return path


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks also for a small log."""
    monkeypatch.setattr(writer, "CHUNK_EVENTS", 150)


@pytest.fixture(params=["csv", "jsonl", "jsonl.gz"])
def any_small_log(small_log: Path, request: pytest.FixtureRequest) -> Path:
    if request.param == "csv":
        return small_log
    path = small_log.with_suffix(f".{request.param}")
    write_as_json_lines(small_log, path)
    return path


async def append_behind(core: Core) -> None:
    """Return when all that was handed to the committer before is in the log."""
    department = create_department(DepartmentId(uuid4()), name="Later", policy="least_busy", at=utc_now())
    await core.desk.append([department], Command())


async def facts(core: Core) -> list[Any]:
    return [entry.fact for entry in await core.desk.reading.after(0, 100_000)]


@pytest.mark.parametrize("mode", ["recorded", "replayed"])
async def test_every_ticket_is_there_once_and_the_audit_is_clean(core: Core, small_log: Path, mode: Any) -> None:
    summary = await import_history(core, small_log, SERVICENOW, mode)
    opened = [fact for fact in await facts(core) if isinstance(fact, TicketOpened)]
    assert summary.tickets == len(opened) == 120
    assert len({fact.number for fact in opened}) == len({fact.external_reference for fact in opened}) == 120
    assert {fact.number[:9] for fact in opened} == {"SUP-2021-"}
    report = await audit(core.pool, AuditScope())
    assert report.findings == []
    assert report.proved == (0 if mode == "recorded" else report.assignments.total())
    assert report.assignments.total() > 100


async def test_recorded_keeps_the_history_s_own_agents_and_times(core: Core, small_log: Path) -> None:
    await import_history(core, small_log, SERVICENOW, "recorded")
    all_facts = await facts(core)
    assert {fact.reasons.policy for fact in all_facts if isinstance(fact, TicketAssigned)} == {"imported"}
    opened_at = [fact.occurred_at for fact in all_facts if isinstance(fact, TicketOpened)]
    assert max(at.year for at in opened_at) == 2021


async def test_the_same_file_again_changes_nothing(core: Core, small_log: Path) -> None:
    await import_history(core, small_log, SERVICENOW, "replayed")
    head = await core.desk.reading.head()
    again = await import_history(core, small_log, SERVICENOW, "replayed")
    assert again.done_before
    assert await core.desk.reading.head() == head


@pytest.mark.parametrize("mode", ["recorded", "replayed"])
async def test_an_interrupted_import_goes_on_to_the_same_history(core: Core, any_small_log: Path, mode: Any) -> None:
    importing = asyncio.create_task(import_history(core, any_small_log, SERVICENOW, mode))
    while await core.desk.reading.head() < 400:
        await asyncio.sleep(0)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    interrupted_at = await core.desk.reading.head()
    await core.departments.ensure_triage(at=utc_now())  # Somebody else writes before it goes on.
    summary = await import_history(core, any_small_log, SERVICENOW, mode)
    assert not summary.done_before
    assert interrupted_at < await core.desk.reading.head()
    names = Counter(type(fact).TOPIC for fact in await facts(core))
    assert names["ticket.opened.v1"] == 120
    assert (await audit(core.pool, AuditScope())).findings == []


async def test_two_imports_of_departments_of_one_name_stay_apart(core: Core, small_log: Path) -> None:
    await import_history(core, small_log, SERVICENOW, "recorded")
    await import_history(core, small_log, SERVICENOW, "replayed")
    async with core.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*), count(DISTINCT holder_id) FROM unique_names")
        names, holders = await cursor.fetchone() or (0, 0)
    assert names == holders > 0
    assert (await audit(core.pool, AuditScope())).findings == []


async def test_a_file_without_tickets_is_refused(core: Core, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("who,what\n1,2\n")
    with pytest.raises(ImportRefused, match="column"):
        await import_history(core, empty, SERVICENOW, "recorded")
    assert await core.desk.reading.head() == 0


@pytest.mark.parametrize("bad", ["nonsense", '{"number": "INC1"}', '{"number": "INC1", "sys_updated_at": "soon"}'])
async def test_json_lines_of_which_none_is_usable_change_nothing(core: Core, tmp_path: Path, bad: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{bad}\n" * 150)
    with pytest.raises(
        ImportRefused, match="none of the first 100 rows fits the mapping 'servicenow'; the first, line 1"
    ):
        await import_history(core, path, SERVICENOW, "recorded")
    assert await core.desk.reading.head() == 0


async def test_the_same_log_as_csv_and_json_lines_becomes_the_same_facts(core: Core, small_log: Path) -> None:
    lines = small_log.with_suffix(".jsonl")
    write_as_json_lines(small_log, lines)
    await import_history(core, small_log, SERVICENOW, "recorded")
    of_csv = await facts(core)
    await import_history(core, lines, SERVICENOW, "recorded")
    of_json = (await facts(core))[len(of_csv) :]
    assert len(of_json) == len(of_csv) > 1_000
    assert [(type(fact), fact.occurred_at) for fact in of_json] == [(type(fact), fact.occurred_at) for fact in of_csv]


async def test_an_unknown_policy_is_refused_before_anything_is_written(core: Core, small_log: Path) -> None:
    with pytest.raises(UnknownPolicy, match="least_busy, round_robin"):
        await import_history(core, small_log, SERVICENOW, "replayed", policy="loudest")
    assert await core.desk.reading.head() == 0


@pytest.mark.skipif(not REAL_LOG.exists(), reason="needs the ServiceNow log in ../shared/data, which isn't here")
@pytest.mark.parametrize("mode", ["recorded", "replayed"])
async def test_a_slice_of_the_real_log(core: Core, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHUNK_EVENTS", 4_000)
    summary = await import_history(core, REAL_LOG, SERVICENOW, mode, limit=1_500)
    assert (summary.tickets, summary.report.rows_refused) == (1_500, 0)
    assert (await audit(core.pool, AuditScope())).findings == []


async def test_work_on_its_tickets_meanwhile_ends_an_import_with_a_clear_word(core: Core, small_log: Path) -> None:
    importing = asyncio.create_task(import_history(core, small_log, SERVICENOW, "replayed"))
    while await core.desk.reading.head() < 400:
        await asyncio.sleep(0)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    await append_behind(core)  # The import's last chunk may still be on its way.
    supervisor = Actor(uuid4(), Role.SUPERVISOR)
    entries = await core.desk.reading.after(0, 100_000)
    held = {entry.stream_id for entry in entries if isinstance(entry.fact, TicketWorkStarted)}
    ended = {entry.stream_id for entry in entries if isinstance(entry.fact, TicketResolved)}
    for ticket_id in held - ended:
        resolve = ResolveTicket(ticket_id=TicketId(ticket_id))
        await core.tickets.carry_out(resolve, supervisor, Command(), at=utc_now())
    with pytest.raises(ImportRefused, match="somebody has changed"):
        await import_history(core, small_log, SERVICENOW, "replayed")
