"""Importing a past of traffic: what stands in the read models afterwards, and what another run does."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.projections.read_models import a_runner, all_rows, catch_up, rebuilt_rows
from tests.scene import Scene

from supportix.bootstrap import Core
from supportix.domain.traffic_past import TrafficPastRecorded
from supportix.importing import past_run
from supportix.importing.past_run import PastSummary, import_past
from supportix.importing.report import DecisionCode, ImportRefused
from supportix.projections.traffic_queries import TrafficStep

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""After the scene, whose first ticket came at nine."""
DAY = datetime(2026, 2, 1, tzinfo=UTC)
HEADER = "department,begin,arrivals,resolutions,handle_seconds"


class Stopped(Exception):  # noqa: N818 - an interruption.
    pass


@pytest.fixture
def scene(core: Core) -> Scene:
    return Scene(core)


@pytest.fixture(autouse=True)
def small_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several commands also for a short past."""
    monkeypatch.setattr(past_run, "INTERVALS_PER_COMMAND", 150)


@pytest.fixture
def past(tmp_path: Path) -> Any:
    def write(*rows: str, name: str = "past.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([HEADER, *rows]) + "\n")
        return path

    return write


def days(department: str, count: int, *, first: int = 1) -> list[str]:
    """Quarter hours of so many days, one department after the other."""
    return [
        f"{department},{(DAY + timedelta(minutes=15 * number)).isoformat()},{number % 5},{number % 3 + 1},{number}"
        for number in range((first - 1) * 96, (first - 1 + count) * 96)
    ]


async def run(core: Core, path: Path, step: str = "15m", **changes: Any) -> PastSummary:
    options = {"time_zone": "UTC", "create_departments": False, "at": NOW} | changes
    return await import_past(core, path, step=TrafficStep(step), **options)


async def recorded(core: Core) -> list[TrafficPastRecorded]:
    entries = await core.desk.reading.after(0, 100_000)
    return [entry.fact for entry in entries if isinstance(entry.fact, TrafficPastRecorded)]


async def arrivals(core: Core) -> Counter[tuple[Any, datetime]]:
    rows = (await all_rows(core))["traffic_history"]
    return Counter({(row[0], row[1]): row[2] for row in rows if row[2]})


async def test_a_past_is_counted_and_a_rebuild_has_it_too(core: Core, scene: Scene, past: Any) -> None:
    sales, help_ = await scene.department("Sales"), await scene.department("Help")
    rows = [row for pair in zip(days("sales", 4), days("Help", 4), strict=True) for row in pair]

    summary = await run(core, past(*rows))

    assert (summary.departments, summary.intervals, summary.report.rows_used) == (2, 768, 768)
    assert summary.arrivals == 2 * sum(number % 5 for number in range(384))
    facts = await recorded(core)
    assert {fact.department_id for fact in facts} == {sales, help_}
    assert max(len(fact.intervals) for fact in facts) == 100
    await catch_up(await a_runner(core))
    found = await arrivals(core)
    assert sum(found.values()) == summary.arrivals
    assert found[sales, DAY + timedelta(minutes=15)] == 1
    live = await all_rows(core)
    assert await rebuilt_rows(core) == live


async def test_an_import_that_was_stopped_goes_on_and_writes_nothing_twice(
    core: Core, scene: Scene, past: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.department("Sales")
    path, append, commands = past(*days("Sales", 4)), core.desk.append, 0

    async def stops(*arguments: Any) -> Any:
        nonlocal commands
        commands += 1
        if commands == 2:
            raise Stopped
        return await append(*arguments)

    monkeypatch.setattr(core.desk, "append", stops)
    with pytest.raises(Stopped):
        await run(core, path)
    monkeypatch.undo()

    second, third = await run(core, path), await run(core, path)

    assert (second.intervals, third.intervals) == (384 - 150, 0)
    assert second.report.decisions[DecisionCode.recorded_before].count == 150
    assert third.report.decisions[DecisionCode.recorded_before].count == 384
    assert sum(len(fact.intervals) for fact in await recorded(core)) == 384


async def test_rows_that_come_again_count_once_and_others_are_refused(core: Core, scene: Scene, past: Any) -> None:
    await scene.department("Sales")
    row, other = "Sales,2026-02-01T08:00Z,3,,", "Sales,2026-02-01T08:00Z,4,,"

    first = await run(core, past(row, row, other))
    second = await run(core, past(other, "Sales,2026-02-01T09:00Z,1,,", name="later.csv"))
    third = await run(core, past("Sales,2026-02-01T08:00Z,9,,", name="hours.csv"), "1h")

    assert (first.intervals, first.arrivals) == (1, 3)
    assert first.report.decisions[DecisionCode.row_again].first_lines == [3]
    (refused,) = first.report.refused
    assert refused.line == 4
    assert refused.reason.startswith("of that time line 2 tells already: 3 arrivals from 2026-02-01T08:00")
    assert (second.intervals, second.report.refused[0].line) == (1, 2)
    assert "is recorded already: 3 arrivals from 2026-02-01T08:00" in second.report.refused[0].reason
    assert (third.intervals, third.report.rows_refused, third.report.rows_used) == (0, 1, 0)


@pytest.mark.parametrize("projected", [True, False])
async def test_what_the_desk_counts_itself_is_not_told_by_a_past(
    core: Core, scene: Scene, past: Any, projected: bool
) -> None:
    """Whether or not the read model has it yet."""
    department = await scene.department("Sales")
    await scene.ticket(department)
    if projected:
        await catch_up(await a_runner(core))

    summary = await run(
        core, past("Sales,2026-03-02T08:45Z,1,,", "Sales,2026-03-02T09:00Z,1,,", "Sales,2026-03-02T10:00Z,1,,")
    )

    assert (summary.intervals, [row.line for row in summary.report.refused]) == (1, [3, 4])
    assert "itself counts the department's traffic since 2026-03-02T09:00" in summary.report.refused[0].reason
    again = await run(core, past("Sales,2026-03-01T00:00Z,1,,", name="more.csv"))
    assert again.intervals == 1


async def test_departments_are_created_where_that_was_asked_for(core: Core, scene: Scene, past: Any) -> None:
    await scene.department("Sales")
    path = past("Sales,2026-02-01T08:00Z,1,,", "New,2026-02-01T08:00Z,2,,", " new,2026-02-01T08:15Z,4,,")

    refused = await run(core, path)
    created = await run(core, path, create_departments=True)
    again = await run(core, path, create_departments=True)

    assert (refused.report.rows_refused, refused.intervals) == (2, 1)
    assert (created.created, created.intervals, created.arrivals) == (("New",), 2, 6)
    assert (again.created, again.intervals) == ((), 0)


async def test_a_day_of_25_hours_is_spread_over_its_quarter_hours(core: Core, scene: Scene, past: Any) -> None:
    sales = await scene.department("Sales")

    await run(core, past("Sales,2025-10-26,203,5,"), "1d", time_zone="Europe/Lisbon")
    await catch_up(await a_runner(core))

    found = await arrivals(core)
    begin = datetime(2025, 10, 25, 23, 0, tzinfo=UTC)
    assert [found[sales, begin + timedelta(minutes=15 * number)] for number in range(101)] == [3] * 3 + [2] * 97 + [0]
    rows = (await all_rows(core))["traffic_history"]
    assert (sum(row[5] for row in rows), sum(row[7] for row in rows)) == (5, 0)


async def test_two_imports_at_once_record_a_past_once(
    core: Core, scene: Scene, past: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.department("Sales")
    append = core.desk.append

    async def comes_second(*arguments: Any) -> Any:
        monkeypatch.undo()
        await run(core, past(*days("Sales", 1), name="same.csv"))
        return await append(*arguments)

    monkeypatch.setattr(core.desk, "append", comes_second)
    with pytest.raises(ImportRefused, match="another import records the past of the same department"):
        await run(core, past(*days("Sales", 1), "Sales,2026-02-20T08:00Z,1,,"))
    assert sum(len(fact.intervals) for fact in await recorded(core)) == 96


async def test_an_unknown_time_zone_is_refused(core: Core, past: Any) -> None:
    with pytest.raises(ImportRefused, match="a name such as Europe/Lisbon was expected"):
        await run(core, past(*days("Sales", 1)), time_zone="Mars/Olympus")
