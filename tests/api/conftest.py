"""One running API and one worker for the session; people, and tickets in every state, made over HTTP."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from tests.api.scene import (
    WORKER,
    Json,
    Person,
    Reads,
    api_server,
    environment,
    register_agent,
    running,
    sign_up,
    unique,
)

from supportix.bootstrap import open_core, utc_now
from supportix.identity.accounts import Accounts
from supportix.settings import Settings


@pytest.fixture(scope="session")
def api_database(make_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with make_database() as url:
        yield url


@pytest.fixture(scope="session")
def api_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "api.log"


@pytest.fixture(scope="session")
def api_url(api_database: str, api_log: Path) -> Iterator[str]:
    """The API with a worker beside it."""
    log = api_log.with_name("worker.log")
    with running([str(WORKER)], environment(api_database, 0), log), api_server(api_database, api_log) as url:
        yield url


@pytest.fixture(scope="session")
def stranger(api_url: str) -> Iterator[Person]:
    """Somebody who isn't logged in."""
    with httpx.Client(base_url=api_url, timeout=20) as http:
        yield Person(http, Reads())


@pytest.fixture(scope="session")
def admin(stranger: Person, api_database: str) -> Person:
    async def first_password() -> str | None:
        async with open_core(Settings(database_url=api_database)) as core:
            return await Accounts(core.pool).ensure_admin(utc_now())

    password = asyncio.run(first_password())
    assert password is not None
    return stranger.log_in("admin", password).replaces_password()


@pytest.fixture(scope="session")
def supervisor(stranger: Person, admin: Person) -> Person:
    name = unique("supervisor")
    admin.does("POST", "/accounts", {"username": name, "password": "made for one day", "role": "supervisor"})
    return stranger.log_in(name, "made for one day").replaces_password()


@pytest.fixture(scope="session")
def customer(stranger: Person) -> Person:
    return sign_up(stranger)


@pytest.fixture(scope="session")
def another_customer(stranger: Person) -> Person:
    return sign_up(stranger)


@pytest.fixture
def department(admin: Person) -> str:
    """The id of a department that nobody serves."""
    return str(admin.does("POST", "/departments", {"name": unique("Department")})["department_id"])


@pytest.fixture
def another_department(admin: Person) -> str:
    return str(admin.does("POST", "/departments", {"name": unique("Department")})["department_id"])


@pytest.fixture
def agent(admin: Person, department: str) -> Person:
    """An agent of the department, offline, with room for three tickets."""
    return register_agent(admin, department)


@pytest.fixture
def an_online_agent(agent: Person) -> Person:
    agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})
    return agent


@pytest.fixture
def a_waiting_ticket(customer: Person, department: str) -> Json:
    """The customer's, in a department that nobody serves."""
    return customer.does("POST", "/tickets", {"subject": "The invoice is wrong", "department_id": department})


@pytest.fixture
def an_assigned_ticket(customer: Person, department: str, an_online_agent: Person) -> Json:
    """The customer's, given to the agent by the department's policy."""
    opened = customer.does("POST", "/tickets", {"subject": "The invoice is wrong", "department_id": department})
    return customer.sees(f"/tickets/{opened['ticket_id']}", status="assigned", agent_id=an_online_agent.id)


@pytest.fixture
def a_ticket_in_progress(an_assigned_ticket: Json, agent: Person) -> Json:
    return agent.does("POST", f"/tickets/{an_assigned_ticket['ticket_id']}/start-work")


@pytest.fixture
def a_resolved_ticket(a_ticket_in_progress: Json, agent: Person) -> Json:
    path = f"/tickets/{a_ticket_in_progress['ticket_id']}/resolve"
    return agent.does("POST", path, {"resolution": "A new invoice was sent."})


@pytest.fixture
def a_closed_ticket(a_resolved_ticket: Json, customer: Person) -> Json:
    return customer.does("POST", f"/tickets/{a_resolved_ticket['ticket_id']}/close", {"reason": "It works."})
