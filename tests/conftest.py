"""What the tests share: one PostgreSQL and one NATS per session, a fresh migrated database per test, an event loop.

An `async def` test runs on the loop that its fixtures use. Hypothesis repeats the same examples at every run;
HYPOTHESIS_PROFILE=explore looks for new ones.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from tests.databases import Databases

from supportix.bootstrap import Core, open_core
from supportix.embedded import EmbeddedNats, EmbeddedPostgres
from supportix.settings import Settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]
MakeDatabase = Callable[[], AbstractContextManager[str]]

_REUSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile(
    "default", deadline=None, derandomize=True, database=None, print_blob=True, suppress_health_check=_REUSED
)
settings.register_profile("explore", deadline=None, max_examples=1_000, print_blob=True, suppress_health_check=_REUSED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server that trades surviving power cuts for speed; killing it still loses nothing."""
    hasty = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "scram_iterations": "1"}
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=hasty) as server:
        with psycopg.connect(server.url) as connection:
            password = sql.Literal(urlsplit(server.url).password)
            connection.execute(sql.SQL("ALTER ROLE supportix PASSWORD {}").format(password))  # With one iteration.
        yield server


@pytest.fixture(scope="session")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture(scope="session")
def make_database(postgres_server: EmbeddedPostgres) -> Iterator[MakeDatabase]:
    """Makes fresh migrated databases, each for as long as its `with` lasts."""
    databases = Databases(postgres_server.url)
    yield databases.fresh
    databases.close()


@pytest.fixture
def database_url(make_database: MakeDatabase) -> Iterator[str]:
    with make_database() as url:
        yield url


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a coroutine to its end on this test's event loop; background tasks live on from one to the next."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def core(run: Run, database_url: str) -> Iterator[Core]:
    """A process's core on a fresh database."""
    opened = open_core(Settings(database_url=database_url))
    core = run(opened.__aenter__())
    yield core
    run(opened.__aexit__(None, None, None))


def pytest_configure() -> None:
    """A shell's background jobs ignore Ctrl-C, and so would the processes that tests start and stop with it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    if _runs_on_our_loop(item) and "run" not in item.fixturenames:
        item.fixturenames.insert(0, "run")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not _runs_on_our_loop(pyfuncitem):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    pyfuncitem.funcargs["run"](pyfuncitem.obj(**arguments))
    return True


def _runs_on_our_loop(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and inspect.iscoroutinefunction(item.obj)
        and item.get_closest_marker("anyio") is None
    )
