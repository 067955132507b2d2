"""The relay: every event once and in order on JetStream, whatever happens to it or to NATS."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from tests.realtime.proxy import line_to
from tests.realtime.scene import Desk, desk_on, has_copied, relay_of, relaying, running
from tests.spoiled import spoil
from tests.waiting import until

from supportix.embedded import EmbeddedNats
from supportix.realtime import event_stream
from supportix.realtime.connection import connect
from supportix.realtime.event_stream import STREAM
from supportix.realtime.publication import EPOCH, POSITION
from supportix.store.committer import Fence
from supportix.store.errors import LeaseLost
from supportix.store.leases import Leases


class Stored(NamedTuple):
    position: int
    id: str
    epoch: str
    subject: str
    body: bytes


async def stored(nats: Client) -> list[Stored]:
    """All messages of the stream, in its order."""
    jetstream = nats.jetstream()
    state = (await jetstream.stream_info(STREAM)).state
    found = []
    for sequence in range(state.first_seq, state.last_seq + 1):
        message = await jetstream.get_msg(STREAM, seq=sequence)
        headers = message.headers or {}
        found.append(
            Stored(int(headers[POSITION]), headers["ce-id"], headers[EPOCH], message.subject or "", message.data or b"")
        )
    return found


async def positions(nats: Client) -> list[int]:
    return [message.position for message in await stored(nats)]


@asynccontextmanager
async def desk_and(nats_url: str, database: str) -> AsyncIterator[tuple[Desk, Client]]:
    async with desk_on(database) as desk, connect(nats_url) as nats:
        yield desk, nats


def test_each_event_is_there_once_and_in_order_with_its_cloudevents_headers(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client), relaying(desk, client) as relay:
            tickets = await asyncio.gather(*[desk.open(await desk.department()) for _ in range(30)])
            head = await desk.head()
            await has_copied(relay, head)
            messages = await stored(client)
            assert [message.position for message in messages] == list(range(1, head + 1))
            rows = await desk.core.desk.reading.rows_after(0, 1_000)
            assert [message.id for message in messages] == [f"{row[1]}/{row[2]}" for row in rows]
            assert messages[-1].subject == f"supportix.v1.events.ticket.{rows[-1][1]}"
            last = await client.jetstream().get_msg(STREAM, seq=head)
            headers = last.headers or {}
            assert headers["ce-specversion"] == "1.0"
            assert headers["ce-type"] == "ticket.routed.v1"
            assert headers["ce-source"] == "/supportix"
            assert headers["ce-subject"] in {str(ticket.id) for ticket in tickets}
            assert headers["ce-time"].endswith("+00:00")
            assert last.data == rows[-1][4]

    asyncio.run(scenario())


def test_an_event_that_cannot_be_read_is_copied_without_content(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client):
            async with relaying(desk, client):
                pass  # The copy begins here.
            await desk.open(await desk.department())
            head = await desk.head()
            await spoil(desk.core, head - 1)
            await desk.open(await desk.department())
            async with relaying(desk, client) as relay:
                await has_copied(relay, await desk.head())
                messages = await stored(client)
                assert [message.position for message in messages] == list(range(1, await desk.head() + 1))
                assert [message.position for message in messages if message.body == b"{}"] == [head - 1]

    asyncio.run(scenario())


def test_a_relay_that_is_killed_at_any_moment_leaves_no_gap_and_no_double(database: str, nats: EmbeddedNats) -> None:
    dice = random.Random(4)  # noqa: S311 - repeatable, and no secret.

    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client):
            async with relaying(desk, client):
                department = await desk.department()
            for _ in range(25):
                async with running(relay_of(desk, client).run()):
                    await asyncio.gather(*[desk.open(department) for _ in range(dice.randrange(12))])
                    for _ in range(dice.randrange(30)):
                        await asyncio.sleep(0)
            head = await desk.head()
            async with relaying(desk, client) as relay:
                await has_copied(relay, head)
            assert await positions(client) == list(range(1, head + 1))

    asyncio.run(scenario())


def test_an_answer_that_is_lost_on_the_way_back_doubles_nothing(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with (
            line_to(nats.url) as line,
            desk_and(nats.url, database) as (desk, client),
            connect(line.url) as relays_client,
        ):
            async with relaying(desk, relays_client) as relay:
                department = await desk.department()
                await has_copied(relay, 1)
                line.answers.clear()
                await desk.open(department)
                head = await desk.head()

                async def is_stored() -> bool:
                    return await positions(client) == list(range(1, head + 1))

                await until(is_stored, "the batch whose answer is held back")
                assert relay.copy is not None
                assert relay.copy.position < head
            line.answers.set()
            async with relaying(desk, client) as next_relay:
                await desk.open(department)
                head = await desk.head()
                await has_copied(next_relay, head)
            assert await positions(client) == list(range(1, head + 1))

    asyncio.run(scenario())


def test_a_relay_that_was_replaced_without_knowing_is_refused_and_stops(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with (
            line_to(nats.url) as line,
            desk_and(nats.url, database) as (desk, client),
            connect(line.url) as stale_client,
        ):
            leases = [Leases(desk.core.pool, owner) for owner in ("stale", "present")]
            old = await leases[0].acquire("relay")
            stale = relay_of(desk, stale_client, old)
            stale_work = asyncio.create_task(stale.run())
            department = await desk.department()
            await has_copied(stale, 1)
            await leases[0].release(old)
            new = await leases[1].acquire("relay")
            assert new.epoch > old.epoch
            present = relay_of(desk, client, new)
            line.questions.clear()
            async with running(present.run()):
                await desk.open(department)
                head = await desk.head()
                await has_copied(present, head)
                line.questions.set()
                with pytest.raises(LeaseLost):
                    await stale_work
            assert await positions(client) == list(range(1, head + 1))

    asyncio.run(scenario())


def test_two_relays_that_both_believe_to_be_the_one_copy_each_event_once(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client), connect(nats.url) as other_client:
            async with relaying(desk, client) as one, relaying(desk, other_client):
                department = await desk.department()
                for _ in range(15):
                    await asyncio.gather(*[desk.open(department) for _ in range(5)])
                head = await desk.head()
                await has_copied(one, head)
            assert await positions(client) == list(range(1, head + 1))

    asyncio.run(scenario())


def test_what_happens_while_nats_is_down_is_copied_afterwards(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client), relaying(desk, client) as relay:
            department = await desk.department()
            await has_copied(relay, 1)
            await asyncio.to_thread(nats.stop)
            await asyncio.gather(*[desk.open(department) for _ in range(200)])
            head = await desk.head()
            assert head > 400
            await asyncio.to_thread(nats.start)
            await has_copied(relay, head)
            assert await positions(client) == list(range(1, head + 1))

    asyncio.run(scenario())


def test_the_relay_waits_for_a_nats_that_comes_up_later(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        await asyncio.to_thread(nats.stop)
        async with desk_on(database) as desk, connect(nats.url, required=False) as client:
            relay = relay_of(desk, client)
            async with running(relay.run()):
                await desk.department()
                await asyncio.to_thread(nats.start)
                await has_copied(relay, 1)
                await desk.department()
                await has_copied(relay, 2)

    asyncio.run(scenario())


def test_a_wiped_nats_begins_a_new_epoch_at_the_head(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client), relaying(desk, client) as relay:
            department = await desk.department()
            await has_copied(relay, 1)
            before = relay.copy
            await asyncio.to_thread(nats.stop)
            await asyncio.to_thread(shutil.rmtree, nats.data_directory / "jetstream")
            await desk.open(department)
            wiped_at = await desk.head()
            await asyncio.to_thread(nats.start)

            async def has_begun_anew() -> bool:
                return relay.copy is not None and relay.copy != before and relay.copy.position >= wiped_at

            await until(has_begun_anew, "a new epoch")
            await desk.open(department)
            head = await desk.head()
            await has_copied(relay, head)
            assert before is not None
            assert relay.copy is not None
            assert relay.copy.epoch != before.epoch
            messages = await stored(client)
            assert [message.position for message in messages] == list(range(wiped_at + 1, head + 1))
            assert {message.epoch for message in messages} == {relay.copy.epoch}

    asyncio.run(scenario())


@pytest.mark.parametrize("harm", ["stream deleted", "purged of its messages", "foreign message", "metadata lost"])
def test_the_copy_mends_what_others_do_to_its_stream(database: str, nats: EmbeddedNats, harm: str) -> None:
    """Messages that only expired leave the epoch as it is; whatever breaks the order of positions begins another."""

    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client):
            jetstream = client.jetstream()
            async with relaying(desk, client) as relay:
                department = await desk.department()
                await has_copied(relay, 1)
                epoch = relay.copy and relay.copy.epoch
            if harm == "stream deleted":
                await jetstream.delete_stream(STREAM)
            elif harm == "purged of its messages":
                await jetstream.purge_stream(STREAM)
            elif harm == "foreign message":
                await jetstream.publish("supportix.v1.events.ticket.x", b"")
            else:
                config = (await jetstream.stream_info(STREAM)).config
                await jetstream.update_stream(config.evolve(metadata={}))
            await desk.open(department)
            async with relaying(desk, client) as relay:
                await desk.open(department)
                head = await desk.head()
                await has_copied(relay, head)
                found = await positions(client)
                assert found == list(range(found[0], head + 1))
                assert relay.copy is not None
                assert (relay.copy.epoch == epoch) == (harm == "purged of its messages")
                if harm == "purged of its messages":
                    assert found[0] == 2

    asyncio.run(scenario())


def test_a_stream_of_another_log_begins_a_new_epoch(postgres: str, database: str, nats: EmbeddedNats) -> None:
    """As after a restored backup: the same positions hold other events."""
    from tests.realtime.conftest import fresh_database

    async def scenario(other: str) -> None:
        async with connect(nats.url) as client:
            async with desk_on(database) as desk, relaying(desk, client) as relay:
                await desk.department()
                await has_copied(relay, 1)
                first = relay.copy
            async with desk_on(other) as desk:
                await desk.department()
                await desk.department()
                async with relaying(desk, client) as relay:
                    assert first is not None
                    assert relay.copy is not None
                    assert relay.copy.epoch != first.epoch
                    assert relay.copy.position == 2
                    await desk.department()
                    await has_copied(relay, 3)
                    assert await positions(client) == [3]

    with fresh_database(postgres) as other:
        asyncio.run(scenario(other))


def test_a_stale_batch_is_refused_even_from_one_who_asks_nobody(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_and(nats.url, database) as (desk, client):
            with pytest.raises(NotFoundError):
                await client.jetstream().stream_info(STREAM)
            copy = await event_stream.present_copy(client.jetstream(), desk.core.desk.reading)
            relay = relay_of(desk, client, Fence("relay", 1))
            await desk.department()
            entries = await desk.core.feed.after(0)
            assert await relay._publish(entries, copy) == 1
            with pytest.raises(Exception, match="wrong last sequence"):
                await relay._publish(entries, copy)
            assert await positions(client) == [1]

    asyncio.run(scenario())
