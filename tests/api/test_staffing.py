"""Staffing over HTTP: the table of the next day, advice, what people decide on it, and what is refused."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.advised import advised
from tests.api.scene import Json, Person, problem, register_agent
from tests.issued import hours, to_issue

from supportix.bootstrap import Core, open_core, utc_now
from supportix.domain.advice_words import Advised
from supportix.domain.ids import AdviceId, DepartmentId
from supportix.domain.staffing_advice import advice_id, give_advice
from supportix.forecasting.keeping import Keeping
from supportix.settings import Settings
from supportix.store.committer import Command

HOUR = timedelta(hours=1)
TERMS = {"kind": "tickets", "target_seconds": 3600, "handle_seconds": 600}

Record = Callable[[Callable[[Core], object]], None]
GiveAdvice = Callable[[str, Advised], str]


def this_hour() -> datetime:
    return utc_now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def record(api_database: str, supervisor: Person) -> Record:
    """Writes what the worker's processes write; whoever reads next reads it."""

    async def recorded(write: Callable) -> int:
        async with open_core(Settings(database_url=api_database)) as core:
            await write(core)
            return await core.desk.reading.head()

    def record(write: Callable) -> None:
        supervisor.reads.position = max(supervisor.reads.position, asyncio.run(recorded(write)))

    return record


@pytest.fixture
def give(record: Record) -> GiveAdvice:
    def give(department: str, told: Advised) -> str:
        whose = DepartmentId(UUID(department))
        stream_id: AdviceId = advice_id(whose, told, this_hour())

        async def write(core: Core) -> None:
            await core.desk.append([give_advice(stream_id, whose, told, at=utc_now())], Command())

        record(write)
        return str(stream_id)

    return give


@pytest.fixture
def a_staffed_department(admin: Person, department: str, record: Record) -> str:
    """Two agents without shifts; 24 tickets an hour are forecast, and six people are needed for them."""
    admin.does("PUT", f"/departments/{department}/staffing", TERMS)
    for _ in range(2):
        register_agent(admin, department)

    async def write(core: Core) -> None:
        for number in (1, 0):
            steps = hours(this_hour() - number * HOUR, *[24.0] * 24)
            await Keeping(core.desk, utc_now).save(to_issue(UUID(department), steps), based_on=7)

    record(write)
    return department


def test_the_table_of_the_next_day(supervisor: Person, a_staffed_department: str):
    found = supervisor.get(f"/staffing/{a_staffed_department}").json()
    assert len(found["hours"]) == 24
    first, second = found["hours"][:2]
    assert datetime.fromisoformat(first["begin"]) in {this_hour(), this_hour() - HOUR}
    assert first["end"] == second["begin"]
    assert (second["mean"], second["low80"], second["high80"]) == (24, 15, 34)
    assert second["open"]
    assert second["needed"] > 4
    assert second["needed"] * 0.7 >= second["needed_at_work"] > second["needed"] * 0.7 - 1
    assert (second["on_shift"], second["gap"]) == (2, 2 - second["needed"])
    assert second["share_in_target"] < 0.5
    assert found["handle_time"] == {"seconds": 600, "seen": None, "median_seconds": None, "p90_seconds": None}
    assert (found["target_share"], found["target_seconds"], found["shrinkage"]) == (0.8, 3600, 0.3)
    assert (found["waiting"], found["reachable"], found["staffed_for"]) == (0, 1, None)
    assert (found["shifts_known"], found["forecast_model"], found["kind"]) == (False, "hour of the week", "tickets")


def test_more_are_needed_for_a_high_quantile(supervisor: Person, a_staffed_department: str):
    path = f"/staffing/{a_staffed_department}"
    mean, high = (supervisor.get(f"{path}{query}").json() for query in ("", "?staffed_for=0.9"))
    assert high["staffed_for"] == 0.9, high
    assert high["hours"][1]["needed"] > mean["hours"][1]["needed"]
    for wrong in ("1", "0.99", "many"):
        assert problem(supervisor.get(f"{path}?staffed_for={wrong}")) == (400, "invalid-request")


def test_a_measured_handle_time_is_told_with_what_it_rests_on(
    admin: Person, supervisor: Person, a_staffed_department: str
):
    admin.does("PUT", f"/departments/{a_staffed_department}/staffing", TERMS | {"handle_seconds": None})
    found = supervisor.get(f"/staffing/{a_staffed_department}").json()["handle_time"]
    assert (found["seconds"], found["seen"]) == (1800, 0)
    assert found["median_seconds"] < 1800 < found["p90_seconds"]


def test_what_can_not_be_staffed(admin: Person, supervisor: Person, customer: Person, department: str):
    path = f"/staffing/{department}"
    answer = supervisor.get(path)
    assert problem(answer) == (409, "staffing-terms-not-set")
    assert f"PUT /departments/{department}/staffing" in answer.json()["detail"]
    admin.does("PUT", f"/departments/{department}/staffing", TERMS)
    assert problem(supervisor.get(path)) == (409, "nothing-forecast")
    assert problem(supervisor.get("/staffing/01a207a0-0000-7000-8000-000000000000")) == (404, "not-found")
    assert problem(customer.get(path)) == (403, "forbidden")


def test_an_advice_is_read_and_accepted(supervisor: Person, department: str, give: GiveAdvice):
    told = advised(this_hour() + 2 * HOUR)
    made = give(department, told)
    path = f"/staffing/advice/{made}"
    answer = supervisor.get(path)
    found = answer.json()
    assert (found["department_id"], found["state"], found["kind"]) == (department, "given", "more_agents")
    assert (found["agents"], found["share_without"], found["share_with"]) == (2, 0.41, 0.9)
    assert (found["sentence"], found["score"], found["decided_at"]) == ("2 more agents.", None, None)
    assert datetime.fromisoformat(found["begins_at"]) == told.begin
    assert found["evidence"]["on_shift"] == [4, 4]
    assert found["evidence"]["arrivals_high"] == [27, 27]

    stale = supervisor.post(f"{path}/accept", headers={"If-Match": '"7"'})
    assert problem(stale) == (412, "stale-version")
    headers = {"If-Match": answer.headers["ETag"]}
    made = supervisor.does("POST", f"{path}/accept", {"reason": "two of the early shift stay"}, headers=headers)
    assert (made["state"], made["version"], made["agents"]) == ("accepted", 2, 2)
    found = supervisor.get(path).json()
    assert (found["state"], found["decided_at"] is None) == ("accepted", False)
    for decision in ("accept", "dismiss"):
        assert problem(supervisor.post(f"{path}/{decision}")) == (409, "advice-decided")


def test_an_advice_is_dismissed(supervisor: Person, department: str, give: GiveAdvice):
    path = f"/staffing/advice/{give(department, advised(this_hour() + HOUR))}"
    assert supervisor.does("POST", f"{path}/dismiss", {"reason": "training"})["state"] == "dismissed"
    assert supervisor.get(path).json()["state"] == "dismissed"


def test_nothing_is_left_to_decide_when_it_is_over(supervisor: Person, department: str, give: GiveAdvice):
    path = f"/staffing/advice/{give(department, advised(this_hour() - 3 * HOUR))}"
    assert problem(supervisor.post(f"{path}/accept")) == (409, "advice-over")


def test_advice_is_listed_what_begins_latest_first(
    supervisor: Person, department: str, another_department: str, give: GiveAdvice
):
    times = (1, -4, 5, 3)
    made = {time: give(department, advised(this_hour() + time * HOUR)) for time in times}
    elsewhere = give(another_department, advised(this_hour() + 9 * HOUR))
    supervisor.does("POST", f"/staffing/advice/{made[3]}/dismiss")
    both = f"/staffing/advice?department_id={department}&department_id={another_department}"

    def listed(query: str) -> list[str]:
        return [each["advice_id"] for each in supervisor.reads_all(f"{both}{query}")]

    assert listed("") == [elsewhere, made[5], made[3], made[1], made[-4]]
    assert listed("&limit=2") == listed("")
    assert listed("&state=dismissed") == [made[3]]
    assert listed("&state=withdrawn") == []
    after = utc_now().isoformat().replace("+00:00", "Z")
    assert listed(f"&ends_after={after}") == [elsewhere, made[5], made[3], made[1]]


def test_who_may_not_see_or_decide(
    supervisor: Person, customer: Person, agent: Person, department: str, give: GiveAdvice
):
    path = f"/staffing/advice/{give(department, advised(this_hour() + HOUR))}"
    nobody: Json = {}
    for person in (customer, agent):
        assert problem(person.get(path)) == (403, "forbidden")
        assert problem(person.get("/staffing/advice")) == (403, "forbidden")
        assert problem(person.post(f"{path}/accept", nobody)) == (403, "forbidden")
    missing = "/staffing/advice/01a207a0-0000-7000-8000-000000000000"
    assert problem(supervisor.get(missing)) == (404, "not-found")
    assert problem(supervisor.post(f"{missing}/dismiss")) == (404, "not-found")
