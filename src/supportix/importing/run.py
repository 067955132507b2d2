"""Imports a history: reads it, sets aside numbers, writes its events, and says what became of it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from supportix.bootstrap import Core
from supportix.commands.department_names import claim_name
from supportix.commands.departments import must_be_policy
from supportix.commands.numbers import reserve_numbers
from supportix.domain.department import DepartmentNameTaken
from supportix.identity.imported import ImportedPerson, add_imported
from supportix.identity.roles import Role
from supportix.importing import setting
from supportix.importing.histories import read_histories
from supportix.importing.identities import Identities, import_id_of
from supportix.importing.mapping import Mapping
from supportix.importing.recorded import Recorded
from supportix.importing.replayed import Replayed
from supportix.importing.report import ImportRefused, ImportReport
from supportix.importing.staffing import Staffing, staffing_of
from supportix.importing.steps import TicketHistory
from supportix.importing.tickets import Openings
from supportix.importing.writer import ChunkWriter

Mode = Literal["recorded", "replayed"]
Progress = Callable[[str, int, int], None]
"""Told the stage, what is done of it, and its total."""


class ImportSummary(msgspec.Struct, frozen=True):
    """What became of an import. `waiting`: tickets that no agent could take by the history's end."""

    import_id: UUID
    report: ImportReport
    tickets: int
    departments: int
    agents: int
    customers: int
    events: int
    waiting: int
    seconds: float
    done_before: bool


async def import_history(
    core: Core,
    path: Path,
    mapping: Mapping,
    mode: Mode,
    *,
    policy: str = "least_busy",
    limit: int | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> ImportSummary:
    """Import a file; again after an interruption, it goes on where it stopped. `limit`: only the first so many tickets.

    Raises ImportRefused where the file can't be used or somebody changed the import's own departments meanwhile, and
    UnknownPolicy.
    """
    started = time.monotonic()
    must_be_policy(policy)
    histories, report = read_histories(path, mapping, lambda done, total: progress("reading", done, total))
    histories = histories[:limit]
    if not histories:
        raise ImportRefused(f"{path}: no ticket could be read; see the refused rows: {report.refusal_rows()[:3]}")
    identities = Identities(import_id_of(path, mapping.name, f"{mode}:{policy}", limit))
    plan = Plan(
        histories=histories,
        staffing=staffing_of(histories),
        identities=identities,
        source=path.name,
        mapping=mapping.name,
        mode=mode,
        policy=policy,
    )
    written = await write_histories(core, plan, progress)
    return ImportSummary(
        import_id=identities.import_id,
        report=report,
        tickets=len(histories),
        departments=len(plan.staffing.departments),
        agents=len(plan.staffing.agents),
        customers=len({history.requester for history in histories}),
        events=written.events,
        waiting=written.waiting,
        seconds=time.monotonic() - started,
        done_before=written.done_before,
    )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written. `until` ends a replay there, with agents still online and tickets still in their hands."""

    histories: Sequence[TicketHistory]
    staffing: Staffing
    identities: Identities
    source: str
    mapping: str
    mode: Mode
    policy: str
    until: datetime | None = None


class Written(msgspec.Struct, frozen=True):
    """What was written: events, tickets that still wait, and whether all of it had been done before."""

    events: int = 0
    waiting: int = 0
    done_before: bool = False


async def write_histories(core: Core, plan: Plan, progress: Progress) -> Written:
    """Write histories as events; again after an interruption, it goes on where it stopped."""
    first_numbers, done_before = await _begin(core, plan)
    if done_before:
        return Written(done_before=True)
    await _add_people(core, plan)
    names = await _claim_names(core, plan)
    writer = ChunkWriter(core.desk, core.committer, plan.identities)
    await writer.start()
    first_moment = min(history.opened_at for history in plan.histories)
    setting.begin(writer, plan.identities, plan.staffing, names, plan.policy, at=first_moment)
    openings = Openings(plan.identities, first_numbers)
    if plan.mode == "recorded":
        total = len(plan.histories) + sum(len(history.steps) for history in plan.histories)
        recorded = Recorded(writer, plan.identities, openings)
        await recorded.write(plan.histories, lambda done: progress("writing", done, total))
    else:
        total = 3 * len(plan.histories)
        replayed = Replayed(writer, plan.identities, openings, plan.staffing, until=plan.until)
        await replayed.write(plan.histories, lambda done: progress("writing", done, total))
    setting.end(
        writer, plan.identities, plan.staffing, at=plan.until or _last_moment(plan.histories), go_on=bool(plan.until)
    )
    await writer.flush()
    progress("writing", total, total)
    async with core.pool.connection() as connection:
        await connection.execute(
            "UPDATE imports SET finished_at = clock_timestamp() WHERE import_id = %s", (plan.identities.import_id,)
        )
    return Written(writer.written, len(writer.board.waiting))


async def _begin(core: Core, plan: Plan) -> tuple[dict[str, int], bool]:
    """Enter the import and set ticket numbers aside, unless that was done before. Returns the first number of each
    year, and whether the import was finished before.
    """
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT first_numbers, finished_at IS NOT NULL FROM imports WHERE import_id = %s",
            (plan.identities.import_id,),
        )
        row = await cursor.fetchone()
    if row is not None:
        return row[0], row[1]
    counts = Counter(history.opened_at.year for history in plan.histories)
    first_numbers = {str(year): await reserve_numbers(core.pool, year, count) for year, count in sorted(counts.items())}
    async with core.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO imports (import_id, source, mapping, mode, first_numbers, started_at, tickets) "
            "VALUES (%s, %s, %s, %s, %s, coalesce(%s, clock_timestamp()), %s)",
            (
                plan.identities.import_id,
                plan.source,
                plan.mapping,
                plan.mode,
                json.dumps(first_numbers),
                plan.until,
                len(plan.histories),
            ),
        )
    return first_numbers, False


async def _add_people(core: Core, plan: Plan) -> None:
    identities = plan.identities
    first_seen = min(history.opened_at for history in plan.histories)
    customers = sorted({history.requester for history in plan.histories})
    people = [
        ImportedPerson(identities.customer(name), identities.username("customer", name), name, Role.CUSTOMER)
        for name in customers
    ] + [
        ImportedPerson(identities.agent(name), identities.username("agent", name), name, Role.AGENT)
        for name in plan.staffing.agents
    ]
    async with core.pool.connection() as connection:
        await add_imported(connection, people, first_seen)


async def _claim_names(core: Core, plan: Plan) -> dict[str, str]:
    """The name under which each of the history's departments is created: its own, marked where that is taken."""
    names: dict[str, str] = {}
    async with core.pool.connection() as connection, connection.transaction():
        for name in plan.staffing.departments:
            department_id = plan.identities.department(name)
            marked = f"{name} ({plan.source} {plan.mode} {plan.identities.import_id.hex[:4]})"
            for candidate in (name, marked):
                try:
                    await claim_name(department_id, candidate)(connection)
                except DepartmentNameTaken:
                    continue
                names[name] = candidate
                break
            else:
                raise ImportRefused(f"departments {name!r} and {marked!r} exist already; rename one of them first")
    return names


def _last_moment(histories: Sequence[TicketHistory]) -> datetime:
    return max((history.steps[-1].at if history.steps else history.opened_at) for history in histories)
