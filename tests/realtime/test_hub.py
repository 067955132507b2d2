"""The hub: what each person is told, whatever way the events come."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from tests.advised import advised
from tests.issued import hours, to_choose, to_issue
from tests.realtime.proxy import line_to
from tests.realtime.scene import Desk, desk_on, has_copied, has_projected, relaying, running
from tests.waiting import until

from supportix.bootstrap import utc_now
from supportix.domain.forecast_words import Horizon
from supportix.domain.ids import AdviceId, DepartmentId
from supportix.domain.staffing_advice import give_advice
from supportix.domain.ticket_words import Priority
from supportix.embedded import EmbeddedNats
from supportix.identity.roles import Role
from supportix.identity.tokens import Principal
from supportix.projections.runner import ProjectionRunner
from supportix.realtime.catch_up import MOST_REPLAYED_EVENTS
from supportix.realtime.connection import connect
from supportix.realtime.delivery import Delivery
from supportix.realtime.frames import CloseCode, Cursor, Subscribe, Topic
from supportix.realtime.hub import Hub, LogSetBack
from supportix.realtime.levels import Levels
from supportix.realtime.publication import publication
from supportix.realtime.seats import MOST_SEATS_PER_ACCOUNT, MOST_WAITING_FRAMES, Seat, TooManySeats
from supportix.store.committer import Command, Fence

EVERYTHING = frozenset(Topic)
TICKETS = frozenset({Topic.TICKETS})
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)

FrameRead = dict[str, Any]


def somebody(role: Role, account_id: UUID | None = None) -> Principal:
    return Principal(account_id or uuid4(), role, "Somebody", uuid4(), expires_at=2**40)


class Listener:
    """Somebody at a screen: all frames that came, in order."""

    def __init__(self, hub: Hub, seat: Seat) -> None:
        self.hub, self.seat = hub, seat
        self.frames: list[FrameRead] = []
        self._delivery = Delivery(hub, seat, self._receive)

    async def follow(self) -> None:
        while True:
            await self._delivery.step(0.05)

    async def _receive(self, text: str) -> None:
        self.frames.append(msgspec.json.decode(text))

    def of(self, kind: str) -> list[FrameRead]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.frames[-1]["epoch"], max(frame["position"] for frame in self.frames))

    async def subscribe(self, topics: frozenset[Topic] = TICKETS, **wish: Any) -> None:
        before = len(self.of("subscribed"))
        self.seat.put(Subscribe(topics, **wish))

        async def subscribed() -> bool:
            return len(self.of("subscribed")) > before

        await until(subscribed, "a subscription")

    async def is_at(self, position: int) -> None:
        """Everything up to there has been told."""

        async def there() -> bool:
            return self.hub.position >= position and not self.seat._outbox

        await until(there, f"the hub at {position}")

    async def has(self, kind: str, **fields: object) -> None:
        """The latest frame of that kind and about that thing says so."""

        async def said() -> bool:
            return any(fields.items() <= frame.items() for frame in self.of(kind))

        await until(said, f"{kind} with {fields}")

    def told_of(self) -> list[tuple[str, str]]:
        return [(frame["ticket_id"], frame["happened"]) for frame in self.of("ticket.changed")]


@asynccontextmanager
async def listening(hub: Hub, principal: Principal) -> AsyncIterator[Listener]:
    async with hub.seat(principal) as seat:
        listener = Listener(hub, seat)
        async with running(listener.follow()):
            yield listener


def hub_of(desk: Desk, nats: Any = None) -> Hub:
    return Hub(desk.core.desk, desk.core.feed, nats)


def positions(frames: list[FrameRead]) -> list[int]:
    return [frame["position"] for frame in frames]


def test_each_is_told_what_concerns_them_and_no_more(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            hub = hub_of(desk)
            heating, roofing = await desk.department(), await desk.department()
            ann, bob = await desk.agent(heating), await desk.agent(roofing)
            ada, eve = uuid4(), uuid4()
            async with (
                listening(hub, somebody(Role.CUSTOMER, ada)) as at_ada,
                listening(hub, somebody(Role.CUSTOMER, eve)) as at_eve,
                listening(hub, somebody(Role.AGENT, ann)) as at_ann,
                listening(hub, somebody(Role.AGENT, bob)) as at_bob,
                listening(hub, somebody(Role.SUPERVISOR)) as at_supervisor,
                listening(hub, somebody(Role.ADMIN)) as at_admin,
            ):
                everybody = (at_ada, at_eve, at_ann, at_bob, at_supervisor, at_admin)
                for listener in everybody:
                    await listener.subscribe()
                ticket = await desk.open(heating, ada)
                await desk.assign(ticket.id, ann)
                await desk.transfer(ticket.id, roofing)
                last = await desk.assign(ticket.id, bob)
                for listener in everybody:
                    await listener.is_at(last)

                story = [(str(ticket.id), each) for each in ("opened", "routed", "assigned", "transferred", "assigned")]
                assert at_supervisor.told_of() == at_admin.told_of() == at_ada.told_of() == story
                assert at_eve.told_of() == []
                assert at_ann.told_of() == story[1:4]  # She learns that it left her, and no more.
                assert at_bob.told_of() == story[3:]
                assert all("agent_id" not in frame for frame in at_ada.of("ticket.changed"))
                held = at_bob.of("ticket.changed")[-1]
                assert (held["agent_id"], held["status"], held["version"]) == (str(bob), "assigned", 5)
                assert held["department_id"] == str(roofing)

    asyncio.run(scenario())


def test_nobody_is_told_a_text_that_is_personal(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk, listening(hub_of(desk), somebody(Role.ADMIN)) as admin:
            await admin.subscribe()
            ticket = await desk.open(await desk.department(), subject="Zeppelin")
            await admin.is_at(await desk.resolve(ticket.id, "Zeppelin"))
            assert admin.of("ticket.changed")
            assert "Zeppelin" not in str(admin.frames)

    asyncio.run(scenario())


def test_an_agent_who_changes_departments_is_told_of_the_new_ones_at_once(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            heating, roofing = await desk.department(), await desk.department()
            ann = await desk.agent(heating)
            async with listening(hub_of(desk), somebody(Role.AGENT, ann)) as at_ann:
                await at_ann.subscribe()
                await desk.change_departments(ann, roofing)
                await desk.open(heating)
                ours = await desk.open(roofing)
                await at_ann.is_at(await desk.head())
                assert at_ann.told_of() == [(str(ours.id), "routed")]

    asyncio.run(scenario())


def test_a_list_of_tickets_narrows_what_is_told_and_lets_nobody_see_more(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            department = await desk.department()
            mine, other = await desk.open(department), await desk.open(department)
            customer = somebody(Role.CUSTOMER, mine.requester_id)
            async with listening(hub_of(desk), customer) as listener:
                await listener.subscribe(ticket_ids=frozenset({other.id}))
                await desk.prioritise(other.id, Priority.HIGH)
                await listener.is_at(await desk.prioritise(mine.id, Priority.HIGH))
                assert listener.told_of() == []
                await listener.subscribe(ticket_ids=frozenset({mine.id, other.id}))
                await desk.prioritise(other.id, Priority.URGENT)
                await listener.is_at(await desk.prioritise(mine.id, Priority.URGENT))
                assert listener.told_of() == [(str(mine.id), "priority_changed")]

    asyncio.run(scenario())


@pytest.mark.parametrize("forgotten", [False, True], ids=["told lately", "read again from the log"])
def test_who_resumes_is_told_no_more_than_they_may_know(database: str, forgotten: bool) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            heating, roofing = await desk.department(), await desk.department()
            ann, bob = await desk.agent(heating), await desk.agent(roofing)
            hub = hub_of(desk)
            async with listening(hub, somebody(Role.ADMIN)) as admin:
                await admin.subscribe()
                start = Cursor(hub.epoch, hub.position)
                ours = await desk.open(heating)
                await desk.open(roofing)
                await desk.assign(ours.id, ann)
                await admin.is_at(await desk.head())
                if forgotten:  # As if more had happened since than the hub keeps.
                    hub._recent_from = hub.position
                    hub._recent.clear()
                story = [(str(ours.id), each) for each in ("opened", "routed", "assigned")]
                for who, told in (
                    (somebody(Role.CUSTOMER, ours.requester_id), story),
                    (somebody(Role.CUSTOMER), []),
                    (somebody(Role.AGENT, ann), story[1:]),
                ):
                    async with listening(hub, who) as listener:
                        await listener.subscribe(resume=start)
                        assert listener.told_of() == told
                async with listening(hub, somebody(Role.AGENT, bob)) as at_bob:
                    await at_bob.subscribe(resume=start)
                    assert [happened for _, happened in at_bob.told_of()] == ["routed"]

    asyncio.run(scenario())


@pytest.mark.parametrize("over_nats", [True, False], ids=["with NATS", "without NATS"])
def test_who_resumes_gets_each_change_once_and_in_order(database: str, nats: EmbeddedNats, over_nats: bool) -> None:
    dice = random.Random(7)  # noqa: S311 - repeatable, and no secret.

    async def scenario() -> None:
        async with desk_on(database) as desk, connect(nats.url) as client, relaying(desk, client):
            hub = hub_of(desk, client if over_nats else None)
            department = await desk.department()
            admin = somebody(Role.ADMIN)
            async with listening(hub, admin) as always_there:
                await always_there.subscribe()
                seen: list[FrameRead] = []
                cursor = Cursor(hub.epoch, hub.position)
                for _ in range(12):
                    opening = asyncio.gather(*[desk.open(department) for _ in range(8)])
                    async with listening(hub, admin) as comes_and_goes:
                        await comes_and_goes.subscribe(resume=cursor)
                        for _ in range(dice.randrange(6)):
                            await asyncio.sleep(0)
                        cursor = max(comes_and_goes.cursor, cursor, key=lambda each: each.position)
                        seen += comes_and_goes.of("ticket.changed")
                    await opening
                async with listening(hub, admin) as finally_there:
                    await finally_there.subscribe(resume=cursor)
                    await finally_there.is_at(await desk.head())
                    seen += finally_there.of("ticket.changed")
                await always_there.is_at(await desk.head())
                assert seen == always_there.of("ticket.changed")
                assert positions(seen) == list(range(positions(seen)[0], await desk.head() + 1))

    asyncio.run(scenario())


def test_who_resumes_at_another_server_that_has_just_begun_misses_nothing(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            department = await desk.department()
            tickets = [await desk.open(department) for _ in range(5)]
            first_hub = hub_of(desk)
            async with listening(first_hub, somebody(Role.ADMIN)) as listener:
                await listener.subscribe()
                await desk.prioritise(tickets[0].id, Priority.HIGH)
                await listener.is_at(await desk.head())
                cursor = listener.cursor
            for ticket in tickets:
                await desk.prioritise(ticket.id, Priority.URGENT)
            async with listening(hub_of(desk), somebody(Role.ADMIN)) as elsewhere:
                await elsewhere.subscribe(resume=cursor)
                assert elsewhere.told_of() == [(str(ticket.id), "priority_changed") for ticket in tickets]

    asyncio.run(scenario())


def test_a_cursor_of_another_history_from_too_long_ago_or_from_the_future_asks_for_a_resync(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            hub = hub_of(desk)
            await desk.department()
            async with listening(hub, somebody(Role.ADMIN)) as listener:
                await listener.subscribe(resume=Cursor("another", 0))
                await listener.subscribe(resume=Cursor(hub.epoch, 99))
                reasons = [frame["reason"] for frame in listener.of("resync_required")]
                assert len(reasons) == 2
                assert "history" in reasons[0]
                assert "no such position" in reasons[1]
                hub.position += MOST_REPLAYED_EVENTS  # As if so many events had happened.
                await listener.subscribe(resume=Cursor(hub.epoch, 0))
                assert "more than" in listener.of("resync_required")[-1]["reason"]

    asyncio.run(scenario())


def test_a_gap_that_nats_left_is_filled_from_the_log(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with (
            desk_on(database) as desk,
            line_to(nats.url) as line,
            connect(nats.url) as relays_client,
            connect(line.url) as hubs_client,
            relaying(desk, relays_client) as relay,
        ):
            department = await desk.department()
            async with listening(hub_of(desk, hubs_client), somebody(Role.ADMIN)) as listener:
                await listener.subscribe()
                start = listener.hub.position
                await desk.open(department)
                await listener.is_at(await desk.head())
                await line.cut()
                for _ in range(5):
                    await desk.open(department)
                await has_copied(relay, await desk.head())
                line.mend()

                async def is_back() -> bool:
                    return hubs_client.is_connected

                await until(is_back, "the line to NATS")
                await desk.open(department)
                await listener.is_at(await desk.head())
                told = positions(listener.of("ticket.changed"))
                assert told == list(range(start + 1, await desk.head() + 1))

    asyncio.run(scenario())


def test_what_nats_brings_twice_or_late_is_told_once(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with (
            desk_on(database) as desk,
            connect(nats.url) as client,
            listening(hub_of(desk, client), somebody(Role.ADMIN)) as listener,
        ):
            await listener.subscribe()
            department = await desk.department()
            for _ in range(5):
                ticket = await desk.open(department)
                entries = await desk.core.feed.after(ticket.position - 2)
                for entry in (*entries, *reversed(entries), *entries):
                    message = publication(entry, "epoch")
                    await client.publish(message.subject, message.body, headers=message.headers)
                await listener.is_at(ticket.position)
            assert positions(listener.of("ticket.changed")) == list(range(2, await desk.head() + 1))

    asyncio.run(scenario())


def test_without_nats_people_are_told_all_the_same(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        nats.stop()
        async with (
            desk_on(database) as desk,
            connect(nats.url, required=False) as client,
            listening(hub_of(desk, client), somebody(Role.ADMIN)) as listener,
        ):
            await listener.subscribe()
            ticket = await desk.open(await desk.department())
            await listener.is_at(await desk.head())
            assert listener.told_of() == [(str(ticket.id), "opened"), (str(ticket.id), "routed")]

    asyncio.run(scenario())


def test_levels_come_with_the_subscription_and_with_every_change(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database, read_models=True) as desk:
            heating, roofing = await desk.department(), await desk.department()
            ann, bob = await desk.agent(heating, capacity=3), await desk.agent(roofing)
            ticket = await desk.open(heating)
            await has_projected(desk, await desk.head())
            hub = hub_of(desk)
            async with (
                listening(hub, somebody(Role.AGENT, ann)) as at_ann,
                listening(hub, somebody(Role.SUPERVISOR)) as at_supervisor,
            ):
                for listener in (at_ann, at_supervisor):
                    await listener.subscribe(EVERYTHING)
                    await listener.has("queue.changed", department_id=str(heating), total=1)
                    await listener.has("load.changed", agent_id=str(ann), open_work=0, capacity=3)
                await desk.assign(ticket.id, ann)
                for listener in (at_ann, at_supervisor):
                    await listener.has("load.changed", agent_id=str(ann), open_work=1, availability="online")
                    empty = {"urgent": 0, "high": 0, "normal": 0, "low": 0}
                    await listener.has("queue.changed", department_id=str(heating), waiting=empty, total=0)
                assert {frame["agent_id"] for frame in at_ann.of("load.changed")} == {str(ann)}
                assert {frame["department_id"] for frame in at_ann.of("queue.changed")} == {str(heating)}
                assert {frame["agent_id"] for frame in at_supervisor.of("load.changed")} == {str(ann), str(bob)}

    asyncio.run(scenario())


def test_a_level_waits_for_the_read_models(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            department = await desk.department()
            ticket = await desk.open(department)
            levels = Levels(desk.core.pool, lambda: Cursor("epoch", ticket.position))
            [entry] = await desk.core.feed.after(ticket.position - 1)
            levels.touch(entry.position, entry.event, frozenset({department}))
            assert await levels._due() == []
            async with running(ProjectionRunner(desk.core.pool, desk.core.feed, Fence("projections", 1)).run()):
                await has_projected(desk, ticket.position)
            [change] = await levels._due()
            assert msgspec.json.decode(change.text)["total"] == 1
            assert await levels._due() == []

    asyncio.run(scenario())


def test_merges_are_told_to_those_who_see_every_department_live_and_afterwards(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database, read_models=True) as desk:
            busy, idle = await desk.department(), await desk.department()
            hub = hub_of(desk)
            async with (
                listening(hub, somebody(Role.SUPERVISOR)) as at_supervisor,
                listening(hub, somebody(Role.AGENT, await desk.agent(idle))) as at_agent,
            ):
                await at_supervisor.subscribe(EVERYTHING)
                await at_agent.subscribe(frozenset({Topic.TICKETS, Topic.QUEUES, Topic.LOADS}))
                assert Topic.MERGES not in at_agent.seat.allowed_topics
                before = at_supervisor.cursor
                merge = await desk.merge(busy, idle)
                for happened in ("suggested", "approved"):
                    await at_supervisor.has(
                        "merge.changed",
                        merge_id=str(merge),
                        happened=happened,
                        source_id=str(busy),
                        target_id=str(idle),
                    )
                await at_agent.is_at(await desk.head())
                assert at_agent.of("merge.changed") == []
            async with listening(hub, somebody(Role.ADMIN)) as at_admin:
                await at_admin.subscribe(EVERYTHING, resume=before)
                assert [frame["happened"] for frame in at_admin.of("merge.changed")] == ["suggested", "approved"]

    asyncio.run(scenario())


def test_forecasts_are_told_to_those_who_see_every_department_live_and_afterwards(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            billing = await desk.department()
            hub = hub_of(desk)
            async with (
                listening(hub, somebody(Role.SUPERVISOR)) as at_supervisor,
                listening(hub, somebody(Role.SUPERVISOR)) as elsewhere,
                listening(hub, somebody(Role.AGENT, await desk.agent(billing))) as at_agent,
                listening(hub, somebody(Role.CUSTOMER)) as at_customer,
            ):
                await at_supervisor.subscribe(EVERYTHING)
                await elsewhere.subscribe(EVERYTHING - {Topic.FORECASTS})
                for listener in (at_agent, at_customer):
                    await listener.subscribe(listener.seat.allowed_topics)
                    assert Topic.FORECASTS not in listener.seat.allowed_topics
                before = at_supervisor.cursor
                issued, updated = hours(NINE, 12, 14, 9), hours(NINE, 20, 17)
                for whose in (billing, None):
                    await desk.forecasts.save(to_issue(whose, issued), based_on=7)
                await desk.forecasts.save(to_issue(billing, hours(NINE, 1, 2), Horizon.FORTNIGHT), based_on=7)
                await desk.forecasts.save(to_choose(None), based_on=7)
                await desk.forecasts.update(None, updated, arrived=8, elapsed_seconds=600)
                await at_supervisor.has("forecast.changed", happened="updated")
                for listener in (elsewhere, at_agent, at_customer):
                    await listener.is_at(await desk.head())
                    assert listener.of("forecast.changed") == []
                told = at_supervisor.of("forecast.changed")
                expected = [
                    (str(billing), "issued", issued, 0, 0),
                    (None, "issued", issued, 0, 0),
                    (None, "updated", updated, 8, 600),
                ]
                for frame, (department, happened, steps, arrived, elapsed) in zip(told, expected, strict=True):
                    assert (frame["department_id"], frame["happened"]) == (department, happened)
                    assert (frame["running_mean"], frame["next_mean"]) == steps.means[:2]
                    assert msgspec.convert(frame["begin"], datetime) == NINE
                    assert frame["running_quantiles"] == [row[0] for row in steps.quantiles]
                    assert frame["next_quantiles"] == [row[1] for row in steps.quantiles]
                    assert (frame["arrived"], frame["elapsed_seconds"]) == (arrived, elapsed)
            async with listening(hub, somebody(Role.ADMIN)) as at_admin:
                await at_admin.subscribe(EVERYTHING, resume=before)
                assert at_admin.of("forecast.changed") == told

    asyncio.run(scenario())


def test_a_busy_queue_is_told_at_most_four_times_a_second(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database, read_models=True) as desk:
            department = await desk.department()
            async with listening(hub_of(desk), somebody(Role.ADMIN)) as listener:
                await listener.subscribe(frozenset({Topic.QUEUES}))
                loop = asyncio.get_running_loop()
                started = loop.time()
                for _ in range(100):
                    await desk.open(department)
                await listener.has("queue.changed", department_id=str(department), total=100)
                assert len(listener.of("queue.changed")) <= 4 * (loop.time() - started) + 3

    asyncio.run(scenario())


def test_a_stale_snapshot_and_the_changes_since_make_a_fresh_snapshot(database: str, nats: EmbeddedNats) -> None:
    dice = random.Random(11)  # noqa: S311 - repeatable, and no secret.

    async def scenario() -> None:
        async with (
            desk_on(database, read_models=True) as desk,
            connect(nats.url) as client,
            relaying(desk, client),
        ):
            departments = [await desk.department() for _ in range(2)]
            agents = [await desk.agent(*departments) for _ in range(3)]
            tickets = [(await desk.open(departments[0])).id for _ in range(20)]
            for ticket in tickets[:10]:
                await desk.assign(ticket, dice.choice(agents))
            await has_projected(desk, await desk.head())
            hub = hub_of(desk, client)
            async with listening(hub, somebody(Role.SUPERVISOR)) as listener:
                position = await desk.head()
                picture = await snapshot(desk)
                await asyncio.gather(*[work_on(desk, ticket, departments, agents, dice) for ticket in tickets])
                await listener.subscribe(EVERYTHING, resume=Cursor(hub.epoch, position))
                await asyncio.gather(*[desk.open(departments[1]) for _ in range(10)])
                head = await desk.head()
                await has_projected(desk, head)
                await listener.is_at(head)
                fresh = await snapshot(desk)

                async def is_the_same() -> bool:
                    return applied(picture, listener.frames) == fresh

                await until(is_the_same, "the fresh picture")
                assert fresh != picture

    asyncio.run(scenario())


async def work_on(desk: Desk, ticket: Any, departments: list[Any], agents: list[Any], dice: random.Random) -> None:
    """A few things that may happen to a ticket, whatever state it is in."""
    await desk.prioritise(ticket, dice.choice([Priority.HIGH, Priority.LOW, Priority.URGENT]))
    await desk.transfer(ticket, departments[1])
    await desk.assign(ticket, dice.choice(agents))
    step = dice.randrange(3)
    if step == 1:
        await desk.start_work(ticket)
    elif step == 2:
        await desk.resolve(ticket)
    else:
        await desk.unassign(ticket)


Picture = dict[str, dict[str, dict[str, Any]]]

_TICKET = ("number", "status", "priority", "department_id", "agent_id", "version")
_LOAD = ("availability", "open_work", "capacity")


async def snapshot(desk: Desk) -> Picture:
    """What somebody who reads everything afresh sees."""
    async with desk.core.pool.connection() as connection:
        cursor = await connection.execute(f"SELECT ticket_id::text, {', '.join(_TICKET)} FROM read_model.tickets")  # noqa: S608
        tickets = {row[0]: dict(zip(_TICKET, map(_plain, row[1:]), strict=True)) for row in await cursor.fetchall()}
        cursor = await connection.execute(f"SELECT agent_id::text, {', '.join(_LOAD)} FROM read_model.agent_load")  # noqa: S608
        loads = {row[0]: dict(zip(_LOAD, row[1:], strict=True)) for row in await cursor.fetchall()}
        cursor = await connection.execute(
            "SELECT d.department_id::text, count(q.ticket_id) FROM read_model.departments d "
            "LEFT JOIN read_model.department_queue q USING (department_id) GROUP BY 1"
        )
        queues = {row[0]: {"total": row[1]} for row in await cursor.fetchall()}
    return {"tickets": tickets, "loads": loads, "queues": queues}


def applied(picture: Picture, frames: list[FrameRead]) -> Picture:
    """The picture with what these frames tell of it."""
    result = {kind: dict(things) for kind, things in picture.items()}
    for frame in frames:
        if frame["type"] == "ticket.changed":
            result["tickets"][frame["ticket_id"]] = {name: frame[name] for name in _TICKET}
        elif frame["type"] == "load.changed":
            result["loads"][frame["agent_id"]] = {name: frame[name] for name in _LOAD}
        elif frame["type"] == "queue.changed":
            result["queues"][frame["department_id"]] = {"total": frame["total"]}
    return result


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def test_a_reader_that_takes_nothing_is_let_go_and_the_others_do_not_notice(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            hub = hub_of(desk)
            department = await desk.department()
            async with hub.seat(somebody(Role.ADMIN)) as sleeper, listening(hub, somebody(Role.ADMIN)) as awake:
                await hub.join(sleeper, Subscribe(TICKETS))
                await awake.subscribe()
                start = hub.position
                while not sleeper.ending.done():
                    await asyncio.gather(*[desk.open(department) for _ in range(200)])
                    await awake.is_at(await desk.head())
                assert sleeper.ending.result().code is CloseCode.TOO_SLOW
                assert len(sleeper.drain()) == MOST_WAITING_FRAMES
                assert positions(awake.of("ticket.changed")) == list(range(start + 1, await desk.head() + 1))

    asyncio.run(scenario())


def test_a_database_that_was_away_is_followed_again(postgres: str, database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk, listening(hub_of(desk), somebody(Role.ADMIN)) as listener:
            await listener.subscribe()
            department = await desk.department()
            await desk.open(department)
            await listener.is_at(await desk.head())
            async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as elsewhere:
                name = database.rsplit("/", 1)[1]
                await elsewhere.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
                )
            async with desk_on(database) as other_process:
                await other_process.open(department)
                await listener.is_at(await other_process.head())
            assert positions(listener.of("ticket.changed")) == [2, 3, 4, 5]

    asyncio.run(scenario())


def test_a_log_that_was_set_back_lets_everybody_begin_anew(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            hub = hub_of(desk)
            await desk.department()
            async with hub.seat(somebody(Role.ADMIN)) as seat:
                present, hub.epoch = hub.epoch, "before"
                with pytest.raises(LogSetBack):
                    await hub._must_be_same_history()
                task = asyncio.ensure_future(hub._must_be_same_history())
                await asyncio.wait({task})
                hub._ended(task)
                assert (await seat.ending).code is CloseCode.RESTART
            async with hub.seat(somebody(Role.ADMIN)):
                assert hub.epoch == present

    asyncio.run(scenario())


def test_an_account_has_a_limited_number_of_seats(database: str) -> None:
    async def scenario() -> None:
        from contextlib import AsyncExitStack

        async with desk_on(database) as desk, AsyncExitStack() as stack:
            hub, admin = hub_of(desk), somebody(Role.ADMIN)
            for _ in range(MOST_SEATS_PER_ACCOUNT):
                await stack.enter_async_context(hub.seat(admin))
            with pytest.raises(TooManySeats):
                await stack.enter_async_context(hub.seat(admin))
            await stack.enter_async_context(hub.seat(somebody(Role.ADMIN)))

    asyncio.run(scenario())


def test_the_hub_rests_while_nobody_listens(database: str, nats: EmbeddedNats) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk, connect(nats.url) as client:
            hub = hub_of(desk, client)
            before = len(client._subs)
            async with listening(hub, somebody(Role.ADMIN)) as listener:
                await listener.subscribe()
                assert len(client._subs) == before + 1
            assert len(client._subs) == before
            department = await desk.department()
            async with listening(hub, somebody(Role.ADMIN)) as listener:
                await listener.subscribe()
                await desk.open(department)
                await listener.is_at(await desk.head())
                assert len(listener.told_of()) == 2

    asyncio.run(scenario())


def test_advice_on_staffing_is_told_beside_forecasts(database: str) -> None:
    async def scenario() -> None:
        async with desk_on(database) as desk:
            whose = DepartmentId(await desk.department())
            told = advised(utc_now() + timedelta(hours=1))
            advice = give_advice(AdviceId(uuid4()), whose, told, at=utc_now())
            hub = hub_of(desk)
            async with (
                listening(hub, somebody(Role.SUPERVISOR)) as at_supervisor,
                listening(hub, somebody(Role.AGENT, await desk.agent(whose))) as at_agent,
            ):
                await at_supervisor.subscribe(frozenset({Topic.FORECASTS}))
                await at_agent.subscribe(frozenset({Topic.TICKETS}))
                await desk.core.desk.append([advice.accept(reason="two more come", at=utc_now())], Command())
                await at_supervisor.has("advice.changed", happened="accepted")
                await at_agent.is_at(await desk.head())
                assert at_agent.of("advice.changed") == []
                given, accepted = at_supervisor.of("advice.changed")
            assert (given["happened"], given["sentence"], given["version"]) == ("given", "2 more agents.", 1)
            assert (accepted["sentence"], accepted["version"]) == (None, 2)
            for frame in (given, accepted):
                assert (frame["advice_id"], frame["department_id"]) == (str(advice.id), str(whose))
                spans = (datetime.fromisoformat(frame[name]) for name in ("begins_at", "ends_at"))
                assert tuple(spans) == (told.begin, told.end)
                assert "two more come" not in str(frame)

    asyncio.run(scenario())
