"""The live connection as a browser meets it: the real server, a real socket, and the codes it closes with."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import pytest
from tests.realtime.conftest import fresh_database
from tests.realtime.scene import Desk, desk_on, has_projected
from tests.waiting import until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.typing import Subprotocol

from supportix.api.backend import token_signer
from supportix.bootstrap import utc_now
from supportix.commands.desk import stored
from supportix.domain.aggregate import DomainEvent
from supportix.domain.ticket_facts import TicketPriorityChanged
from supportix.domain.ticket_words import Priority
from supportix.embedded import EmbeddedNats
from supportix.identity.accounts import Accounts
from supportix.identity.roles import Role
from supportix.identity.sessions import Sessions
from supportix.realtime.frames import SUBPROTOCOL
from supportix.settings import Settings
from supportix.store.committer import Command

SECRET = "0123456789abcdef0123456789abcdef"


class Server(NamedTuple):
    """One API process."""

    settings: Settings
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.settings.port}/ws"

    def token(self, role: Role, account_id: UUID | None = None, *, seconds: float = 600) -> str:
        return token_signer(self.settings).access(
            token_id=uuid4(),
            account_id=account_id or uuid4(),
            role=role,
            name="Somebody",
            session_id=uuid4(),
            now=utc_now(),
            expires_at=utc_now() + timedelta(seconds=seconds),
        )


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with fresh_database(postgres) as database, EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        started = start(database, nats.url, tmp_path_factory.mktemp("api"))
        yield started
        stop(started)


def start(database_url: str, nats_url: str, directory: Path) -> Server:
    settings = Settings(database_url=database_url, nats_url=nats_url, secret=SECRET, port=_free_port())
    environment = {
        "SUPPORTIX_DATABASE_URL": database_url,
        "SUPPORTIX_NATS_URL": nats_url,
        "SUPPORTIX_SECRET": SECRET,
        "SUPPORTIX_PORT": str(settings.port),
    }
    with (directory / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "supportix.api.server"], env=os.environ | environment, stdout=log, stderr=log
        )
    asyncio.run(_until_it_listens(settings.port, process))
    return Server(settings, process)


def stop(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(15)


async def _until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    async def listens() -> bool:
        assert process.poll() is None, "the server has ended"
        try:
            async with asyncio.timeout(1):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    await until(listens, "the server")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """A connected socket that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    async def send(self, **frame: Any) -> None:
        await self.connection.send(msgspec.json.encode(frame).decode())

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            frame: dict[str, Any] = msgspec.json.decode(await self.connection.recv())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **fields: object) -> dict[str, Any]:
        """The next frame of that kind that says so."""
        while True:
            frame = await self.next()
            if frame["type"] == kind and fields.items() <= frame.items():
                return frame

    async def authenticate(self, token: str) -> dict[str, Any]:
        await self.send(type="authenticate", token=token)
        return await self.until("authenticated")

    async def subscribe(self, *topics: str, **wish: Any) -> dict[str, Any]:
        await self.send(type="subscribe", topics=topics, **wish)
        return await self.until("subscribed")

    async def until_at(self, position: int) -> dict[str, Any]:
        """The frame with which everything up to there has been told."""
        while not self.frames or self.frames[-1]["position"] < position:
            await self.next()
        return self.frames[-1]

    async def closed(self) -> tuple[int, str]:
        """The code and reason that the server closes with."""
        closing = await self.is_cut_off()
        assert closing is not None, "a code was expected"
        return closing.code, closing.reason

    async def is_cut_off(self) -> Close | None:
        """What the server says when it closes; None where it can't say any more."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            return closed.rcvd

    async def stories(self, until_position: int) -> list[tuple[str, str]]:
        """The tickets' changes up to there, which somebody who isn't told the last one waits for in vain."""
        try:
            while not self.frames or self.frames[-1]["position"] < until_position:
                async with asyncio.timeout(1):
                    await self.next()
        except TimeoutError:
            pass
        return [(frame["ticket_id"], frame["happened"]) for frame in self.frames if frame["type"] == "ticket.changed"]


@asynccontextmanager
async def browser(server: Server, **options: Any) -> AsyncIterator[Browser]:
    offered = options.pop("subprotocols", [Subprotocol(SUBPROTOCOL)])
    async with connect(server.url, subprotocols=offered, compression=None, **options) as connection:
        yield Browser(connection)


@asynccontextmanager
async def signed_in(server: Server, role: Role, account_id: UUID | None = None) -> AsyncIterator[Browser]:
    async with browser(server) as someone:
        await someone.authenticate(server.token(role, account_id))
        yield someone


@asynccontextmanager
async def desk_of(server: Server) -> AsyncIterator[Desk]:
    async with desk_on(server.settings.required_database_url(), read_models=True) as desk:
        yield desk


def test_pages_of_other_origins_are_refused_and_those_of_this_host_are_not(server: Server) -> None:
    async def scenario() -> None:
        with pytest.raises(InvalidStatus) as refusal:
            async with browser(server, origin="https://evil.example"):
                pass
        assert refusal.value.response.status_code == 403
        async with browser(server, origin=f"http://127.0.0.1:{server.settings.port}") as ours:
            welcome = await ours.authenticate(server.token(Role.CUSTOMER))
            assert ours.connection.subprotocol == SUBPROTOCOL
            assert welcome["role"] == "customer"
            assert welcome["epoch"]

    asyncio.run(scenario())


def test_who_does_not_say_who_they_are_is_let_go(server: Server) -> None:
    async def scenario() -> None:
        async with (
            browser(server, subprotocols=None) as another_protocol,
            browser(server) as silent,
            browser(server) as impatient,
            browser(server) as forger,
            browser(server) as late,
            browser(server) as newcomer,
        ):
            await impatient.send(type="subscribe", topics=["tickets"])
            await forger.send(type="authenticate", token=server.token(Role.ADMIN)[:-4] + "AAAA")
            await late.send(type="authenticate", token=server.token(Role.ADMIN, seconds=-1))
            await newcomer.send(type="authenticate", token=one_time_token(server))
            assert (await another_protocol.closed())[0] == 4406
            assert (await impatient.closed())[0] == 4401
            assert (await forger.closed())[0] == 4401
            assert await late.closed() == (4401, "The token has expired.")
            assert (await newcomer.closed())[0] == 4403
            assert await silent.closed() == (4408, "an authenticate frame was expected within 5 s")

    asyncio.run(scenario())


def one_time_token(server: Server) -> str:
    now = utc_now()
    return token_signer(server.settings).access(
        token_id=uuid4(),
        account_id=uuid4(),
        role=Role.AGENT,
        name="New",
        session_id=uuid4(),
        now=now,
        expires_at=now + timedelta(minutes=1),
        must_change_password=True,
    )


def test_customer_agent_and_supervisor_are_told_what_each_may_know(server: Server) -> None:
    async def scenario() -> None:
        async with desk_of(server) as desk:
            heating, roofing = await desk.department(), await desk.department()
            ann, bob, ada = await desk.agent(heating), await desk.agent(roofing), uuid4()
            async with (
                signed_in(server, Role.CUSTOMER, ada) as customer,
                signed_in(server, Role.CUSTOMER) as stranger,
                signed_in(server, Role.AGENT, ann) as agent,
                signed_in(server, Role.AGENT, bob) as colleague,
                signed_in(server, Role.SUPERVISOR) as supervisor,
            ):
                for someone in (customer, stranger, agent, colleague, supervisor):
                    await someone.subscribe("tickets")
                ticket = await desk.open(heating, ada)
                last = await desk.assign(ticket.id, ann) - 1  # The assignment; the agent's reservation comes after it.
                told = await asyncio.gather(
                    *[each.stories(last) for each in (customer, stranger, agent, colleague, supervisor)]
                )
                story = [(str(ticket.id), each) for each in ("opened", "routed", "assigned")]
                assert told == [story, [], story[1:], [], story]
                assert "agent_id" not in customer.frames[-1]
                assert agent.frames[-1]["agent_id"] == supervisor.frames[-1]["agent_id"] == str(ann)
                assert "It smokes" not in str([*customer.frames, *agent.frames, *supervisor.frames])

                await customer.send(type="subscribe", topics=["tickets", "loads"])
                refusal = await customer.until("error")
                assert refusal["detail"] == "topics for role 'customer' were expected: tickets"

                await has_projected(desk, await desk.head())
                await agent.subscribe("queues", "loads")
                await agent.until("load.changed", agent_id=str(ann), open_work=1)
                assert {frame.get("department_id") for frame in agent.frames if frame["type"] == "queue.changed"} == {
                    str(heating)
                }

    asyncio.run(scenario())


def test_a_connection_that_broke_is_resumed_without_a_gap(server: Server) -> None:
    async def scenario() -> None:
        async with desk_of(server) as desk:
            department = await desk.department()
            async with signed_in(server, Role.ADMIN) as first:
                start_at = (await first.subscribe("tickets"))["position"]
                await desk.open(department)
                await first.stories(await desk.head())
                standing = {"epoch": first.frames[-1]["epoch"], "position": first.frames[-1]["position"]}
                first.connection.transport.abort()
            await asyncio.gather(*[desk.open(department) for _ in range(20)])
            async with signed_in(server, Role.ADMIN) as second:
                await second.subscribe("tickets", resume=standing)
                await desk.open(department)
                await second.stories(await desk.head())
            told = [frame["position"] for frame in (*first.frames, *second.frames) if frame["type"] == "ticket.changed"]
            assert told == list(range(start_at + 1, await desk.head() + 1))

            async with signed_in(server, Role.ADMIN) as third:
                await third.send(type="subscribe", topics=["tickets"], resume={"epoch": "x", "position": 1})
                assert (await third.until("resync_required"))["position"] == await desk.head()
                await third.until("subscribed")

    asyncio.run(scenario())


def test_frames_that_nobody_should_send_are_refused_and_then_the_connection(server: Server) -> None:
    async def scenario() -> None:
        async with (
            signed_in(server, Role.ADMIN) as clumsy,
            signed_in(server, Role.ADMIN) as long_winded,
            signed_in(server, Role.ADMIN) as hasty,
            signed_in(server, Role.ADMIN) as two_faced,
        ):
            await clumsy.send(type="subscribe", topics=["weather"])
            assert "$.topics" in (await clumsy.until("error"))["detail"]
            for text in ("", "[]", '{"type": "dance"}', b"\x00"):
                await clumsy.connection.send(text)
                assert "authenticate or subscribe was expected" in (await clumsy.until("error"))["detail"]
            await clumsy.connection.send("{")
            assert (await clumsy.closed())[0] == 4400

            await long_winded.connection.send("x" * 65_537)
            assert (await long_winded.closed())[0] == 4413

            for _ in range(30):
                await hasty.send(type="subscribe", topics=[])
            assert (await hasty.closed())[0] == 4429

            await two_faced.send(type="authenticate", token=server.token(Role.ADMIN))
            assert await two_faced.closed() == (4401, "a token of the same account was expected")

    asyncio.run(scenario())


def test_a_connection_ends_with_its_token_and_a_fresh_one_prolongs_it(server: Server) -> None:
    async def scenario() -> None:
        account = uuid4()
        async with browser(server) as ending, browser(server) as staying:
            for someone in (ending, staying):
                await someone.authenticate(server.token(Role.CUSTOMER, account, seconds=2))
            await staying.authenticate(server.token(Role.CUSTOMER, account))
            code, reason = await ending.closed()
            assert (code, reason) == (4401, "the token has expired; refresh it and connect again")
            await staying.subscribe("tickets")

    asyncio.run(scenario())


def test_a_session_that_is_revoked_loses_its_connection_within_five_seconds(server: Server) -> None:
    async def scenario() -> None:
        async with desk_of(server) as desk:
            accounts = Accounts(desk.core.pool)
            name = f"ada{uuid4().hex[:8]}"
            account = await accounts.sign_up(username=name, password="correct horse battery", now=utc_now())
            sessions = Sessions(desk.core.pool, token_signer(server.settings))
            pair = await sessions.log_in(account, now=utc_now())
            async with browser(server) as ada, asyncio.timeout(8):
                await ada.authenticate(pair.access_token)
                await ada.subscribe("tickets")
                started = asyncio.get_running_loop().time()
                await sessions.log_out(pair.refresh_token, utc_now())
                assert await ada.closed() == (4401, "the session has ended; log in again")
                assert asyncio.get_running_loop().time() - started < 5

    asyncio.run(scenario())


def test_a_reader_that_takes_nothing_is_closed_and_the_others_are_served(server: Server) -> None:
    async def scenario() -> None:
        async with desk_of(server) as desk, signed_in(server, Role.ADMIN) as awake:
            ticket = await desk.open(await desk.department())
            await awake.subscribe("tickets")
            start_at = (await awake.until_at(await desk.head()))["position"]
            async with browser(server, sock=await narrow_socket(server.settings.port), max_queue=1) as sleeper:
                await sleeper.authenticate(server.token(Role.ADMIN))
                await sleeper.subscribe("tickets")
                for n in range(15):
                    await change_often(desk, ticket.id, after_version=2 + n * 1_000, times=1_000)
                    await awake.until_at(await desk.head())
                told = [frame["position"] for frame in awake.frames if frame["type"] == "ticket.changed"]
                assert [each for each in told if each > start_at] == list(range(start_at + 1, await desk.head() + 1))
                await sleeper.is_cut_off()
                assert sleeper.frames[-1]["position"] < told[-1]

    asyncio.run(scenario())


async def narrow_socket(port: int) -> socket.socket:
    """A socket that takes little from the network before its program reads it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))
    return narrow


async def change_often(desk: Desk, ticket_id: UUID, *, after_version: int, times: int) -> None:
    """Many events of one ticket in one append."""
    at, priorities = utc_now(), (Priority.HIGH, Priority.LOW)
    events = [
        DomainEvent(ticket_id, version, TicketPriorityChanged(occurred_at=at, priority=priorities[version % 2]))
        for version in range(after_version + 1, after_version + times + 1)
    ]
    await desk.core.committer.append([stored(event) for event in events], Command())


def test_a_server_that_stops_lets_go_of_its_connections(postgres: str, tmp_path: Path) -> None:
    with fresh_database(postgres) as database, EmbeddedNats(tmp_path / "nats") as nats:
        server = start(database, nats.url, tmp_path)

        async def scenario() -> None:
            async with signed_in(server, Role.ADMIN) as someone:
                await someone.subscribe("tickets")
                server.process.send_signal(signal.SIGTERM)
                await someone.is_cut_off()

        try:
            asyncio.run(scenario())
        finally:
            stop(server)
