"""Who may call what: the matrix of roles and routes, from the routes' own declarations, tried on each of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from tests.api.scene import Person, problem

from supportix.api.access import Audience, admits
from supportix.api.app import create_app
from supportix.identity.roles import Permission, Role
from supportix.settings import Settings

NOBODY = "01a207a0-0000-7000-8000-000000000000"
HARMFUL = {"log_out"}
"""Would end the sessions that other tests use; tried in test_sign_in."""

PUBLIC = {
    "POST /api/v1/auth/sign-up",
    "POST /api/v1/auth/log-in",
    "POST /api/v1/auth/refresh",
    "GET /api/v1/openapi.json",
    "GET /docs",
    "GET /docs/{name}",
    "GET /problems",
    "GET /problems/{name}",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
}


def routes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    app = create_app(Settings(database_url="postgresql://nowhere", secret="x" * 32))
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield method, route.path_format, handler.opt


ROUTES = list(routes())
DECLARED = [(method, path, opt) for method, path, opt in ROUTES if opt.get("needs") not in {None, Audience.ANYONE}]


def test_every_route_declares_who_may_call_it():
    assert [f"{method} {path}" for method, path, opt in ROUTES if "needs" not in opt] == []


def test_what_anyone_may_call_is_listed_here():
    assert {f"{method} {path}" for method, path, opt in ROUTES if opt["needs"] is Audience.ANYONE} == PUBLIC


def test_every_permission_is_needed_somewhere():
    needed = {each for _, _, opt in DECLARED if not isinstance(opt["needs"], Audience) for each in opt["needs"]}

    assert set(Permission) - needed == set()


@pytest.fixture
def people(admin: Person, supervisor: Person, agent: Person, customer: Person) -> dict[Role, Person]:
    return {Role.ADMIN: admin, Role.SUPERVISOR: supervisor, Role.AGENT: agent, Role.CUSTOMER: customer}


def test_each_route_lets_in_exactly_the_roles_that_it_declares(stranger: Person, people: dict[Role, Person]):
    tried = 0
    for method, template, opt in DECLARED:
        if opt["endpoint"].name in HARMFUL:
            continue
        path = template.removeprefix("/api/v1")
        for parameter in opt["endpoint"].path_types:
            path = path.replace(f"{{{parameter}}}", NOBODY)
        assert problem(stranger.send(method, path)) == (401, "unauthenticated"), f"{method} {path}"
        for role, person in people.items():
            answer = person.send(method, path, content=b"{" if method != "GET" else None)
            refused = answer.status_code == 403 and "expected; role" in answer.json()["detail"]
            assert refused is not admits(opt["needs"], role), f"{method} {path} as {role}: {answer.text}"
            tried += 1
    assert tried >= 4 * 30


def test_a_stranger_is_admitted_nowhere_but_to_what_anyone_may_call():
    assert admits(Audience.ANYONE, None)
    assert not admits(Audience.SIGNED_IN, None)
    assert not admits(frozenset(Permission), None)
