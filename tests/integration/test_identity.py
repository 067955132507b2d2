"""Accounts, sessions and the throttle on a real PostgreSQL, with time as an argument."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

import supportix.identity.schema
from supportix.embedded import EmbeddedPostgres
from supportix.identity import names, throttle
from supportix.identity.accounts import Account, Accounts
from supportix.identity.errors import (
    AccountDisabled,
    AccountNotFound,
    EmailInvalid,
    EmailTaken,
    FullNameInvalid,
    LastAdmin,
    SessionRevoked,
    TokenExpired,
    TooManyAttempts,
    UsernameInvalid,
    UsernameTaken,
    WeakPassword,
    WrongCredentials,
)
from supportix.identity.housekeeping import delete_expired
from supportix.identity.revocations import CLOCK_DISAGREEMENT, Revocations
from supportix.identity.roles import Permission, Role
from supportix.identity.sessions import SESSION_LIFETIME, Sessions, TokenPair
from supportix.identity.tokens import ACCESS_LIFETIME, REFRESH_LIFETIME, TokenSigner
from supportix.schema import metadata

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = b"0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse battery"
WRONG = "incorrect horse battery"
OFFICE, HOME = "192.0.2.1", "198.51.100.7"


class Identity(NamedTuple):
    """One API process."""

    pool: AsyncConnectionPool[Any]
    accounts: Accounts
    sessions: Sessions
    revocations: Revocations
    signer: TokenSigner

    async def sign_up(self, username: str = "alice", **details: Any) -> Account:
        return await self.accounts.sign_up(username=username, **{"password": PASSWORD, "now": NOW, **details})

    async def staff(self, username: str, role: Role) -> Account:
        return await self.accounts.create(
            await self.accounts.prepare(username=username, password=PASSWORD, role=role, now=NOW)
        )

    async def log_in(
        self, username: str = "alice", password: str = PASSWORD, *, ip: str = OFFICE, now: datetime = NOW
    ) -> TokenPair:
        return await self.sessions.log_in(await self.accounts.authenticate(username, password, ip, now), now=now)

    async def is_let_in(self, pair: TokenPair, now: datetime = NOW) -> bool:
        await self.revocations.poll(now)
        return not self.revocations.is_revoked(self.signer.verify_access(pair.access_token, now))

    async def count(self, table: str) -> int:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(sql.SQL("select count(*) as n from {}").format(sql.Identifier(table)))
            [row] = await cursor.fetchall()
            return int(row["n"])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    name = f"identity_{uuid4().hex}"
    url = urlsplit(postgres)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        metadata.create_all(engine, tables=[t for t in metadata.sorted_tables if t in OUR_TABLES])
        engine.dispose()
        yield url
        connection.execute(f"drop database {name} with (force)")


OUR_TABLES = [table for table in vars(supportix.identity.schema).values() if isinstance(table, sqlalchemy.Table)]


def on_database(*, processes: int = 1) -> Callable[[Callable[..., Awaitable[None]]], Callable[[str], None]]:
    """Runs an async test against that many API processes, which share nothing but a fresh database."""

    def decorate(scenario: Callable[..., Awaitable[None]]) -> Callable[[str], None]:
        async def against(url: str) -> None:
            async with AsyncExitStack() as stack:
                started = []
                for _ in range(processes):
                    # Another row factory than psycopg's own, since the application may set one.
                    pool = AsyncConnectionPool(
                        url, open=False, min_size=1, max_size=8, kwargs={"row_factory": dict_row}
                    )
                    await stack.enter_async_context(pool)
                    signer = TokenSigner(SECRET, "https://support.example", "supportix-api")
                    started.append(Identity(pool, Accounts(pool), Sessions(pool, signer), Revocations(pool), signer))
                await scenario(*started)

        @functools.wraps(scenario)
        def test(database: str) -> None:
            asyncio.run(against(database))

        del test.__wrapped__  # Or else pytest takes the scenario's parameters for fixtures.
        return test

    return decorate


async def outcomes(*awaitables: Awaitable[Any]) -> tuple[list[Any], list[BaseException]]:
    """The results and the refusals of what ran at the same time."""
    ended = await asyncio.gather(*awaitables, return_exceptions=True)
    return [e for e in ended if not isinstance(e, BaseException)], [e for e in ended if isinstance(e, BaseException)]


# Signing up


@on_database()
async def test_who_signs_up_is_a_customer_and_can_log_in(app: Identity) -> None:
    account = await app.sign_up("alice", full_name=" Alice Liddell ", email="Alice@Example.org")
    assert (account.role, account.display_name, account.must_change_password) == (
        Role.CUSTOMER,
        "Alice Liddell",
        False,
    )
    assert await app.accounts.get(account.id) == account
    pair = await app.log_in("ALICE")
    principal = app.signer.verify_access(pair.access_token, NOW)
    assert (principal.account_id, principal.role, principal.name) == (account.id, Role.CUSTOMER, "Alice Liddell")
    assert principal.session_id == pair.session_id
    assert await app.is_let_in(pair)


@on_database()
async def test_names_that_look_alike_are_one_name(app: Identity) -> None:
    await app.sign_up("alice")
    await app.sign_up("Strasse")
    for clash in ("Alice", "ALICE", "\uff41lice", "stra\u00dfe", "STRA\u1e9eE"):
        with pytest.raises(UsernameTaken):
            await app.sign_up(clash)


@on_database()
async def test_an_address_has_one_account(app: Identity) -> None:
    await app.sign_up("alice", email="alice@example.org")
    with pytest.raises(EmailTaken):
        await app.sign_up("bob", email="ALICE@example.ORG")
    await app.sign_up("carol")
    await app.sign_up("dave")
    assert await app.count("accounts") == 3


@on_database(processes=2)
async def test_of_simultaneous_sign_ups_under_one_name_one_wins(one: Identity, other: Identity) -> None:
    won, refused = await outcomes(*(app.sign_up(name) for app in (one, other) for name in ("alice", "Alice", "ALICE")))
    assert len(won) == 1
    assert [type(error) for error in refused] == [UsernameTaken] * 5


@on_database()
async def test_input_that_no_account_can_have_is_refused(app: Identity) -> None:
    for username in ("", "a b", "a\x00b", "\ud800", "a\n", "x" * 151, "\ufdfa" * 150, "a\u200bb"):
        with pytest.raises(UsernameInvalid):
            await app.sign_up(username)
        with pytest.raises(WrongCredentials):
            await app.accounts.authenticate(username, PASSWORD, str(uuid4()), NOW + timedelta(days=len(username)))
    for email in ("a", "a@", "@b", "a@b@c", "a b@c.de", "a@b\x00.de", "a@" + "b" * 300):
        with pytest.raises(EmailInvalid):
            await app.sign_up(email=email)
    for full_name in ("a\x00", "a\r\nb", "\udfff", "x" * 151):
        with pytest.raises(FullNameInvalid):
            await app.sign_up(full_name=full_name)
    await app.sign_up("\u0390\u0390\u0390")


@on_database()
async def test_nobody_signs_up_under_a_name_of_the_house(app: Identity) -> None:
    for name in ("admin", "Admin", "\uff21DMIN", "supportix"):
        with pytest.raises(UsernameTaken):
            await app.sign_up(name)


@given(st.text(max_size=30))
def test_folding_a_name_twice_or_after_changing_its_case_changes_nothing(text: str) -> None:
    key = names.folded(text)
    assert names.folded(key) == key
    assert names.folded(text.casefold()) == key


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("", "10 to 256"),
        ("1", "10 to 256"),
        ("ninechars", "10 to 256"),
        ("x1" * 129, "10 to 256"),
        ("password123", "commonest"),
        ("QWERTYUIOP", "commonest"),
        ("zzzzzzzzzzzz", "repeated"),
        ("alice.liddell", "user name"),
        ("Alice.Liddell", "user name"),
        ("alice.l@example.org", "e-mail"),
        ("surrogate \ud800", "surrogate"),
    ],
)
def test_a_weak_password_is_refused_with_what_was_expected(database: str, password: str, expected: str) -> None:
    @on_database()
    async def scenario(app: Identity) -> None:
        with pytest.raises(WeakPassword, match=expected):
            await app.sign_up("Alice.Liddell", email="alice.l@example.org", password=password)
        assert await app.count("accounts") == 0

    scenario(database)


@on_database()
async def test_a_password_of_any_script_works_however_it_is_composed(app: Identity) -> None:
    await app.sign_up(password="pa\u00dfw\u00f6rter \U0001f98a")
    await app.log_in(password="pa\u00dfwo\u0308rter \U0001f98a")


# Staff


@on_database()
async def test_staff_are_made_in_the_callers_transaction(app: Identity) -> None:
    agent = await app.accounts.prepare(username="bob", password=PASSWORD, role=Role.AGENT, now=NOW)
    async with app.pool.connection() as connection, connection.transaction(force_rollback=True):
        await app.accounts.create(agent, connection=connection)
    assert await app.count("accounts") == 0
    async with app.pool.connection() as connection, connection.transaction():
        await app.accounts.create(agent, connection=connection)
        with pytest.raises(UsernameTaken):
            await app.accounts.create(agent, connection=connection)
    assert (await app.accounts.get(agent.account.id)).role is Role.AGENT


@on_database(processes=4)
async def test_of_processes_that_start_together_one_makes_the_first_administrator(*apps: Identity) -> None:
    made = await asyncio.gather(*(app.accounts.ensure_admin(NOW) for app in apps for _ in range(2)))
    [password] = [password for password in made if password is not None]
    pair = await apps[0].log_in("admin", password)
    principal = apps[0].signer.verify_access(pair.access_token, NOW)
    assert principal.role is Role.ADMIN
    assert pair.must_change_password
    assert not principal.may(Permission.ACCOUNTS_MANAGE)
    assert await apps[0].accounts.ensure_admin(NOW) is None
    await apps[0].accounts.change_password(
        principal.account_id, current_password=password, new_password=PASSWORD, ip=OFFICE, now=NOW
    )
    assert not await apps[1].is_let_in(pair)
    renewed = await apps[0].log_in("admin")
    assert apps[0].signer.verify_access(renewed.access_token, NOW).may(Permission.ACCOUNTS_MANAGE)


@on_database()
async def test_a_person_who_has_the_name_admin_is_not_made_administrator(app: Identity) -> None:
    await app.staff("Admin", Role.AGENT)
    with pytest.raises(UsernameTaken):
        await app.accounts.ensure_admin(NOW)


@on_database(processes=2)
async def test_the_last_administrator_stays(one: Identity, other: Identity) -> None:
    first, second = await one.staff("ann", Role.ADMIN), await one.staff("ben", Role.ADMIN)
    ended, refused = await outcomes(
        one.accounts.disable(first.id, now=NOW), other.accounts.set_role(second.id, Role.AGENT, now=NOW)
    )
    assert len(ended) == 1
    assert [type(error) for error in refused] == [LastAdmin]


@on_database()
async def test_accounts_are_listed_page_by_page(app: Identity) -> None:
    made = [await app.staff(name, Role.AGENT) for name in ("bob", "Carol", "dave", "Eve", "frank")]
    await app.sign_up("alice")
    seen: list[Account] = []
    after = None
    while True:
        page = await app.accounts.list(role=Role.AGENT, after=after, limit=2)
        seen += page.items
        if (after := page.next_after) is None:
            break
    assert seen == made
    assert len((await app.accounts.list()).items) == 6
    assert await app.accounts.by_ids([made[0].id, made[1].id, uuid4()]) == {made[0].id: made[0], made[1].id: made[1]}
    with pytest.raises(AccountNotFound):
        await app.accounts.get(uuid4())


# Proving a password


@on_database()
async def test_an_unknown_user_takes_as_long_as_a_wrong_password(app: Identity) -> None:
    await app.sign_up("alice")

    async def cpu_seconds(username: str, n: int) -> float:
        # Of all threads of this process: what else the machine does is not counted.
        began = time.process_time()
        with pytest.raises(WrongCredentials):
            await app.accounts.authenticate(username, WRONG, f"203.0.113.{n}", NOW)
        return time.process_time() - began

    pairs = [(await cpu_seconds("alice", n), await cpu_seconds("mallory", n)) for n in range(10)]
    known, unknown = (min(times) for times in zip(*pairs, strict=True))
    assert 0.5 < unknown / known < 2


@on_database()
async def test_an_old_hash_is_renewed_when_the_password_is_proved(app: Identity) -> None:
    account = await app.sign_up("alice")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    async with app.pool.connection() as connection:
        await connection.execute("update accounts set password_hash = %s where id = %s", (weak, account.id))
    await app.log_in()
    async with app.pool.connection() as connection:
        row = await (await connection.execute("select password_hash from accounts")).fetchone()
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await app.log_in()


@on_database()
async def test_a_new_password_ends_all_other_sessions(app: Identity) -> None:
    account = await app.sign_up("alice")
    here, elsewhere = await app.log_in(), await app.log_in()
    later = NOW + timedelta(minutes=1)

    async def change(current: str, new: str) -> None:
        await app.accounts.change_password(
            account.id,
            current_password=current,
            new_password=new,
            ip=OFFICE,
            now=later,
            keep_session=here.session_id,
        )

    with pytest.raises(WrongCredentials):
        await change(WRONG, "another good one")
    for weak in (PASSWORD, "short", "password123"):
        with pytest.raises(WeakPassword):
            await change(PASSWORD, weak)
    assert await app.is_let_in(elsewhere, later)
    stale = await app.accounts.authenticate("alice", PASSWORD, OFFICE, later)
    await change(PASSWORD, "another good one")
    assert await app.is_let_in(here, later)
    assert not await app.is_let_in(elsewhere, later)
    with pytest.raises(WrongCredentials):
        await app.sessions.log_in(stale, now=later)
    with pytest.raises(WrongCredentials):
        await app.log_in(password=PASSWORD)
    await app.log_in(password="another good one")


@on_database()
async def test_a_reset_password_works_once_and_has_to_be_changed(app: Identity) -> None:
    account = await app.sign_up("alice")
    pair = await app.log_in()
    password = await app.accounts.reset_password(account.id, now=NOW + timedelta(seconds=1))
    assert not await app.is_let_in(pair)
    with pytest.raises(WrongCredentials):
        await app.log_in()
    assert (await app.log_in(password=password)).must_change_password


# The throttle


async def fail(app: Identity, times: int, *, username: str = "alice", ip: str = OFFICE, now: datetime = NOW) -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            await app.accounts.authenticate(username, WRONG, ip, now)


@on_database(processes=2)
async def test_after_five_failures_even_the_right_password_has_to_wait(one: Identity, other: Identity) -> None:
    await one.sign_up("alice")
    await fail(one, 3)
    await fail(other, 2)
    for app in (one, other):
        with pytest.raises(TooManyAttempts) as refusal:
            await app.log_in()
        assert refusal.value.retry_after_seconds == 1
    await one.log_in(now=NOW + timedelta(seconds=1))
    await fail(other, 5, now=NOW + timedelta(seconds=1))


@on_database()
async def test_each_further_failure_doubles_the_wait_up_to_a_limit(app: Identity) -> None:
    await fail(app, 5)
    now, waits = NOW, []
    for _ in range(12):
        with pytest.raises(TooManyAttempts) as refusal:
            await app.log_in(now=now)
        waits.append(refusal.value.retry_after_seconds)
        now += timedelta(seconds=waits[-1])
        await fail(app, 1, now=now)
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert waits == sorted(waits)
    assert waits[-1] <= throttle.ACCOUNT_AT_ADDRESS.longest_wait_seconds
    # Failures are forgotten with time: after a night all five are free again.
    await fail(app, 5, now=now + timedelta(hours=8))


@on_database()
async def test_a_stranger_cannot_lock_a_person_out(app: Identity) -> None:
    await app.sign_up("alice")
    await fail(app, 5, ip=HOME)
    with pytest.raises(TooManyAttempts):
        await app.log_in(ip=HOME)
    await app.log_in(ip=OFFICE)


@on_database()
async def test_parallel_guesses_are_counted_before_they_are_tried(app: Identity) -> None:
    await app.sign_up("alice")
    _, refused = await outcomes(*(app.accounts.authenticate("alice", WRONG, OFFICE, NOW) for _ in range(20)))
    kinds = [type(error) for error in refused]
    assert (kinds.count(WrongCredentials), kinds.count(TooManyAttempts)) == (5, 15)


@on_database()
async def test_an_address_has_a_limit_over_all_names(app: Identity) -> None:
    await app.sign_up("alice")
    free = throttle.ADDRESS.free_failures

    async def guess(n: int) -> None:
        await app.accounts.authenticate(f"name{n}", WRONG, f"2001:db8::{n:x}", NOW)

    _, refused = await outcomes(*(guess(n) for n in range(free + 10)))
    kinds = [type(error) for error in refused]
    assert (kinds.count(WrongCredentials), kinds.count(TooManyAttempts)) == (free, 10)
    with pytest.raises(TooManyAttempts) as refusal:
        await app.log_in(ip="2001:db8::ffff")
    assert refusal.value.retry_after_seconds == 9
    await app.log_in(ip="2001:db8:0:1::1")
    await app.log_in(ip="2001:db8::ffff", now=NOW + timedelta(seconds=9))


@on_database()
async def test_an_own_account_does_not_make_room_for_guesses_at_others(app: Identity) -> None:
    await app.sign_up("mallory")
    await fail(app, 5, username="alice")
    await app.log_in("mallory")
    with pytest.raises(TooManyAttempts):
        await app.log_in("alice")


@on_database()
async def test_unknown_names_are_throttled_like_known_ones(app: Identity) -> None:
    for name in ("nobody", "no such name"):
        await fail(app, 5, username=name)
        with pytest.raises(TooManyAttempts):
            await app.log_in(name)


@on_database()
async def test_a_clock_that_was_set_back_does_not_lengthen_the_wait(app: Identity) -> None:
    await fail(app, 5)
    with pytest.raises(TooManyAttempts) as refusal:
        await app.log_in(now=NOW - timedelta(minutes=10))
    assert refusal.value.retry_after_seconds == 1


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("\x00", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(ip: str, network: str) -> None:
    assert throttle.network_of(ip) == network


# Sessions


@on_database()
async def test_a_refresh_token_works_once_and_carries_the_session_on(app: Identity) -> None:
    await app.sign_up()
    first = await app.log_in()
    later = NOW + timedelta(days=1)
    second = await app.sessions.refresh(first.refresh_token, later)
    assert second.session_id == first.session_id
    assert await app.is_let_in(second, later)
    third = await app.sessions.refresh(second.refresh_token, later)
    assert third.refresh_token != second.refresh_token


@on_database(processes=2)
async def test_of_parallel_refreshes_exactly_one_wins(one: Identity, other: Identity) -> None:
    await one.sign_up()
    pair = await one.log_in()
    won, refused = await outcomes(
        *(app.sessions.refresh(pair.refresh_token, NOW) for _ in range(10) for app in (one, other))
    )
    assert len(won) == 1
    assert [type(error) for error in refused] == [SessionRevoked] * 19
    assert not await one.is_let_in(won[0])


@on_database()
async def test_a_replayed_refresh_token_ends_the_whole_session_and_no_other(app: Identity) -> None:
    await app.sign_up()
    stolen, elsewhere = await app.log_in(), await app.log_in()
    second = await app.sessions.refresh(stolen.refresh_token, NOW)
    third = await app.sessions.refresh(second.refresh_token, NOW)
    with pytest.raises(SessionRevoked):
        await app.sessions.refresh(stolen.refresh_token, NOW)
    with pytest.raises(SessionRevoked):
        await app.sessions.refresh(third.refresh_token, NOW)
    for pair in (stolen, second, third):
        assert not await app.is_let_in(pair)
    assert await app.is_let_in(elsewhere)
    await app.sessions.refresh(elsewhere.refresh_token, NOW)


@on_database()
async def test_no_refresh_carries_a_session_beyond_its_absolute_end(app: Identity) -> None:
    await app.sign_up()
    pair, now = await app.log_in(), NOW
    ends_at = NOW + SESSION_LIFETIME
    with pytest.raises(TokenExpired):
        await app.sessions.refresh(pair.refresh_token, NOW + REFRESH_LIFETIME)
    for _ in range(3):
        now = min(now + REFRESH_LIFETIME, ends_at) - timedelta(minutes=1)
        pair = await app.sessions.refresh(pair.refresh_token, now)
    assert pair.refresh_expires_at == pair.access_expires_at == ends_at
    with pytest.raises(TokenExpired):
        app.signer.verify_access(pair.access_token, ends_at)
    with pytest.raises(TokenExpired):
        await app.sessions.refresh(pair.refresh_token, ends_at)


@on_database(processes=2)
async def test_a_log_out_stops_the_access_token_in_every_process(one: Identity, other: Identity) -> None:
    await one.sign_up()
    by_refresh_token, by_principal, elsewhere = [await one.log_in() for _ in range(3)]
    assert await other.is_let_in(by_principal)
    await one.sessions.log_out(by_refresh_token.refresh_token, NOW)
    await one.sessions.log_out(one.signer.verify_access(by_principal.access_token, NOW), NOW)
    await one.sessions.log_out(by_refresh_token.refresh_token, NOW)
    for app in (one, other):
        assert not await app.is_let_in(by_refresh_token)
        assert not await app.is_let_in(by_principal)
        assert await app.is_let_in(elsewhere)
    for pair in (by_refresh_token, by_principal):
        with pytest.raises(SessionRevoked):
            await other.sessions.refresh(pair.refresh_token, NOW)


@on_database()
async def test_a_disabled_account_is_out_at_once_and_can_be_let_in_again(app: Identity) -> None:
    account = await app.sign_up()
    pair = await app.log_in()
    proved = await app.accounts.authenticate("alice", PASSWORD, OFFICE, NOW)
    await app.accounts.disable(account.id, now=NOW)
    assert not await app.is_let_in(pair)
    with pytest.raises(SessionRevoked):
        await app.sessions.refresh(pair.refresh_token, NOW)
    with pytest.raises(AccountDisabled):
        await app.sessions.log_in(proved, now=NOW)
    with pytest.raises(AccountDisabled):
        await app.accounts.authenticate("alice", PASSWORD, OFFICE, NOW)
    with pytest.raises(WrongCredentials):
        await app.log_in(password=WRONG)
    await app.accounts.enable(account.id)
    assert await app.is_let_in(await app.log_in())
    assert not await app.is_let_in(pair)


@on_database()
async def test_tokens_with_the_old_role_stop_when_the_role_changes(app: Identity) -> None:
    account = await app.staff("bob", Role.SUPERVISOR)
    pair = await app.log_in("bob")
    await app.accounts.set_role(account.id, Role.AGENT, now=NOW)
    assert not await app.is_let_in(pair)
    renewed = await app.log_in("bob")
    assert app.signer.verify_access(renewed.access_token, NOW).role is Role.AGENT
    assert await app.is_let_in(renewed)


@on_database(processes=2)
async def test_a_log_in_that_races_with_disabling_leaves_no_session(one: Identity, other: Identity) -> None:
    for n in range(10):
        account = await one.sign_up(f"user{n}")
        proved = [await one.accounts.authenticate(f"user{n}", PASSWORD, OFFICE, NOW) for _ in range(4)]
        opened, _ = await outcomes(
            *(one.sessions.log_in(p, now=NOW) for p in proved),
            other.accounts.disable(account.id, now=NOW),
        )
        for pair in opened:
            if isinstance(pair, TokenPair):
                assert not await one.is_let_in(pair)


# Revocations


@on_database(processes=2)
async def test_no_poll_skips_a_revocation_that_was_numbered_early_and_committed_late(
    one: Identity, other: Identity
) -> None:
    slow_account = await one.sign_up("alice")
    await one.sign_up("bob")
    slow, quick = await one.log_in("alice"), await one.log_in("bob")
    async with one.pool.connection() as connection, connection.transaction():
        await one.accounts.disable(slow_account.id, now=NOW, connection=connection)
        log_out = asyncio.create_task(other.sessions.log_out(quick.refresh_token, NOW))
        await done_or_waiting_for_lock(one.pool, log_out)
        await one.revocations.poll(NOW)
    await log_out
    assert not await one.is_let_in(slow)
    assert not await one.is_let_in(quick)


async def done_or_waiting_for_lock(pool: AsyncConnectionPool[Any], task: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(10), pool.connection() as connection:
        while not task.done():
            cursor = await connection.execute("select 1 from pg_locks where locktype = 'advisory' and not granted")
            if await cursor.fetchone():
                return


@on_database()
async def test_a_poll_tells_what_is_new_and_forgets_what_no_token_can_concern(app: Identity) -> None:
    account = await app.sign_up()
    pair = await app.log_in()
    principal = app.signer.verify_access(pair.access_token, NOW)
    assert app.revocations.polled_at is None
    await app.sessions.log_out(pair.refresh_token, NOW)
    [news] = await app.revocations.poll(NOW)
    assert (news.session_id, news.account_id) == (pair.session_id, account.id)
    assert await app.revocations.poll(NOW) == ()
    assert app.revocations.polled_at == NOW
    forgotten_at = NOW + ACCESS_LIFETIME + CLOCK_DISAGREEMENT
    await app.revocations.poll(forgotten_at - timedelta(seconds=1))
    assert app.revocations.is_revoked(principal)
    await app.revocations.poll(forgotten_at)
    assert not app.revocations.is_revoked(principal)
    assert len(app.revocations) == 0
    late_starter = Revocations(app.pool)
    await late_starter.poll(forgotten_at)
    assert len(late_starter) == 0


@on_database()
async def test_the_tables_do_not_grow_for_ever(app: Identity) -> None:
    await app.sign_up()
    pair = await app.log_in()
    await app.sessions.log_out(pair.refresh_token, NOW)
    await fail(app, 1)
    tables = ("sessions", "refresh_tokens", "revocations", "login_attempts")
    await delete_expired(app.pool, NOW)
    assert all([await app.count(table) > 0 for table in tables])
    await delete_expired(app.pool, NOW + SESSION_LIFETIME)
    assert not any([await app.count(table) for table in tables])
    assert await app.count("accounts") == 1
