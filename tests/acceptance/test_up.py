"""`supportix up` on real processes: from nothing to a URL, what it survives, and that it leaves nothing behind."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

import supportix
from supportix.embedded import EmbeddedPostgres
from supportix.embedded.postgres_placement import installed_package
from supportix.embedded.processes import free_port, port_is_free

FIRST_START_SECONDS = 90
SECOND_START_SECONDS = 20
STOP_SECONDS = 10
HEAL_SECONDS = 30
AS_ROOT = os.geteuid() == 0
ONE_LINE = re.compile(r"error: [^\n]+\n")


class Up:
    """A running `supportix up`, or one that has just ended."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output
        self.seconds = 0.0

    @property
    def said(self) -> str:
        return self._output.with_suffix(".out").read_text()

    @property
    def told(self) -> str:
        return self._output.with_suffix(".err").read_text()

    @property
    def url(self) -> str:
        found = re.search(r"^Supportix is ready: (http://\S+)$", self.said, re.MULTILINE)
        assert found is not None, self.said
        return found[1]

    @property
    def password(self) -> str:
        [password] = re.findall(r"^    admin  (\S+)$", self.said, re.MULTILINE)
        return str(password)

    @property
    def family(self) -> list[psutil.Process]:
        """Itself and everything that it has started."""
        owner = psutil.Process(self.process.pid)
        return [owner, *owner.children(recursive=True)]

    def child(self, *words: str) -> psutil.Process:
        """The outermost process of its family whose command line has these words."""
        return next(each for each in self.family if all(word in each.cmdline() for word in words))

    def server(self, program: str) -> psutil.Process:
        return next(each for each in self.family if each.name() == program)

    def log_in(self, password: str) -> httpx.Response:
        return httpx.post(
            f"{self.url}/api/v1/auth/log-in", json={"username": "admin", "password": password}, timeout=30
        )

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        return False

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to stop; its exit code, when it and everything that it has started are gone."""
        family = self.family
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS + 5)
        wait_until(lambda: not any(map(lives, family)), "everything has ended", 5)
        return code


@contextmanager
def started(directory: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Up]:
    """Run `supportix up` in the directory until it is ready or has ended."""
    output = Path(tempfile.mkdtemp(dir=directory)) / "up"
    began = time.monotonic()
    with (
        output.with_suffix(".out").open("wb") as out,
        output.with_suffix(".err").open("wb") as err,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "supportix", "up", *options],
            cwd=directory,
            env=clean_environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        ) as process,
    ):
        up = Up(process, output)
        try:
            wait_until(
                lambda: "Press Ctrl-C" in up.told or process.poll() is not None, "it is ready", FIRST_START_SECONDS
            )
            up.seconds = time.monotonic() - began
            yield up
        finally:
            if process.poll() is None:
                up.stop()


def refusal(directory: Path, *options: str, environment: Mapping[str, str] | None = None) -> str:
    """The one line with which `supportix up` refuses to start."""
    with started(directory, *options, environment=environment) as up:
        assert up.process.poll() == 2, up.told
        assert up.said == ""
        [line] = ONE_LINE.findall(up.told)
        assert up.told.endswith(line)
        assert "Traceback" not in up.told
        return str(line)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SUPPORTIX_")}


def wait_until(condition: Callable[[], bool], what: str, seconds: float = HEAL_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out: {what}"
        time.sleep(0.05)


def lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def command(directory: Path, *arguments: str) -> str:
    """What another command, run in the same directory, prints."""
    line = [sys.executable, "-P", "-m", "supportix", *arguments]
    finished = subprocess.run(
        line, cwd=directory, env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )
    return finished.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared system lives."""
    directory = tmp_path_factory.mktemp("acceptance") / "Help Desk für alle"
    directory.mkdir()
    return directory


@pytest.fixture(scope="module")
def up(desk: Path) -> Iterator[Up]:
    with started(desk, "--port", str(free_port()), "--api-processes", "2") as up:
        yield up


def test_the_first_start_shows_an_address_and_one_password(up: Up) -> None:
    assert up.is_ready()
    assert up.seconds < FIRST_START_SECONDS
    assert len(up.password) >= 20
    assert up.log_in(up.password).status_code == 200
    assert up.log_in("not the password").status_code == 401


def test_secrets_are_private_and_on_no_command_line(up: Up, desk: Path) -> None:
    kept = desk / ".supportix"
    secrets = [(kept / part / "secret").read_text().strip() for part in ("", "postgres", "nats")]
    lines = " ".join(word for process in up.family for word in process.cmdline())
    assert not any(secret in lines for secret in [*secrets, up.password])
    for private in ("secret", "environment", "postgres/secret", "nats/secret"):
        assert (kept / private).stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_mode & 0o777 == 0o700
    logged = "".join(log.read_text() for log in (kept / "logs").iterdir())
    assert not any(secret in logged for secret in [*secrets, up.password])


def test_other_commands_find_the_running_system(up: Up, desk: Path) -> None:
    def leases() -> dict[str, str]:
        found = json.loads(command(desk, "status", "--json"))["leases"]
        return {lease["name"]: lease["owner"] for lease in found}

    wait_until(lambda: leases().keys() >= {"projections", "assigner", "relay"}, "the worker has its leases")
    worker = up.child("supportix", "worker")
    assert all(f":{worker.pid}:" in owner for owner in leases().values())
    assert "department.created.v1" in command(desk, "events")


def test_the_same_directory_twice_is_refused(up: Up, desk: Path) -> None:
    assert f"already in use by process {up.process.pid}" in refusal(desk)


def test_a_port_that_was_asked_for_and_is_taken_is_refused(up: Up, tmp_path: Path) -> None:
    port = httpx.URL(up.url).port
    assert f"port {port}" in refusal(tmp_path, "--port", str(port))
    assert f"port {port}" in refusal(tmp_path, environment={"SUPPORTIX_PORT": str(port)})
    assert not (tmp_path / ".supportix" / "postgres").exists()


def test_two_run_at_once_and_the_second_finds_another_port(up: Up, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # Somebody else holds it already, which is as good.
            holder.bind(("127.0.0.1", 8000))
            holder.listen()
        with started(tmp_path) as second:
            assert second.url not in {up.url, "http://127.0.0.1:8000"}
            assert "Port 8000 is taken" in second.told
            assert second.log_in(second.password).status_code == 200
            assert second.log_in(up.password).status_code == 401
            assert up.is_ready()
            second.process.send_signal(signal.SIGINT)
            family = second.family
            second.process.send_signal(signal.SIGINT)
            assert second.process.wait(STOP_SECONDS) == 130
            wait_until(lambda: not any(map(lives, family)), "the second Ctrl-C leaves nothing running")


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_killed_child_starts_again(up: Up, name: str) -> None:
    killed = up.child("supportix", name)
    offspring = killed.children(recursive=True)
    killed.kill()
    wait_until(lambda: f"{name} runs again" in up.told, f"{name} starts again")
    wait_until(up.is_ready, "the API is ready")
    assert up.child("supportix", name).pid != killed.pid
    assert not any(map(lives, offspring))


@pytest.mark.parametrize(("program", "product"), [("postgres", "PostgreSQL"), ("nats-server", "NATS")])
def test_a_killed_server_starts_again_on_its_port(up: Up, desk: Path, program: str, product: str) -> None:
    remembered = desk / ".supportix" / program.removesuffix("-server") / "port"
    port = remembered.read_text()
    up.server(program).kill()
    wait_until(lambda: f"{product} runs again" in up.told, f"{product} starts again")
    wait_until(lambda: up.is_ready() and up.log_in(up.password).status_code == 200, "the API serves again")
    assert remembered.read_text() == port


def test_a_stop_and_a_start_keep_everything(up: Up, desk: Path) -> None:
    """The shared system ends here; what follows starts from its data."""
    password, port = up.password, httpx.URL(up.url).port or 0
    began = time.monotonic()
    assert up.stop(signal.SIGINT) == 130
    assert time.monotonic() - began < STOP_SECONDS
    assert port_is_free(port)
    assert not (desk / ".supportix" / "environment").exists()
    with started(desk, "--port", str(port)) as again:
        assert again.seconds < SECOND_START_SECONDS
        assert "password" not in again.said.lower()
        assert again.log_in(password).status_code == 200
        assert again.stop(signal.SIGTERM) == 0


def test_a_killed_up_leaves_nothing_running_and_starts_again(desk: Path) -> None:
    port = free_port()
    with started(desk, "--port", str(port)) as up:
        family = up.family
        up.process.kill()
        up.process.wait()
        # On the same port without waiting: the next start waits for what is left of this one.
        with started(desk, "--port", str(port)) as again:
            assert again.is_ready(), again.told
            assert not any(map(lives, family))
            assert len(json.loads(command(desk, "status", "--json"))["read_models"]) > 0
            family = again.family
            again.process.kill()
            again.process.wait()
            wait_until(lambda: not any(map(lives, family)), "all ends where nobody starts again, too")


def test_servers_that_do_not_answer_are_refused_by_the_name_of_their_setting(tmp_path: Path) -> None:
    port = free_port()
    database = {"SUPPORTIX_DATABASE_URL": f"postgresql://somebody:guess@127.0.0.1:{port}/desk"}
    line = refusal(tmp_path, environment=database)
    assert line.startswith("error: SUPPORTIX_DATABASE_URL")
    assert "guess" not in line
    nats = {"SUPPORTIX_NATS_URL": f"nats://127.0.0.1:{port}"}
    assert refusal(tmp_path, environment=nats).startswith("error: SUPPORTIX_NATS_URL")


def test_servers_that_settings_name_are_used(postgres_server: EmbeddedPostgres, nats_url: str, tmp_path: Path) -> None:
    servers = {"SUPPORTIX_DATABASE_URL": postgres_server.url, "SUPPORTIX_NATS_URL": nats_url}
    with started(tmp_path, "--port", str(free_port()), environment=servers) as up:
        assert up.is_ready()
        assert not {"postgres", "nats-server"} & {process.name() for process in up.family}
    assert not (tmp_path / ".supportix" / "postgres").exists()


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "file" in refusal(tmp_path, "--data", "file/data")


@pytest.mark.skipif(not AS_ROOT, reason="every other test runs as an ordinary user already")
def test_an_ordinary_user_without_a_home() -> None:
    paths = [*(str(Path(root).parent) for root in supportix.__path__), str(installed_package().parent)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)}
    python = python_usable_by("nobody", environment)
    if python is None:
        pytest.skip("no interpreter that the user nobody may execute")
    directory = Path(tempfile.mkdtemp(prefix="ordinary user "))
    try:
        shutil.chown(directory, "nobody")
        with subprocess.Popen(
            [python, "-P", "-m", "supportix", "up", "--port", str(free_port())],
            cwd=directory,
            env=environment,
            user="nobody",
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert any("Supportix is ready" in line for line in process.stdout), process.stderr.read()  # type: ignore[union-attr]
            owner = psutil.Process(process.pid)
            assert {each.username() for each in [owner, *owner.children(recursive=True)]} == {"nobody"}
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_SECONDS) == 130
    finally:
        shutil.rmtree(directory)


def python_usable_by(user: str, environment: Mapping[str, str]) -> str | None:
    """An interpreter of our version that the user may execute; ours may be in a private directory."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        probe = [candidate, "-P", "-c", "import supportix.api.app, supportix.running"]
        with suppress(OSError):
            finished = subprocess.run(probe, user=user, env=environment, cwd="/", check=False, capture_output=True)
            if finished.returncode == 0:
                return candidate
    return None
