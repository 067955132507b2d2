"""Ticket numbers: unique among all processes, consecutive while the desk is quiet."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from supportix.commands import numbers as numbering
from supportix.commands.numbers import LARGEST_BLOCK, TicketNumbers, reserve_numbers

TAKER = Path(__file__).with_name("number_taker.py")


def test_numbers_are_unique_among_processes(database_url):
    takers = [
        subprocess.Popen([sys.executable, str(TAKER), database_url, "2026", "100"], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    taken = [number for taker in takers for number in taker.communicate()[0].splitlines()]
    assert [taker.returncode for taker in takers] == [0] * 8
    assert len(set(taken)) == len(taken) == 800
    assert all(number.startswith("SUP-2026-") for number in taken)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed, to be set at will."""
    seconds = [1_000.0]
    monkeypatch.setattr(numbering.time, "monotonic", lambda: seconds[0])
    return seconds


async def test_one_desk_counts_without_gaps(core):
    numbers = TicketNumbers(core.pool)
    taken = [await numbers.next(2026) for _ in range(40)]
    assert taken == [f"SUP-2026-{ordinal:06}" for ordinal in range(1, 41)]


async def test_tickets_opened_at_once_get_different_numbers(core):
    numbers = TicketNumbers(core.pool)
    taken = await asyncio.gather(*(numbers.next(2026) for _ in range(300)))
    assert sorted(taken) == [f"SUP-2026-{ordinal:06}" for ordinal in range(1, 301)]


async def test_quiet_desks_count_in_turn(core, clock):
    first, second = TicketNumbers(core.pool), TicketNumbers(core.pool)
    taken = []
    for _ in range(5):
        for desk in (first, second):
            clock[0] += 5
            taken.append(await desk.next(2026))
    assert taken == [f"SUP-2026-{ordinal:06}" for ordinal in range(1, 11)]


async def test_a_busy_desk_takes_larger_blocks_and_smaller_ones_when_it_calms_down(core, clock):
    busy, other = TicketNumbers(core.pool), TicketNumbers(core.pool)
    for _ in range(3 * LARGEST_BLOCK):
        clock[0] += 0.001
        await busy.next(2026)
    reserved = await reserve_numbers(core.pool, 2026, 1)
    assert 3 * LARGEST_BLOCK < reserved <= 4 * LARGEST_BLOCK
    assert await other.next(2026) == f"SUP-2026-{reserved + 1:06}"
    for _ in range(2_000):
        clock[0] += 60
        last = await busy.next(2026)
    assert int(last.rsplit("-", 1)[1]) == await reserve_numbers(core.pool, 2026, 1) - 1


async def test_each_year_begins_at_one(core):
    numbers = TicketNumbers(core.pool)
    taken = [await numbers.next(year) for year in (2026, 2027, 2026, 2027)]
    assert taken == ["SUP-2026-000001", "SUP-2027-000001", "SUP-2026-000002", "SUP-2027-000002"]


async def test_a_number_says_its_place_even_beyond_a_million(core):
    await reserve_numbers(core.pool, 2026, 1_234_567)
    assert await TicketNumbers(core.pool).next(2026) == "SUP-2026-1234568"
