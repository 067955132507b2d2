"""Following the log: every follower gets every entry once and in order, even when no hint arrives."""

import asyncio
import time
from uuid import uuid4

import pytest
from tests.store.streams import event, new_stream

from supportix.store import feed as feeding
from supportix.store.committer import Command, GroupCommitter
from supportix.store.feed import POLL_SECONDS, LogFeed, Wakeups


async def follow(feed: LogFeed, goal: int, start: int = 0, limit: int = 50) -> list[int]:
    """The positions that a follower gets, from `start` on, until it has got to the goal."""
    seen: list[int] = []
    position = start
    while position < goal:
        entries = await feed.after(position, limit)
        seen += [entry.position for entry in entries]
        if entries:
            position = entries[-1].position
        else:
            await feed.wait(position)
    return seen


async def write(committer: GroupCommitter, count: int) -> None:
    stream_id = uuid4()
    for version in range(1, count + 1):
        await committer.append([event(stream_id, version)], Command())


async def test_followers_get_every_entry_once_and_in_order_while_writers_write(core):
    followers = [follow(core.feed, 300, limit=limit) for limit in (1, 7, 50, 1000)]
    got, *_ = await asyncio.gather(asyncio.gather(*followers), *(write(core.committer, 60) for _ in range(5)))
    assert got == [list(range(1, 301))] * 4


async def test_one_who_comes_late_or_starts_further_on_misses_nothing(core):
    await write(core.committer, 30)
    await follow(core.feed, 30, start=20)
    await write(core.committer, 30)
    starts = (0, 10, 20, 40, 59)
    got = await asyncio.gather(*(follow(core.feed, 60, start) for start in starts))
    assert got == [list(range(start + 1, 61)) for start in starts]


async def test_what_a_follower_was_handed_does_not_change_afterwards(core):
    """One that is far ahead makes the feed keep other entries; its page must stay the page that it was."""
    await write(core.committer, 10)
    await core.feed.after(0, 3)
    page = await core.feed.after(8)
    assert [entry.position for entry in page] == [9, 10]
    await write(core.committer, 5)
    await core.feed.after(10)
    assert [entry.position for entry in page] == [9, 10]


async def test_what_is_kept_is_bounded(core, monkeypatch):
    monkeypatch.setattr(feeding, "KEPT_ENTRIES", 20)
    await write(core.committer, 70)
    assert await follow(core.feed, 70, limit=9) == list(range(1, 71))
    assert len(core.feed._kept) <= 20
    assert await follow(core.feed, 70) == list(range(1, 71))


async def test_followers_share_one_reading(core):
    reads: list[int] = []

    class CountedLog(type(core.desk.reading)):
        async def readable_after(self, position, limit):
            reads.append(position)
            return await super().readable_after(position, limit)

    await write(core.committer, 40)
    feed = LogFeed(CountedLog(core.pool), core.wakeups)
    await asyncio.gather(*(follow(feed, 40, limit=10) for _ in range(10)))
    assert reads == [0, 10, 20, 30]


async def test_a_hint_wakes_at_once(core, monkeypatch):
    monkeypatch.setattr(feeding, "POLL_SECONDS", 60.0)
    waiting = asyncio.ensure_future(core.feed.wait(0))
    others = asyncio.ensure_future(core.feed.wait(0))
    await asyncio.sleep(0)
    await core.committer.append(new_stream(), Command())
    await asyncio.wait_for(asyncio.gather(waiting, others), 10)


async def test_a_hint_given_before_the_wait_is_not_lost(core, monkeypatch):
    monkeypatch.setattr(feeding, "POLL_SECONDS", 60.0)
    await core.committer.append(new_stream(), Command())
    await asyncio.wait_for(core.feed.wait(0), 10)


async def test_a_stale_hint_wakes_nobody():
    wakeups = Wakeups()
    wakeups.hint(5)
    wakeups.hint(3)
    started = time.monotonic()
    await wakeups.wait(5)
    assert wakeups.head == 5
    assert time.monotonic() - started >= POLL_SECONDS * 0.9


async def test_an_event_whose_hint_is_lost_arrives_all_the_same(core):
    """The writer is another process: nobody here hears of its flushes."""
    deaf = LogFeed(core.desk.reading, Wakeups())
    following = asyncio.ensure_future(follow(deaf, 20))
    await asyncio.gather(*(write(core.committer, 5) for _ in range(4)))
    assert await asyncio.wait_for(following, 10) == list(range(1, 21))


@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_a_page_is_never_longer_than_asked(core, limit):
    await write(core.committer, 10)
    for position in range(12):
        page = await core.feed.after(position, limit)
        assert [entry.position for entry in page] == list(range(position + 1, position + 1 + len(page)))
        assert min(1, 10 - position) <= len(page) <= limit
