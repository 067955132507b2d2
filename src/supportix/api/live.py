"""The live connection, `/ws`: tells people what changes, as far as they may see it. docs/realtime.md describes it.

Closes with the codes of `supportix.realtime.frames.CloseCode`:

    1001  the client went away                      4403  a one-time password has to be replaced first
    1011  a fault of the server                     4406  subprotocol supportix.v1 was not offered
    1012  the server restarts; resume elsewhere     4408  no authenticate frame within 5 s
    1013  the log can't be reached; try again       4413  a frame of more than 64 KiB
    4400  too many frames that can't be read        4429  too many frames, or connections of one account
    4401  token refused, expired or revoked         4490  frames are not read fast enough

A page of a foreign origin is refused with HTTP status 403. Takes from the application's state: `hub`, `signer`,
`revocations`, and `allowed_origins` if it is there.
"""

import asyncio
import contextlib
import time
from collections import deque
from urllib.parse import urlsplit

import psycopg
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect

from supportix.bootstrap import utc_now
from supportix.domain.errors import Refusal
from supportix.identity.revocations import Revocations
from supportix.identity.tokens import Principal, TokenSigner
from supportix.realtime.delivery import Delivery
from supportix.realtime.frames import (
    SUBPROTOCOL,
    Authenticate,
    Authenticated,
    CloseCode,
    Error,
    Subscribe,
    frame_of,
    text_of,
)
from supportix.realtime.hub import Hub
from supportix.realtime.seats import Ending, Seat, TooManySeats

AUTHENTICATE_WITHIN_SECONDS = 5.0
CHECK_SECONDS = 1.0
"""How often expiry and revocation are looked at."""
CLOSE_SECONDS = 1.0
MOST_FRAME_CHARACTERS = 65_536
MOST_FRAMES_PER_SECOND = 20
MOST_BAD_FRAMES = 5

Socket = WebSocket[None, None, State]


@websocket("/ws", name="live")
async def live(socket: Socket) -> None:
    if not is_welcome(
        socket.headers.get("origin"), socket.headers.get("host"), socket.app.state.get("allowed_origins")
    ):
        await socket.close(CloseCode.FORBIDDEN)  # Before it is accepted, this is HTTP status 403.
        return
    offered = SUBPROTOCOL in socket.scope["subprotocols"]
    await socket.accept(subprotocols=SUBPROTOCOL if offered else None)
    ending = Ending(CloseCode.WRONG_SUBPROTOCOL, f"subprotocol {SUBPROTOCOL} was expected")
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        if offered:
            ending = await LiveConnection(socket).run()
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(ending.code, ending.reason)


def is_welcome(origin: str | None, host: str | None, allowed: "list[str] | None") -> bool:
    """Whether a page from there may connect: one of this host, or of an allowed origin. Programs send no origin."""
    return origin is None or urlsplit(origin).netloc == host or origin in (allowed or ())


class Closing(Exception):  # noqa: N818 - what is to be done.
    """The connection is to be closed, before its person has taken a seat."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.ending = Ending(code, reason)


class LiveConnection:
    """One socket. It reads and writes at the same time; only the writer sends once somebody is seated."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._hub: Hub = socket.app.state.hub
        self._signer: TokenSigner = socket.app.state.signer
        self._revocations: Revocations = socket.app.state.revocations
        self._arrivals: deque[float] = deque(maxlen=MOST_FRAMES_PER_SECOND)
        self._bad_frames = 0

    async def run(self) -> Ending:
        """Serve until there is a reason to close. Raises WebSocketDisconnect where the client went away at first."""
        try:
            principal = self._identify(await self._first_frame())
            async with self._hub.seat(principal) as seat:
                return await self._converse(seat)
        except Closing as closing:
            return closing.ending
        except TooManySeats as refusal:
            return Ending(CloseCode.TOO_MANY, str(refusal.__doc__))
        except psycopg.Error:
            return Ending(CloseCode.TRY_LATER, "the log can't be reached; try again in a moment")

    async def _first_frame(self) -> Authenticate:
        try:
            async with asyncio.timeout(AUTHENTICATE_WITHIN_SECONDS):
                frame = frame_of(await self._receive())
        except TimeoutError:
            raise Closing(CloseCode.TOO_SILENT, "an authenticate frame was expected within 5 s") from None
        except ValueError:
            frame = None
        if isinstance(frame, Authenticate):
            return frame
        raise Closing(CloseCode.UNAUTHENTICATED, "an authenticate frame was expected first")

    def _identify(self, frame: Authenticate) -> Principal:
        try:
            principal = self._signer.verify_access(frame.token, utc_now())
        except Refusal as refusal:
            raise Closing(CloseCode.UNAUTHENTICATED, refusal.title()) from refusal
        if self._revocations.is_revoked(principal):
            raise Closing(CloseCode.UNAUTHENTICATED, "the session has ended; log in again")
        if principal.must_change_password:
            raise Closing(CloseCode.FORBIDDEN, "replace the one-time password first")
        return principal

    async def _converse(self, seat: Seat) -> Ending:
        self._welcome(seat)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(seat))
            writing = group.create_task(self._write(seat))
            ending = await seat.ending
            reading.cancel()
            writing.cancel()
        return ending

    async def _read(self, seat: Seat) -> None:
        try:
            while True:
                self._take(seat, await self._receive())
        except WebSocketDisconnect:
            seat.end(CloseCode.GOING_AWAY, "the client went away")
        except Closing as closing:
            seat.end(*closing.ending)

    def _take(self, seat: Seat, text: str) -> None:
        try:
            frame = frame_of(text)
        except ValueError as error:
            self._bad_frames += 1
            if self._bad_frames > MOST_BAD_FRAMES:
                raise Closing(CloseCode.BAD_FRAMES, str(error)[:120]) from error
            self._refuse(seat, str(error))
            return
        if isinstance(frame, Subscribe):
            self._wish(seat, frame)
        else:
            self._renew(seat, frame)

    def _wish(self, seat: Seat, wish: Subscribe) -> None:
        if wish.topics <= seat.allowed_topics:
            seat.put(wish)
            return
        allowed = ", ".join(sorted(seat.allowed_topics))
        self._refuse(seat, f"topics for role {seat.principal.role.value!r} were expected: {allowed}")

    def _renew(self, seat: Seat, frame: Authenticate) -> None:
        principal = self._identify(frame)
        if principal.account_id != seat.principal.account_id:
            raise Closing(CloseCode.UNAUTHENTICATED, "a token of the same account was expected")
        self._hub.vouch(seat, principal)
        self._welcome(seat)

    def _welcome(self, seat: Seat) -> None:
        who, standing = seat.principal, self._hub.standing_of(seat)
        welcome = Authenticated(
            epoch=standing.epoch,
            position=standing.position,
            account_id=who.account_id,
            role=who.role,
            expires_at=who.expires_at,
        )
        seat.put(text_of(welcome))

    async def _write(self, seat: Seat) -> None:
        delivery = Delivery(self._hub, seat, self._socket.send_data)
        try:
            while True:
                await delivery.step(CHECK_SECONDS)
                self._must_still_be_welcome(seat.principal)
        except WebSocketDisconnect:
            seat.end(CloseCode.GOING_AWAY, "the client went away")
        except Closing as closing:
            seat.end(*closing.ending)
        except TimeoutError:
            seat.end(CloseCode.TOO_SLOW, "frames were not read for too long; connect again and resume")
        except psycopg.Error:
            seat.end(CloseCode.TRY_LATER, "the log can't be reached; connect again in a moment and resume")

    def _must_still_be_welcome(self, principal: Principal) -> None:
        if utc_now().timestamp() >= principal.expires_at:
            raise Closing(CloseCode.UNAUTHENTICATED, "the token has expired; refresh it and connect again")
        if self._revocations.is_revoked(principal):
            raise Closing(CloseCode.UNAUTHENTICATED, "the session has ended; log in again")

    async def _receive(self) -> str:
        text = await self._socket.receive_data(mode="text")
        if len(text) > MOST_FRAME_CHARACTERS:
            raise Closing(CloseCode.FRAME_TOO_LARGE, "frames of at most 64 KiB were expected")
        now = time.monotonic()
        if len(self._arrivals) == MOST_FRAMES_PER_SECOND and now - self._arrivals[0] < 1.0:
            raise Closing(CloseCode.TOO_MANY, f"at most {MOST_FRAMES_PER_SECOND} frames a second were expected")
        self._arrivals.append(now)
        return text

    def _refuse(self, seat: Seat, detail: str) -> None:
        standing = self._hub.standing_of(seat)
        seat.put(text_of(Error(epoch=standing.epoch, position=standing.position, detail=detail)))
