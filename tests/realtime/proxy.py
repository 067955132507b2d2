"""A TCP proxy in front of NATS, to hold back what goes through, or to cut the line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Line:
    """All connections through the proxy. `questions` cleared holds back what goes forth, `answers` what comes back."""

    def __init__(self, server_url: str) -> None:
        self._target = urlsplit(server_url)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._refuses = False
        self.questions, self.answers = asyncio.Event(), asyncio.Event()
        self.questions.set()
        self.answers.set()
        self.url = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = self._target._replace(netloc=f"{self._target.username}@127.0.0.1:{port}").geturl()

    async def cut(self) -> None:
        """Close all connections, and take no new ones until mended."""
        self._refuses = True
        for writer in tuple(self._writers):
            writer.close()
        if self._pumps:
            await asyncio.wait(self._pumps)

    def mend(self) -> None:
        self._refuses = False

    async def close(self) -> None:
        self.questions.set()
        self.answers.set()
        await self.cut()
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.close()
            return
        back, forth = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, forth}
        for source, sink, gate in ((reader, forth, self.questions), (back, writer, self.answers)):
            pump = asyncio.create_task(self._pump(source, sink, gate))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        try:
            while piece := await source.read(65_536):
                await gate.wait()
                sink.write(piece)
                await sink.drain()
        except OSError:
            return
        finally:
            self._writers.discard(sink)
            sink.close()


@asynccontextmanager
async def line_to(server_url: str) -> AsyncIterator[Line]:
    line = Line(server_url)
    await line.open()
    try:
        yield line
    finally:
        await line.close()
