"""Appending: gap-free positions, one outcome per command, and what stands in its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.store.streams import event, events, new_stream, positions, whole_log
from tests.waiting import until

from supportix.bootstrap import Core
from supportix.store import committer as committing
from supportix.store.committer import Appended, Command, Fence, GroupCommitter, append_on
from supportix.store.errors import CommandReused, LeaseLost, StoreUnavailable, VersionConflict
from supportix.store.leases import Leases


class HeldBack:
    """All writers wait for a transaction that is in the middle of an append."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def until_one_waits(self) -> None:
        async def waits() -> bool:
            cursor = await self._connection.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
            row = await cursor.fetchone()
            return row is not None and row[0] == 1

        await until(waits, "a flush that is held back")


@asynccontextmanager
async def held_back(core: Core) -> AsyncIterator[HeldBack]:
    """Holds all writers back as long as it lasts; what it appended itself is then rolled back."""
    async with core.pool.connection() as connection, connection.transaction(force_rollback=True):
        await append_on(connection, new_stream(), Command())
        yield HeldBack(connection)


async def test_the_first_event_stands_at_position_one(core):
    assert await core.desk.reading.head() == 0
    assert await core.committer.append(new_stream(), Command()) == Appended(1, 1)
    assert await core.committer.append(new_stream(3), Command()) == Appended(2, 4)
    assert await core.desk.reading.head() == 4


async def test_what_is_stored_is_what_was_appended(core):
    command = Command()
    stream_id = uuid4()
    await core.committer.append(
        [event(stream_id, 1, body=b'{"occurred_at":"2026-03-02T09:00:00Z"}'), event(stream_id, 2)], command
    )
    stored = await core.desk.reading.stream(stream_id)
    assert [(each.position, each.stream_id, each.version, each.command_id) for each in stored] == [
        (1, stream_id, 1, command.id),
        (2, stream_id, 2, command.id),
    ]


async def test_who_and_why_is_kept_with_the_command(core):
    command = Command(
        actor_id=uuid4(),
        correlation_id=uuid4(),
        causation_id=uuid4(),
        trace_context="00-ä",
        fingerprint=b"\0f",
        answer=b"{}",
    )
    await core.committer.append(new_stream(2), command)
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT command_id, actor_id, correlation_id, causation_id, trace_context, fingerprint, answer, "
            "first_position, last_position FROM commands"
        )
        assert await cursor.fetchall() == [
            (command.id, command.actor_id, command.correlation_id, command.causation_id, "00-ä", b"\0f", b"{}", 1, 2)
        ]


async def test_commands_that_arrive_together_share_a_flush(core):
    async with held_back(core) as held:
        first = asyncio.ensure_future(core.committer.append(new_stream(), Command()))
        await held.until_one_waits()
        others = [asyncio.ensure_future(core.committer.append(new_stream(2), Command())) for _ in range(20)]
        await asyncio.sleep(0)
    appended = [await first, *await asyncio.gather(*others)]
    assert positions(appended) == list(range(1, 42))
    recorded = [entry.recorded_at for entry in await whole_log(core.desk.reading)]
    assert len(set(recorded)) == 2


async def test_each_command_is_told_where_its_own_events_stand(core):
    commands = [Command() for _ in range(10)]
    appended = await asyncio.gather(
        *(core.committer.append(new_stream(1 + n % 3), command) for n, command in enumerate(commands))
    )
    log = await whole_log(core.desk.reading)
    for n, (command, told) in enumerate(zip(commands, appended, strict=True)):
        stand = [entry.position for entry in log if entry.command_id == command.id]
        assert stand == positions([told])
        assert len(stand) == 1 + n % 3


async def test_a_conflict_fails_its_own_command_only(core):
    known = uuid4()
    await core.committer.append(events(known, 1, 3), Command())
    outcomes = await asyncio.gather(
        core.committer.append(new_stream(2), Command()),
        core.committer.append([event(known, 3)], Command()),
        core.committer.append(new_stream(1), Command()),
        core.committer.append([event(uuid4(), 2)], Command()),
        core.committer.append(new_stream(2), Command()),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [Appended, VersionConflict, Appended, VersionConflict, Appended]
    assert positions([each for each in outcomes if isinstance(each, Appended)]) == [4, 5, 6, 7, 8]
    assert [entry.position for entry in await whole_log(core.desk.reading)] == list(range(1, 9))


async def test_conflicts_and_aborts_leave_no_gap(core):
    """Positions that commands were told, those in the log, and 1, 2, 3, ... are the same."""
    shared = [uuid4() for _ in range(5)]

    async def compete(writer: int) -> list[Appended]:
        won = []
        versions = dict.fromkeys(shared, 0)
        for n in range(20):
            stream_id = shared[(writer + n) % 5]
            try:
                won.append(await core.committer.append([event(stream_id, versions[stream_id] + 1)], Command()))
                versions[stream_id] += 1
            except VersionConflict:
                versions[stream_id] = len(await core.desk.reading.stream(stream_id))
            if n % 7 == 0:
                await abort(core)
        return won

    won = [each for several in await asyncio.gather(*(compete(n) for n in range(8))) for each in several]
    log = await whole_log(core.desk.reading)
    assert positions(won) == [entry.position for entry in log] == list(range(1, len(log) + 1))
    for stream_id in shared:
        versions = [entry.version for entry in log if entry.stream_id == stream_id]
        assert versions == list(range(1, len(versions) + 1))


async def abort(core: Core) -> None:
    """Append in a transaction that is then rolled back."""
    async with core.pool.connection() as connection, connection.transaction(force_rollback=True):
        await append_on(connection, new_stream(3), Command())


async def test_several_streams_are_written_together_or_not_at_all(core):
    known, new = uuid4(), uuid4()
    await core.committer.append(events(known, 1, 2), Command())
    with pytest.raises(VersionConflict):
        await core.committer.append([event(new, 1), event(known, 2)], Command())
    assert await core.desk.reading.stream(new) == []
    assert await core.committer.append([event(new, 1), event(known, 3), event(new, 2)], Command()) == Appended(3, 5)
    streams = await core.desk.reading.streams([known, new])
    assert [entry.position for entry in streams[known]] == [1, 2, 4]
    assert [entry.position for entry in streams[new]] == [3, 5]


async def test_commands_on_the_same_stream_that_arrive_together_come_one_after_the_other(core):
    stream_id = uuid4()
    async with held_back(core) as held:
        blocker = asyncio.ensure_future(core.committer.append(new_stream(), Command()))
        await held.until_one_waits()
        following = [asyncio.ensure_future(core.committer.append([event(stream_id, n)], Command())) for n in (1, 2, 3)]
        rival = asyncio.ensure_future(core.committer.append([event(stream_id, 2)], Command()))
        await asyncio.sleep(0)
    await blocker
    assert [each.first_position for each in await asyncio.gather(*following)] == [2, 3, 4]
    with pytest.raises(VersionConflict):
        await rival


async def test_a_repeat_gets_the_first_answer(core):
    first = Command(fingerprint=b"request", answer=b"first")
    await core.committer.append(new_stream(2), first)
    again = Command(id=first.id, fingerprint=b"request", answer=b"second")
    assert await core.committer.append(new_stream(3), again) == Appended(1, 2, repeated=True, answer=b"first")
    assert await core.desk.reading.head() == 2


async def test_a_repeat_of_what_would_conflict_by_now_gets_the_first_answer(core):
    stream_id = uuid4()
    command = Command(fingerprint=b"request", answer=b"first")
    await core.committer.append(events(stream_id, 1, 2), command)
    assert (await core.committer.append(events(stream_id, 1, 2), command)).repeated


async def test_a_repeat_that_arrives_together_with_the_first_gets_its_answer(core, capsys):
    command = Command(fingerprint=b"request", answer=b"answer")
    outcomes = await asyncio.gather(*(core.committer.append(new_stream(), command) for _ in range(3)))
    assert sorted(each.repeated for each in outcomes) == [False, True, True]
    assert {(each.first_position, each.answer or b"answer") for each in outcomes} == {(1, b"answer")}
    assert await core.desk.reading.head() == 1
    assert "flush refused" not in capsys.readouterr().out


@pytest.mark.parametrize("other", [b"another request", None])
async def test_a_command_id_used_for_another_request_is_refused(core, other):
    first = Command(fingerprint=b"request")
    await core.committer.append(new_stream(), first)
    with pytest.raises(CommandReused):
        await core.committer.append(new_stream(), Command(id=first.id, fingerprint=other))
    assert await core.desk.reading.head() == 1


async def test_a_fenced_command_needs_its_lease(core):
    held = await Leases(core.pool, "owner").acquire("work")
    outcomes = await asyncio.gather(
        core.committer.append(new_stream(), Command(fence=held)),
        core.committer.append(new_stream(), Command(fence=Fence("work", held.epoch + 1))),
        core.committer.append(new_stream(), Command(fence=Fence("work", held.epoch - 1))),
        core.committer.append(new_stream(), Command(fence=Fence("other work", held.epoch))),
        core.committer.append(new_stream(), Command()),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [Appended, LeaseLost, LeaseLost, LeaseLost, Appended]
    assert await core.desk.reading.head() == 2


async def test_what_was_carried_out_under_a_lost_lease_is_still_answered(core):
    command = Command(fence=await Leases(core.pool, "owner").acquire("work"))
    await core.committer.append(new_stream(), command)
    async with core.pool.connection() as connection:
        await connection.execute("UPDATE leases SET epoch = epoch + 1")
    assert (await core.committer.append(new_stream(), command)).repeated


async def test_a_caller_who_no_longer_waits_leaves_the_others_alone(core):
    gone, stays = uuid4(), uuid4()
    async with held_back(core) as held:
        under_way = asyncio.ensure_future(core.committer.append(new_stream(), Command()))
        await held.until_one_waits()
        cancelled = asyncio.ensure_future(core.committer.append([event(gone, 1)], Command()))
        other = asyncio.ensure_future(core.committer.append([event(stays, 1)], Command()))
        await asyncio.sleep(0)
        cancelled.cancel()
        under_way.cancel()
        await asyncio.sleep(0)
    await other
    assert cancelled.cancelled()
    assert under_way.cancelled()
    assert await core.desk.reading.stream(gone) == []
    assert len(await core.desk.reading.stream(stays)) == 1


async def refuse_inserts(core: Core, name: str) -> None:
    """From here on the database refuses to store events of this name."""
    async with core.pool.connection() as connection:
        await connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$"
        )
        await connection.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.name = '{name}') "
            "EXECUTE FUNCTION refuse()"
        )


async def test_an_event_that_the_database_refuses_fails_its_own_command_only(core):
    await refuse_inserts(core, "poison")
    outcomes = await asyncio.gather(
        core.committer.append(new_stream(), Command()),
        core.committer.append([event(uuid4(), 1, "poison")], Command()),
        core.committer.append(new_stream(), Command()),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [Appended, psycopg.errors.RaiseException, Appended]
    assert [entry.position for entry in await whole_log(core.desk.reading)] == [1, 2]


async def test_an_event_that_cannot_be_sent_fails_its_own_command_only(core):
    outcomes = await asyncio.gather(
        core.committer.append(new_stream(), Command()),
        core.committer.append(new_stream(), Command(trace_context="\ud800")),
        core.committer.append(new_stream(), Command(trace_context="\0")),
        core.committer.append([event(uuid4(), 2**31)], Command()),
        core.committer.append(new_stream(), Command()),
        return_exceptions=True,
    )
    assert [type(each) is Appended for each in outcomes] == [True, False, False, False, True]
    assert await core.committer.append(new_stream(), Command()) == Appended(3, 3)


async def test_a_caller_who_left_before_the_database_refused_leaves_the_others_alone(core):
    await refuse_inserts(core, "poison")
    async with held_back(core) as held:
        under_way = asyncio.ensure_future(core.committer.append([event(uuid4(), 1, "poison")], Command()))
        await held.until_one_waits()
        under_way.cancel()
        await asyncio.sleep(0)
    assert await asyncio.wait_for(core.committer.append(new_stream(), Command()), 10) == Appended(1, 1)


async def test_a_committer_that_closes_first_flushes_what_waits(core, database_url):
    committer = GroupCommitter(database_url)
    await committer.start()
    async with held_back(core) as held:
        under_way = asyncio.ensure_future(committer.append(new_stream(), Command()))
        await held.until_one_waits()
        waiting = asyncio.ensure_future(committer.append(new_stream(), Command()))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(committer.close())
        await asyncio.sleep(0)
    await asyncio.wait_for(closing, 10)
    assert positions(await asyncio.wait_for(asyncio.gather(under_way, waiting), 10)) == [1, 2]
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(committer.append(new_stream(), Command()), 10)


async def test_a_connection_lost_at_any_moment_loses_and_repeats_nothing(core):
    """Whether the lost flush had been committed is unknown to the sender; the command's id tells."""
    acknowledged: list[Appended] = []
    cuts = 0

    async def write() -> None:
        stream_id = uuid4()
        for version in range(1, 61):
            appended = await core.committer.append([event(stream_id, version)], Command())
            acknowledged.append(appended)

    async def cut() -> None:
        nonlocal cuts
        async with core.pool.connection() as connection:
            for count in range(10, 300, 20):

                async def reached(count: int = count) -> bool:
                    return len(acknowledged) >= count

                await until(reached, f"{count} commands")
                cursor = await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE 'SELECT * FROM append_events%'"
                )
                cuts += cursor.rowcount

    await asyncio.gather(cut(), *(write() for _ in range(5)))
    assert cuts > 3
    log = await whole_log(core.desk.reading)
    assert [entry.position for entry in log] == list(range(1, 301))
    assert positions(acknowledged) == list(range(1, 301))


async def test_a_full_flush_leaves_the_rest_for_the_next(core, monkeypatch):
    monkeypatch.setattr(committing, "MAX_COMMANDS_PER_FLUSH", 3)
    appended = await asyncio.gather(*(core.committer.append(new_stream(2), Command()) for _ in range(10)))
    assert positions(appended) == list(range(1, 21))


async def test_followers_are_told_the_new_head_after_each_flush(database_url):
    heads: list[int] = []
    committer = GroupCommitter(database_url, on_flush=heads.append)
    await committer.start()
    await committer.append(new_stream(2), Command())
    with pytest.raises(VersionConflict):
        await committer.append([event(uuid4(), 7)], Command())
    await asyncio.gather(*(committer.append(new_stream(), Command()) for _ in range(3)))
    await committer.close()
    assert heads == [2, 5]
