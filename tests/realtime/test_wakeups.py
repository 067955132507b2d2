"""Wake-ups between processes: what one process appends, another one hears of, and nobody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from tests.realtime.scene import running
from tests.waiting import until

from supportix.embedded import EmbeddedNats
from supportix.realtime.connection import connect
from supportix.realtime.wakeups import WAKE, WakeupBridge
from supportix.settings import SettingRefused
from supportix.store.feed import Wakeups


async def hears(wakeups: Wakeups, head: int) -> None:
    async def there() -> bool:
        return wakeups.head >= head

    await until(there, f"a hint of {head}")


@asynccontextmanager
async def bridged(nats: EmbeddedNats, wakeups: Wakeups) -> AsyncIterator[Client]:
    """A process whose wake-ups go over NATS, from when it hears those of others."""
    async with connect(nats.url) as client, running(WakeupBridge(wakeups, client).run()):

        async def has_subscribed() -> bool:
            return bool(client._subs)

        await until(has_subscribed, "the bridge's subscription")
        await client.flush()
        yield client


def test_a_hint_reaches_the_other_process_and_goes_no_further(nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        here, there = Wakeups(), Wakeups()
        overheard: list[bytes] = []

        async def overhear(message: Msg) -> None:
            overheard.append(message.data)

        async with connect(nats.url) as third, bridged(nats, here), bridged(nats, there):
            await third.subscribe(WAKE, cb=overhear)
            await third.publish(WAKE, b"is the subscription there?")

            async def is_listening() -> bool:
                return bool(overheard)

            await until(is_listening, "the third's subscription")
            overheard.clear()
            here.hint(3)
            await hears(there, 3)
            there.hint(5)
            await hears(here, 5)
            here.hint(8)
            await hears(there, 8)
            await third.flush()
            assert overheard == [b"3", b"5", b"8"]

    asyncio.run(scenario())


def test_many_flushes_make_few_messages(nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        here, there = Wakeups(), Wakeups()
        async with bridged(nats, here) as one, bridged(nats, there):
            here.hint(1)
            await hears(there, 1)
            before, started = one.stats["out_msgs"], time.monotonic()
            for head in range(2, 2_000):
                here.hint(head)
                await asyncio.sleep(0)
            await hears(there, 1_999)
            most = (time.monotonic() - started) / 0.002 + 2
            assert one.stats["out_msgs"] - before <= most

    asyncio.run(scenario())


def test_hints_go_on_after_nats_was_down_and_what_was_missed_is_not_sent_later(nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        here, there = Wakeups(), Wakeups()
        async with bridged(nats, here) as one, bridged(nats, there) as other:
            here.hint(1)
            await hears(there, 1)
            await asyncio.to_thread(nats.stop)

            async def is_down() -> bool:
                return not one.is_connected and not other.is_connected

            await until(is_down, "the end of the connections")
            sent = one.stats["out_msgs"]
            here.hint(2)
            await here.wait(2)
            assert one.stats["out_msgs"] == sent
            await asyncio.to_thread(nats.start)

            async def is_up() -> bool:
                return one.is_connected and other.is_connected

            await until(is_up, "new connections")
            await other.flush()
            assert there.head == 1
            here.hint(3)
            await hears(there, 3)

    asyncio.run(scenario())


def test_a_nats_that_does_not_answer_is_refused_in_one_line_where_it_is_required(nats: EmbeddedNats) -> None:
    nats.stop()

    async def scenario() -> None:
        async with connect(nats.url):
            pass

    with pytest.raises(SettingRefused, match=r"^SUPPORTIX_NATS_URL: NATS doesn't answer there: .*$") as refusal:
        asyncio.run(scenario())
    assert "\n" not in str(refusal.value)


def test_a_wrong_secret_is_refused_too(nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with connect(f"nats://wrong@127.0.0.1:{nats.port}"):
            pass

    with pytest.raises(SettingRefused, match=r"SUPPORTIX_NATS_URL.*Authorization"):
        asyncio.run(scenario())
