"""Leases: one owner at a time, who is replaced when silent and fenced out when replaced."""

import asyncio
import time

import pytest
from tests.store.streams import new_stream

from supportix.store import leases as leasing
from supportix.store.committer import Command, Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases


@pytest.fixture
def first(core) -> Leases:
    return Leases(core.pool, "first")


@pytest.fixture
def second(core) -> Leases:
    return Leases(core.pool, "second")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner is silent after a tenth of a second instead of four seconds."""
    monkeypatch.setattr(leasing, "LEASE_SECONDS", 0.1)


@pytest.fixture
def _restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of a second are renewed ten times in it."""
    monkeypatch.setattr(leasing, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(leasing, "RENEW_SECONDS", 0.1)


def test_a_lease_outlives_several_missed_renewals():
    assert leasing.LEASE_SECONDS >= 3 * leasing.RENEW_SECONDS


async def test_the_first_owner_has_the_first_epoch(first):
    assert await first.acquire("work") == Fence("work", 1)
    assert await first.acquire("other work") == Fence("other work", 1)


async def test_nobody_else_gets_a_lease_that_is_held(first, second):
    await first.acquire("work")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.acquire("work"), 0.7)


@pytest.mark.usefixtures("_impatient")
async def test_a_silent_owner_is_replaced_under_a_higher_epoch(first, second):
    assert (await first.acquire("work")).epoch == 1
    assert (await second.acquire("work")).epoch == 2
    assert (await first.acquire("work")).epoch == 3


@pytest.mark.usefixtures("_impatient")
async def test_a_replaced_owner_can_write_nothing_more(core, first, second):
    stale = await first.acquire("work")
    await core.committer.append(new_stream(), Command(fence=stale))
    fresh = await second.acquire("work")
    with pytest.raises(LeaseLost):
        await core.committer.append(new_stream(), Command(fence=stale))
    await core.committer.append(new_stream(), Command(fence=fresh))
    assert await core.desk.reading.head() == 2


@pytest.mark.usefixtures("_impatient")
async def test_a_replaced_owner_is_told_at_its_next_renewal(first, second, monkeypatch):
    stale = await first.acquire("work")
    await second.acquire("work")
    monkeypatch.setattr(leasing, "RENEW_SECONDS", 0.01)
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(first.keep(stale), 10)


@pytest.mark.usefixtures("_restless")
async def test_an_owner_that_renews_keeps_its_lease(first, second):
    fence = await first.acquire("work")
    keeping = asyncio.ensure_future(first.keep(fence))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.acquire("work"), 1.8)
    assert not keeping.done()
    keeping.cancel()


async def test_a_release_lets_the_next_owner_in_at_once(first, second):
    fence = await first.acquire("work")
    waiting = asyncio.ensure_future(second.acquire("work"))
    await asyncio.sleep(0)
    released_at = time.monotonic()
    await first.release(fence)
    assert await waiting == Fence("work", 2)
    assert time.monotonic() - released_at < leasing.LEASE_SECONDS / 2


@pytest.mark.usefixtures("_impatient")
async def test_a_replaced_owner_cannot_release_what_is_no_longer_its(first, second, monkeypatch):
    stale = await first.acquire("work")
    await second.acquire("work")
    monkeypatch.setattr(leasing, "LEASE_SECONDS", 4.0)
    assert await second._renew([Fence("work", 2)]) == {Fence("work", 2)}
    await first.release(stale)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Leases(first._pool, "third").acquire("work"), 0.7)


async def test_of_many_who_want_it_one_gets_it(core):
    wanting = [asyncio.ensure_future(Leases(core.pool, f"owner {n}").acquire("work")) for n in range(8)]
    done, pending = await asyncio.wait(wanting, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.wait_for(asyncio.shield(next(iter(pending))), 0.7), 1)
    assert len(done) == sum(each.done() for each in wanting) == 1
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
