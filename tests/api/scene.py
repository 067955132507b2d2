"""The API as tests use it: people who send requests, and reads that are never older than what anybody did before."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from supportix.api.app import ENDPOINTS, PREFIX
from supportix.api.backend import token_signer
from supportix.api.openapi import document
from supportix.identity.roles import Role
from supportix.settings import Settings

SECRET = "a secret of the tests, long enough for anybody"
PASSWORD = "correct horse battery staple"
WORKER = Path(__file__).with_name("worker.py")

Json = dict[str, Any]


class Reads:
    """The last position that anybody's command answered with."""

    position = 0


class Person:
    """Somebody who sends requests."""

    def __init__(self, http: httpx.Client, reads: Reads, tokens: Json | None = None, password: str = PASSWORD) -> None:
        self.http = http
        self.reads = reads
        self.tokens = tokens or {}
        self.password = password

    @property
    def id(self) -> str:
        return str(self.tokens["account_id"])

    def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request under /api/v1, with this person's token where there is one."""
        headers = dict(given.pop("headers", {}))
        if self.tokens:
            headers.setdefault("Authorization", f"Bearer {self.tokens['access_token']}")
        if method == "GET" and self.reads.position:
            headers.setdefault("Supportix-Min-Position", str(self.reads.position))
        answer = self.http.request(method, f"/api/v1{path}", headers=headers, **given)
        must_be_documented(method, f"/api/v1{path}", answer)
        if method != "GET":
            self.reads.position = max(self.reads.position, int(answer.headers.get("Supportix-Position", 0)))
        return answer

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.send("GET", path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> httpx.Response:
        return self.send("POST", path, json={} if body is None else body, **given)

    def put(self, path: str, body: Any, **given: Any) -> httpx.Response:
        return self.send("PUT", path, json=body, **given)

    def does(self, method: str, path: str, body: Any = None, **given: Any) -> Json:
        """The answer of a request that has to succeed."""
        answer = self.post(path, body, **given) if method == "POST" else self.send(method, path, json=body, **given)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    def reads_all(self, path: str) -> list[Json]:
        """All items of a list, page by page, as the Link headers lead."""
        items: list[Json] = []
        while path:
            answer = self.get(path)
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            assert ("next" in answer.links) == (answer.json()["next_cursor"] is not None)
            path = answer.links["next"]["url"].removeprefix("/api/v1") if "next" in answer.links else ""
        return items

    def reads_all_pages(self, path: str) -> list[Json]:
        """All items of a list, page by page, by `next_cursor`."""
        page = self.get(path).json()
        items: list[Json] = page["items"]
        while page["next_cursor"] is not None:
            page = self.get(f"{path}&cursor={page['next_cursor']}").json()
            items += page["items"]
        return items

    def sees(self, path: str, **expected: Any) -> Json:
        """The answer as soon as it has these fields."""
        deadline = time.monotonic() + 20
        while True:
            found = self.get(path).json()
            if all(found.get(name) == value for name, value in expected.items()):
                return found
            assert time.monotonic() < deadline, f"{expected} was waited for in vain; {found}"
            time.sleep(0.01)

    def log_in(self, username: str, password: str = PASSWORD) -> "Person":
        """The same person, logged in."""
        answer = self.post("/auth/log-in", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return Person(self.http, self.reads, answer.json(), password)

    def replaces_password(self, new: str = PASSWORD) -> "Person":
        """Logged in anew after a one-time password."""
        self.does("PUT", "/auth/password", {"current_password": self.password, "new_password": new})
        tokens = self.does("POST", "/auth/refresh", {"refresh_token": self.tokens["refresh_token"]})
        return Person(self.http, self.reads, tokens, new)


DOCUMENT = document(ENDPOINTS, PREFIX)
_TEMPLATES = [
    (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), operations)
    for template, operations in sorted(DOCUMENT["paths"].items(), key=lambda path: path[0].count("{"))
]
"""Those with the fewest parameters first: an address goes by the first one that it fits."""


def must_be_documented(method: str, path: str, answer: httpx.Response) -> None:
    """Every answer that a test gets is one that the OpenAPI document tells of, problems by their type."""
    for pattern, operations in _TEMPLATES:
        if pattern.fullmatch(path.partition("?")[0]) and method.lower() in operations:
            responses = operations[method.lower()]["responses"]
            assert str(answer.status_code) in responses, f"{method} {path} answers {answer.status_code}: {answer.text}"
            name = responses[str(answer.status_code)].get("$ref", "").rpartition("/")[2]
            kinds = [f"/problems/{slug}" for slug in name.split(".")[1:]]
            assert not kinds or answer.json()["type"] in kinds, f"{method} {path} answers {answer.text}"
            return


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and type of a problem document."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def sign_up(stranger: Person) -> Person:
    name = unique("customer")
    stranger.does("POST", "/auth/sign-up", {"username": name, "password": PASSWORD, "full_name": "Carla Customer"})
    return stranger.log_in(name)


def register_agent(admin: Person, department: str, capacity: int = 3) -> Person:
    """An agent with a token of its own. The way through its one-time password is test_sign_in's subject."""
    name = unique("agent")
    wanted = {"username": name, "password": "made for one day", "full_name": name.title()}
    made = admin.does("POST", "/agents", wanted | {"department_ids": [department], "capacity": capacity})
    token = a_token(Role.AGENT, UUID(made["agent_id"]))
    return Person(admin.http, admin.reads, {"account_id": made["agent_id"], "access_token": token})


def a_token(role: Role, account_id: UUID) -> str:
    """A token as a log-in gives it out, of a session that no log-out ends."""
    now = datetime.now(UTC)
    return token_signer(Settings(secret=SECRET)).access(
        token_id=uuid4(),
        account_id=account_id,
        role=role,
        name="Somebody",
        session_id=uuid4(),
        now=now,
        expires_at=now + timedelta(minutes=15),
    )


_numbers = count(1)


def unique(name: str) -> str:
    """A name that no other test uses."""
    return f"{name}-{next(_numbers)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, port: int, **more: str) -> Mapping[str, str]:
    own = {
        "SUPPORTIX_DATABASE_URL": database_url,
        "SUPPORTIX_SECRET": SECRET,
        "SUPPORTIX_PORT": str(port),
        "SUPPORTIX_LOG_LEVEL": "warning",
        "SUPPORTIX_LOG_FORMAT": "json",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("SUPPORTIX_")} | own | more


@contextmanager
def running(arguments: list[str], env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that is ended in order afterwards, and must end well."""
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, *arguments], env=env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@contextmanager
def api_server(database_url: str, log: Path, **more: str) -> Iterator[str]:
    """The API on a free port; yields its address as soon as it answers."""
    port = free_port()
    with running(["-m", "supportix.api.server"], environment(database_url, port, **more), log) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: process.poll() is not None or answers(f"{url}/health/live"), "the API")
        assert process.poll() is None, log.read_text()
        yield url
    assert process.returncode == 0, log.read_text()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} was waited for in vain"
        time.sleep(0.01)
