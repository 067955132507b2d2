"""Signing up, logging in and out, and what tokens are good for."""

import httpx
import pytest
from tests.api.scene import PASSWORD, Json, Person, problem, sign_up, unique, wait_for


def test_signing_up_makes_a_customer(stranger: Person):
    name = unique("customer")
    made = stranger.post("/auth/sign-up", {"username": name, "password": PASSWORD, "email": f"{name}@example.com"})

    assert made.status_code == 201
    assert (made.json()["role"], made.json()["username"]) == ("customer", name)
    assert PASSWORD not in made.text
    me = stranger.log_in(name).get("/me").json()
    assert me["permissions"] == [
        "departments.read",
        "tickets.answer_own",
        "tickets.close_own",
        "tickets.open",
        "tickets.read_own",
        "tickets.reopen_own",
    ]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"password": "short"}, (400, "invalid-request")),
        ({"password": "1234567890"}, (422, "weak-password")),
        ({"username": "two words"}, (422, "username-invalid")),
        ({"username": "admin"}, (409, "username-taken")),
        ({"email": "nowhere"}, (422, "email-invalid")),
        ({"role": "admin"}, (400, "invalid-request")),
        ({"full_name": "Nu\x00l"}, (400, "invalid-request")),
    ],
)
def test_what_is_no_new_account(stranger: Person, given: Json, refused: object):
    wanted = {"username": unique("customer"), "password": PASSWORD} | given

    assert problem(stranger.post("/auth/sign-up", wanted)) == refused


def test_alice_and_alice_in_other_letters_are_one(stranger: Person):
    name = unique("alice")
    stranger.does("POST", "/auth/sign-up", {"username": name, "password": PASSWORD})

    again = stranger.post("/auth/sign-up", {"username": name.upper(), "password": PASSWORD})

    assert problem(again) == (409, "username-taken")


def test_a_wrong_password_and_an_unknown_name_look_the_same(stranger: Person, customer: Person):
    name = customer.get("/me").json()["username"]

    wrong = stranger.post("/auth/log-in", {"username": name, "password": "something else"})
    unknown = stranger.post("/auth/log-in", {"username": "nobody", "password": "something else"})

    assert problem(wrong) == problem(unknown) == (401, "wrong-credentials")
    assert wrong.content == unknown.content
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer ")


def test_guessing_is_slowed_down(stranger: Person):
    name = unique("nobody")
    tries = [stranger.post("/auth/log-in", {"username": name, "password": "a guess"}) for _ in range(7)]

    assert problem(tries[-1]) == (429, "too-many-attempts")
    assert int(tries[-1].headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("authorization", "slug"),
    [
        (None, "unauthenticated"),
        ("Basic YTpi", "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Bearer nonsense", "token-invalid"),
        ("Bearer a.b.c", "token-invalid"),
    ],
)
def test_no_token_no_answer(api_url: str, authorization: str | None, slug: str):
    headers = {"Authorization": authorization} if authorization else {}

    answer = httpx.get(f"{api_url}/api/v1/me", headers=headers)

    assert problem(answer) == (401, slug)
    assert ("invalid_token" in answer.headers["WWW-Authenticate"]) == (slug == "token-invalid")


def test_a_refresh_token_is_no_access_token(stranger: Person):
    person = sign_up(stranger)
    person.tokens = person.tokens | {"access_token": person.tokens["refresh_token"]}

    assert problem(person.get("/me")) == (401, "token-invalid")


def test_a_refresh_token_works_once(stranger: Person):
    person = sign_up(stranger)
    token = {"refresh_token": person.tokens["refresh_token"]}

    fresh = stranger.post("/auth/refresh", token)
    again = stranger.post("/auth/refresh", token)

    assert fresh.status_code == 200
    assert problem(again) == (401, "session-revoked")
    assert problem(stranger.post("/auth/refresh", {"refresh_token": fresh.json()["refresh_token"]}))[0] == 401


def test_a_log_out_ends_the_tokens_at_once(stranger: Person):
    person = sign_up(stranger)

    left = person.send("POST", "/auth/log-out")

    assert (left.status_code, left.content) == (204, b"")
    assert problem(person.get("/me")) == (401, "session-revoked")
    refreshed = stranger.post("/auth/refresh", {"refresh_token": person.tokens["refresh_token"]})
    assert problem(refreshed) == (401, "session-revoked")


def test_a_changed_password_ends_the_other_sessions(stranger: Person):
    person = sign_up(stranger)
    name = person.get("/me").json()["username"]
    elsewhere = stranger.log_in(name)

    person.does("PUT", "/auth/password", {"current_password": PASSWORD, "new_password": "another long password"})

    assert person.get("/me").status_code == 200
    assert problem(elsewhere.get("/me")) == (401, "session-revoked")
    assert problem(stranger.post("/auth/log-in", {"username": name, "password": PASSWORD}))[0] == 401
    assert stranger.log_in(name, "another long password").get("/me").status_code == 200


def test_a_one_time_password_is_good_for_nothing_but_its_replacement(stranger: Person, admin: Person):
    name = unique("supervisor")
    admin.does("POST", "/accounts", {"username": name, "password": "made for one day", "role": "supervisor"})
    person = stranger.log_in(name, "made for one day")

    assert person.get("/me").json()["permissions"] == []
    assert problem(person.get("/tickets")) == (403, "password-change-required")
    assert person.replaces_password().get("/tickets").status_code == 200


def test_a_disabled_account_is_out_everywhere(stranger: Person, admin: Person):
    person = sign_up(stranger)
    name = person.get("/me").json()["username"]

    assert admin.does("POST", f"/accounts/{person.id}/disable")["disabled_at"] is not None

    assert problem(person.get("/me")) == (401, "session-revoked")
    assert problem(stranger.post("/auth/log-in", {"username": name, "password": PASSWORD})) == (403, "account-disabled")
    assert admin.does("POST", f"/accounts/{person.id}/enable")["disabled_at"] is None
    assert stranger.log_in(name).get("/me").status_code == 200


def test_a_disabled_agent_gets_no_more_work(admin: Person, an_online_agent: Person):
    admin.does("POST", f"/accounts/{an_online_agent.id}/disable")

    assert admin.get(f"/agents/{an_online_agent.id}").json()["availability"] == "offline"


def test_a_forgotten_password_is_replaced(stranger: Person, admin: Person):
    person = sign_up(stranger)
    name = person.get("/me").json()["username"]

    password = admin.does("POST", f"/accounts/{person.id}/reset-password")["password"]

    assert problem(person.get("/me")) == (401, "session-revoked")
    assert stranger.log_in(name, password).replaces_password("a long one of my own").get("/me").status_code == 200


def test_a_new_role_ends_the_sessions_of_the_old_one(stranger: Person, admin: Person):
    person = sign_up(stranger)
    name = person.get("/me").json()["username"]

    changed = admin.does("PUT", f"/accounts/{person.id}/role", {"role": "supervisor"})

    assert changed["role"] == "supervisor"
    assert problem(person.get("/me")) == (401, "session-revoked")
    assert "traffic.read" in stranger.log_in(name).get("/me").json()["permissions"]


def test_only_agents_become_agents(admin: Person, customer: Person, agent: Person):
    assert problem(admin.put(f"/accounts/{customer.id}/role", {"role": "agent"})) == (422, "not-an-agent")
    assert admin.does("PUT", f"/accounts/{agent.id}/role", {"role": "supervisor"})["role"] == "supervisor"
    assert admin.does("PUT", f"/accounts/{agent.id}/role", {"role": "agent"})["role"] == "agent"


def test_the_last_administrator_stays(admin: Person):
    admins = admin.get("/accounts?role=admin").json()["items"]
    assert [each["id"] for each in admins if each["disabled_at"] is None] == [admin.id]

    assert problem(admin.post(f"/accounts/{admin.id}/disable")) == (409, "last-admin")
    assert problem(admin.put(f"/accounts/{admin.id}/role", {"role": "customer"})) == (409, "last-admin")


def test_accounts_are_listed_page_by_page(admin: Person, supervisor: Person, customer: Person):
    listed = admin.reads_all_pages("/accounts?limit=2")

    assert {admin.id, supervisor.id, customer.id} <= {each["id"] for each in listed}
    assert len({each["id"] for each in listed}) == len(listed)
    assert admin.get(f"/accounts/{customer.id}").json()["role"] == "customer"
    assert problem(admin.get("/accounts/01a207a0-0000-7000-8000-000000000000")) == (404, "account-not-found")


def test_a_revocation_by_another_process_is_noticed_within_seconds(stranger: Person, api_database: str):
    import psycopg

    person = sign_up(stranger)
    with psycopg.connect(api_database) as connection:
        connection.execute(
            "INSERT INTO revocations (session_id, account_id, revoked_at, forget_after) "
            "VALUES (%s, %s, now(), now() + interval '1 hour')",
            (person.tokens["session_id"], person.id),
        )
    wait_for(lambda: person.get("/me").status_code == 401, "the end of the session", seconds=5)


def test_an_agent_begins_with_a_one_time_password(stranger: Person, admin: Person, department: str):
    name = unique("agent")
    wanted = {"username": name, "password": "made for one day", "department_ids": [department], "capacity": 1}
    made = admin.does("POST", "/agents", wanted)

    agent = stranger.log_in(name, "made for one day").replaces_password()

    assert agent.id == made["agent_id"]
    assert agent.does("PUT", f"/agents/{agent.id}/availability", {"availability": "online"})["open_work"] == 0
