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
from supportix.commands.departments import must_be_policy
from supportix.commands.numbers import reserve_numbers
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

    Raises ImportRefused where the file can't be used, UnknownPolicy, VersionConflict where somebody changed the
    import's own departments meanwhile.
    """
    started = time.monotonic()
    must_be_policy(policy)
    histories, report = read_histories(path, mapping, lambda done, total: progress("reading", done, total))
    histories = histories[:limit]
    if not histories:
        raise ImportRefused(f"{path}: no ticket could be read; see the refused rows: {report.refusal_rows()[:3]}")
    identities = Identities(import_id_of(path, mapping.name, f"{mode}:{policy}", limit))
    outcome = await write_histories(core, histories, identities, f"{path.name}", mapping.name, mode, policy, progress)
    staffing, events, waiting, done_before = outcome
    return ImportSummary(
        import_id=identities.import_id,
        report=report,
        tickets=len(histories),
        departments=len(staffing.departments),
        agents=len(staffing.agents),
        customers=len({history.requester for history in histories}),
        events=events,
        waiting=waiting,
        seconds=time.monotonic() - started,
        done_before=done_before,
    )


async def write_histories(
    core: Core,
    histories: Sequence[TicketHistory],
    identities: Identities,
    source: str,
    mapping_name: str,
    mode: Mode,
    policy: str,
    progress: Progress,
) -> tuple[Staffing, int, int, bool]:
    """Write histories as events. Returns the staffing, events written, tickets that still wait, and whether all of it
    had been done before."""
    staffing = staffing_of(list(histories))
    first_numbers, done_before = await _begin(core, identities, histories, source, mapping_name, mode)
    if done_before:
        return staffing, 0, 0, True
    await _add_people(core, identities, histories, staffing)
    writer = ChunkWriter(core.desk, core.committer, identities)
    await writer.start()
    openings = Openings(identities, first_numbers)
    setting.begin(writer, identities, staffing, policy, at=min(history.opened_at for history in histories))
    if mode == "recorded":
        total = len(histories) + sum(len(history.steps) for history in histories)
        await Recorded(writer, identities, openings).write(histories, lambda done: progress("writing", done, total))
    else:
        total = 3 * len(histories)
        replay = Replayed(writer, identities, openings, staffing)
        await replay.write(histories, lambda done: progress("replaying", done, total))
    setting.end(writer, identities, staffing, at=_last_moment(histories))
    await writer.flush()
    progress("writing" if mode == "recorded" else "replaying", total, total)
    async with core.pool.connection() as connection:
        await connection.execute(
            "UPDATE imports SET finished_at = clock_timestamp() WHERE import_id = %s", (identities.import_id,)
        )
    return staffing, writer.written, len(writer.board.waiting), False


async def _begin(
    core: Core, identities: Identities, histories: Sequence[TicketHistory], source: str, mapping_name: str, mode: str
) -> tuple[dict[str, int], bool]:
    """Enter the import and set ticket numbers aside, unless that was done before. Returns the first number of each
    year, and whether the import was finished before."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT first_numbers, finished_at IS NOT NULL FROM imports WHERE import_id = %s", (identities.import_id,)
        )
        row = await cursor.fetchone()
    if row is not None:
        return row[0], row[1]
    counts = Counter(history.opened_at.year for history in histories)
    first_numbers = {str(year): await reserve_numbers(core.pool, year, count) for year, count in sorted(counts.items())}
    async with core.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO imports (import_id, source, mapping, mode, first_numbers, started_at, tickets) "
            "VALUES (%s, %s, %s, %s, %s, clock_timestamp(), %s)",
            (identities.import_id, source, mapping_name, mode, json.dumps(first_numbers), len(histories)),
        )
    return first_numbers, False


async def _add_people(
    core: Core, identities: Identities, histories: Sequence[TicketHistory], staffing: Staffing
) -> None:
    first_seen = min(history.opened_at for history in histories)
    customers = sorted({history.requester for history in histories})
    people = [
        ImportedPerson(identities.customer(name), identities.username("customer", name), name, Role.CUSTOMER)
        for name in customers
    ] + [
        ImportedPerson(identities.agent(name), identities.username("agent", name), name, Role.AGENT)
        for name in staffing.agents
    ]
    async with core.pool.connection() as connection:
        await add_imported(connection, people, first_seen)


def _last_moment(histories: Sequence[TicketHistory]) -> datetime:
    return max((history.steps[-1].at if history.steps else history.opened_at) for history in histories)
