"""The server as a process: starting, stopping, health, figures, and several processes on one address."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psycopg
from tests.api.scene import Person, Reads, api_server, environment, free_port, problem, sign_up, wait_for

from supportix.embedded import EmbeddedPostgres
from supportix.migrating import upgrade
from supportix.projections.catalogue import PROJECTIONS

MakeDatabase = Callable[[], AbstractContextManager[str]]

DISK_FULL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()
"""


def test_it_starts_within_seconds_and_ends_in_order_when_told_to(api_database: str, tmp_path: Path):
    """As it ends on SIGTERM too, which all servers of these tests get."""
    port, started = free_port(), time.monotonic()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "supportix.api.server"],
            env=environment(api_database, port),
            stdout=log,
            stderr=log,
        )
    wait_for(lambda: is_live(port), "the API")
    assert time.monotonic() - started < 15
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=10) == 0
    assert not is_live(port)


def is_live(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_it_does_not_start_without_what_it_needs(tmp_path: Path):
    without_secret = {**environment("postgresql://nowhere", 1), "SUPPORTIX_SECRET": ""}

    ended = subprocess.run(
        [sys.executable, "-m", "supportix.api.server"],
        env=without_secret,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert "SUPPORTIX_SECRET" in ended.stderr


def test_it_does_not_go_on_without_a_database(tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, "-m", "supportix.api.server"],
        env=environment(f"postgresql://127.0.0.1:{free_port()}/nowhere", free_port()),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ended.returncode != 0
    assert "PostgreSQL doesn't answer there" in ended.stdout + ended.stderr


def test_health(api_url: str):
    assert httpx.get(f"{api_url}/health/live").json() == {"status": "live"}
    ready = httpx.get(f"{api_url}/health/ready").json()
    assert (ready["status"], ready["head"] > 0, ready["lag"] >= 0) == ("ready", True, True)


def test_a_database_of_another_release_is_not_ready(make_database: MakeDatabase, tmp_path: Path):
    with (
        make_database() as database,
        api_server(database, tmp_path / "log") as url,
        psycopg.connect(database) as connection,
    ):
        ours = httpx.get(f"{url}/health/ready").json()["revision"]
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        answer = httpx.get(f"{url}/health/ready")
        connection.execute("UPDATE alembic_version SET version_num = %s", (ours,))
        connection.commit()

    assert problem(answer) == (503, "not-ready")
    assert "9999" in answer.json()["detail"]
    assert "Retry-After" in answer.headers


def test_without_a_worker_commands_go_on_and_reads_say_they_are_behind(make_database: MakeDatabase, tmp_path: Path):
    with (
        make_database() as database,
        api_server(database, tmp_path / "log", SUPPORTIX_CONSISTENCY_WAIT_SECONDS="0.2") as url,
        httpx.Client(base_url=url) as http,
    ):
        customer = sign_up(Person(http, Reads()))
        opened = customer.does("POST", "/tickets", {"subject": "Is anybody there?"})
        assert problem(customer.get("/tickets")) == (503, "read-models-behind")
        told = customer.get(f"/tickets/{opened['ticket_id']}/timeline", headers={"Supportix-Min-Position": "0"})
        assert len(told.json()["items"]) == 2
        figures = http.get("/metrics").text
        for figure in ("projection_lag_events", "projection_lag_seconds", "parked_streams"):
            of = re.findall(rf'^supportix_{figure}{{projection="(\w+)"}} [0-9.]+$', figures, re.MULTILINE)
            assert of == sorted(PROJECTIONS)
        assert 'supportix_projection_lag_events{projection="ticket_list"} 3.0' in figures.splitlines()
        assert 'supportix_projection_lag_seconds{projection="ticket_list"} 0.0' not in figures.splitlines()
        assert 'supportix_parked_streams{projection="ticket_list"} 0.0' in figures.splitlines()
        assert http.get("/health/ready").json()["lag"] == 3


def test_a_fault_of_ours_tells_an_incident_and_nothing_else(make_database: MakeDatabase, tmp_path: Path):
    log = tmp_path / "log"
    with make_database() as database, api_server(database, log) as url, httpx.Client(base_url=url) as http:
        customer = sign_up(Person(http, Reads()))
        with psycopg.connect(database) as connection:
            connection.execute("ALTER TABLE read_model.tickets RENAME COLUMN subject TO theme")
        answer = customer.get("/tickets")

    assert problem(answer) == (500, "internal-error")
    assert answer.json()["incident"] in answer.json()["detail"]
    assert "subject" not in answer.text
    (line,) = [each for each in log.read_text().splitlines() if answer.json()["incident"] in each]
    assert "UndefinedColumn" in line


def test_while_the_database_is_away(tmp_path: Path):
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    with server:
        upgrade(server.url)
        with api_server(server.url, tmp_path / "log") as url, httpx.Client(base_url=url, timeout=20) as http:
            customer = sign_up(Person(http, Reads()))
            customer.does("POST", "/tickets", {"subject": "Before"})
            customer.reads.position = 0
            assert customer.get("/tickets").status_code == 200
            server.stop()

            away = [customer.post("/tickets", {"subject": "Meanwhile"}), customer.get("/tickets"), customer.get("/me")]
            assert [problem(answer) for answer in away] == [(503, "store-unavailable")] * 3
            assert {answer.headers["Retry-After"] for answer in away} == {"2"}
            assert http.get("/health/ready").status_code == 503
            assert http.get("/health/live").status_code == 200

            server.start()
            customer.does("POST", "/tickets", {"subject": "Afterwards"})
            customer.reads.position = 0  # No worker runs here.
            assert [customer.get(path).status_code for path in ("/tickets", "/me")] == [200, 200]


def test_while_the_disk_is_full(make_database: MakeDatabase, tmp_path: Path):
    with (
        make_database() as database,
        psycopg.connect(database, autocommit=True) as connection,
        api_server(database, tmp_path / "log") as url,
        httpx.Client(base_url=url, timeout=20) as http,
    ):
        customer = sign_up(Person(http, Reads()))
        customer.does("POST", "/tickets", {"subject": "Before"})
        connection.execute(DISK_FULL)
        key = {"Idempotency-Key": "sent-again-later"}
        refused = customer.post("/tickets", {"subject": "Meanwhile"}, headers=key)
        assert problem(refused) == (507, "store-full")
        assert "Supportix-Position" not in refused.headers
        connection.execute("DROP TRIGGER disk_full ON events")
        again = customer.post("/tickets", {"subject": "Meanwhile"}, headers=key)
        assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)
        opened = connection.execute("SELECT count(*) FROM events WHERE name = 'ticket.opened.v1'").fetchone()
        assert opened == (2,)


def test_figures_have_no_ids(api_url: str, customer: Person):
    ticket = customer.does("POST", "/tickets", {"subject": "Counted"})["ticket_id"]
    customer.get(f"/tickets/{ticket}")
    httpx.get(f"{api_url}/nothing/{ticket}")

    figures = httpx.get(f"{api_url}/metrics").text

    assert 'supportix_http_requests_total{method="POST",route="/api/v1/tickets",status="201"}' in figures
    assert 'route="/api/v1/tickets/{ticket}",status="200"' in figures
    assert 'method="unrouted",route="unrouted",status="404"' in figures
    assert "supportix_http_request_duration_seconds_bucket" in figures
    assert re.search(r"^supportix_log_head [1-9]", figures, re.MULTILINE)
    assert ticket not in figures


def test_several_processes_answer_as_one(make_database: MakeDatabase, tmp_path: Path):
    with (
        make_database() as database,
        api_server(database, tmp_path / "log", SUPPORTIX_API_PROCESSES="2") as url,
    ):
        for _ in range(40):
            assert httpx.get(f"{url}/health/live").status_code == 200
        counted = re.search(
            r'^supportix_http_requests_total\{method="GET",route="/health/live",status="200"\} (\S+)',
            httpx.get(f"{url}/metrics").text,
            re.MULTILINE,
        )
        assert counted is not None
        assert float(counted[1]) >= 40
