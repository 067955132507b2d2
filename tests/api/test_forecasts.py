"""Forecasts over HTTP: now, as issued, against what came, how they were met, and the models behind them."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.api.scene import Json, Person, problem, register_agent
from tests.issued import hours, score, to_choose, to_issue

from supportix.bootstrap import open_core, utc_now
from supportix.domain.forecast_words import Horizon, Steps, hour_of
from supportix.forecasting.keeping import Keeping
from supportix.forecasting.messages import ToSave, ToScore
from supportix.forecasting.running_hour import running_hour
from supportix.settings import Settings

NOBODY = "01a207a0-0000-7000-8000-000000000000"
HOUR = timedelta(hours=1)
ROOM_SECONDS = 15
LONG_AGO = datetime(2019, 3, 4, 9, tzinfo=UTC)

Forecaster = Callable[..., None]


@pytest.fixture
def forecaster(api_database: str, supervisor: Person) -> Forecaster:
    """Keeps what was reckoned, as the worker's forecaster does; whoever reads next reads it."""

    async def keep(messages: tuple[ToSave, ...]) -> int:
        async with open_core(Settings(database_url=api_database)) as core:
            keeping = Keeping(core.desk, utc_now)
            for message in messages:
                await keeping.save(message, based_on=7)
            return await core.desk.reading.head()

    def forecaster(*messages: ToSave) -> None:
        supervisor.reads.position = max(supervisor.reads.position, asyncio.run(keep(messages)))

    return forecaster


@pytest.fixture
def this_hour() -> datetime:
    """The running hour; the next one where the test could get into that."""
    left = (hour_of(utc_now()) + HOUR - utc_now()).total_seconds()
    if left < ROOM_SECONDS:
        time.sleep(left)
    return hour_of(utc_now())


def current(person: Person, series: str | None) -> Json:
    """What is told of a series now."""
    items = person.get("/forecasts").json()["items"]
    (found,) = [each for each in items if each["department_id"] == series]
    return found


def opens(customer: Person, department: str, tickets: int) -> None:
    for _ in range(tickets):
        customer.does("POST", "/tickets", {"subject": "The invoice is wrong", "department_id": department})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def bounds(step: Json) -> list[float]:
    return [step[name] for name in ("low95", "low80", "low50", "median", "high50", "high80", "high95")]


def rows(steps: Steps, place: int) -> list[float]:
    return [row[place] for row in steps.quantiles]


def test_arrivals_change_the_running_hour(
    supervisor: Person, customer: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    steps = hours(this_hour, 12, 14, 9)
    forecaster(to_issue(UUID(department), steps, carry=0.5))

    before = current(supervisor, department)
    opens(customer, department, 30)
    asked = utc_now()
    found = current(supervisor, department)
    answered = utc_now()

    assert (before["arrived"], found["arrived"], found["stale"], found["drifted"]) == (0, 30, False, False)
    earliest, latest = ((at - this_hour).total_seconds() for at in (asked, answered))
    assert 12 * earliest / 3600 <= found["expected_by_now"] <= 12 * latest / 3600
    least, most = (running_hour(steps, arrived=30, elapsed_seconds=each, carry=0.5) for each in (latest, earliest))
    for name, place in (("running", 0), ("next_hour", 1)):
        assert least.means[place] - 1e-9 <= found[name]["mean"] <= most.means[place] + 1e-9
        assert found[name]["mean"] > before[name]["mean"]
        assert moment(found[name]["begin"]) == this_hour + place * HOUR
        assert moment(found[name]["end"]) == this_hour + (place + 1) * HOUR
        for low, told, high in zip(rows(least, place), bounds(found[name]), rows(most, place), strict=True):
            assert low <= told <= high
    assert found["running"]["low95"] >= 30
    assert (found["model"], found["confidence"], found["reason"]) == ("hour of the week", "normal", "it was best")
    assert (found["hours_scored"], found["wape"]) == (0, None)
    assert this_hour <= moment(found["issued_at"]) <= asked


def test_the_whole_desk_is_told_beside_its_departments(
    supervisor: Person, customer: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    forecaster(to_issue(None, hours(this_hour, 500, 500)))
    before = current(supervisor, None)
    opens(customer, department, 2)
    assert current(supervisor, None)["arrived"] == before["arrived"] + 2
    assert all(each["department_id"] != department for each in supervisor.get("/forecasts").json()["items"])
    detail = supervisor.get("/forecasts/desk").json()
    assert (detail["department_id"], moment(detail["steps"][0]["begin"])) == (None, this_hour)


def test_a_forecast_is_stale_where_none_was_issued_for_the_hour(
    supervisor: Person, customer: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    forecaster(to_issue(UUID(department), hours(this_hour - 2 * HOUR, 12, 14)))
    opens(customer, department, 2)
    found = current(supervisor, department)
    assert (found["stale"], found["arrived"], found["expected_by_now"]) == (True, 0, 12)
    assert (found["running"]["mean"], found["running"]["high95"]) == (0, 0), "that hour is over, and nothing came"
    assert moment(found["running"]["begin"]) == this_hour - 2 * HOUR


def test_how_the_next_hour_was_met_lately_is_told_beside_it(
    supervisor: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    met = this_hour - HOUR
    forecaster(
        to_issue(UUID(department), hours(this_hour, 12, 14)),
        ToScore(department_id=UUID(department), day=met.date(), scores=(score(met, 10, 8), score(met - HOUR, 5, 8))),
    )
    found = current(supervisor, department)
    assert (found["hours_scored"], found["wape"]) == (2, pytest.approx(5 / 16))


def test_a_forecast_as_it_was_issued(
    supervisor: Person, customer: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    steps, fortnight = hours(this_hour, *range(24)), hours(this_hour, *range(336))
    yesterday = hours(this_hour - 24 * HOUR, 3, 4)
    whose = UUID(department)
    forecaster(*[to_issue(whose, each) for each in (steps, yesterday)], to_issue(whose, fortnight, Horizon.FORTNIGHT))
    opens(customer, department, 3)

    found = supervisor.get(f"/forecasts/{department}").json()
    assert (found["department_id"], found["horizon"], found["based_on"]) == (department, "day", 7)
    assert [each["mean"] for each in found["steps"]] == list(range(24)), "no arrival has changed it"
    assert [bounds(each) for each in found["steps"]] == [rows(steps, place) for place in range(24)]
    assert moment(found["steps"][-1]["end"]) == this_hour + 24 * HOUR

    found = supervisor.get(f"/forecasts/{department.upper()}?horizon=fortnight").json()
    assert (found["horizon"], len(found["steps"])) == ("fortnight", 336)

    at = (this_hour - HOUR).isoformat().replace("+00:00", "Z")
    found = supervisor.get(f"/forecasts/{department}?at={at}").json()
    assert [each["mean"] for each in found["steps"]] == [3, 4]
    assert problem(supervisor.get(f"/forecasts/{department}?at=2019-03-04T09:00:00Z")) == (404, "not-found")


def test_accuracy_of_each_series_and_lead(supervisor: Person, department: str, forecaster: Forecaster):
    whose, day = UUID(department), LONG_AGO.date()
    forecaster(
        ToScore(
            department_id=whose,
            day=day,
            scores=(
                score(LONG_AGO, 10, 12, naive_error=6.0, level=4.0, rank=0.3, pinball=1.0),
                score(LONG_AGO + HOUR, 6, 4, level=4.0, rank=0.95, pinball=2.0),
                score(LONG_AGO + HOUR, 9, 4, lead_hours=24, rank=0.999),
            ),
        ),
        ToScore(department_id=None, day=day, scores=(score(LONG_AGO, 100, 80),)),
    )
    span = "from=2019-03-04T09:00:00Z&to=2019-03-04T11:00:00Z"
    next_hour, next_day = supervisor.get(f"/forecasts/accuracy?{span}&series={department}").json()["items"]
    assert next_hour == {
        "department_id": department,
        "lead_hours": 1,
        "hours": 2,
        "arrivals": 16,
        "wape": 0.25,
        "mase": 0.5,
        "naive_wape": 0.5,
        "wape_beside_naive": pytest.approx(2 / 12),
        "bias": 0.0,
        "pinball": 1.5,
        "coverage50": 0.5,
        "coverage80": 0.5,
        "coverage95": 1.0,
    }
    assert (next_day["lead_hours"], next_day["wape"], next_day["mase"], next_day["coverage95"]) == (24, 1.25, None, 0)

    everyone = supervisor.get(f"/forecasts/accuracy?{span}").json()["items"]
    assert [each["wape"] for each in everyone if each["department_id"] is None] == [0.25]
    assert [each for each in everyone if each["department_id"] == department] == [next_hour, next_day]
    assert supervisor.get(f"/forecasts/accuracy?series={department}").json()["items"] == [], "of the last 28 days"
    (first,) = supervisor.get(f"/forecasts/accuracy?series={department}&to=2019-03-04T10:00:00Z").json()["items"]
    assert (first["hours"], first["arrivals"]) == (1, 12)


def test_what_came_beside_what_was_forecast(
    supervisor: Person, customer: Person, department: str, forecaster: Forecaster, this_hour: datetime
):
    steps = hours(this_hour, 12, 14)
    forecaster(to_issue(UUID(department), steps))
    opens(customer, department, 2)
    utc = lambda at: at.isoformat().replace("+00:00", "Z")  # noqa: E731
    path = f"/forecasts/{department}/actual"
    found = supervisor.get(f"{path}?from={utc(this_hour - HOUR)}&to={utc(this_hour + HOUR)}").json()
    assert found["department_id"] == department
    low95, low80, _, _, _, high80, high95 = rows(steps, 0)
    before, running = found["items"]
    assert (before["actual"], before["mean"], before["low80"], before["high95"]) == (0, None, None, None)
    assert (moment(running["hour"]), running["actual"], running["mean"]) == (this_hour, 2, 12)
    assert [running[name] for name in ("low95", "low80", "high80", "high95")] == [low95, low80, high80, high95]

    within = this_hour + timedelta(minutes=10)
    assert supervisor.get(f"{path}?from={utc(within)}&to={utc(this_hour + HOUR)}").json()["items"] == [running]
    in_delhi = this_hour.isoformat().replace("+00:00", "") + "%2B05:30"
    until = (this_hour + HOUR).isoformat().replace("+00:00", "") + "%2B05:30"
    shifted = supervisor.get(f"{path}?from={in_delhi}&to={until}").json()["items"]
    assert {moment(each["hour"]).minute for each in shifted} == {0}, "hours are those of UTC"

    desk = supervisor.get(f"/forecasts/desk/actual?from={utc(this_hour)}&to={utc(this_hour + HOUR)}").json()
    assert desk["department_id"] is None
    assert desk["items"][0]["actual"] >= 2


def test_a_model_is_chosen_anew_where_somebody_asks_for_it(
    supervisor: Person, department: str, another_department: str, forecaster: Forecaster
):
    path = f"/forecasts/{department}/choose"
    assert problem(supervisor.post(path)) == (404, "not-found")
    assert department in supervisor.post(path).json()["detail"], "it says whose model is missing"
    forecaster(to_choose(UUID(department)), to_choose(UUID(another_department), "boosting"), to_choose(None))

    asked = supervisor.does("POST", path)
    assert asked == {
        "department_id": department,
        "model": "hour of the week",
        "choice_asked": True,
        "drifted": False,
        "version": 2,
    }
    assert supervisor.does("POST", path) == asked, "once is enough"
    assert supervisor.does("POST", "/forecasts/desk/choose")["department_id"] is None

    by_series = {each["department_id"]: each for each in supervisor.get("/forecasts/models").json()["items"]}
    found = by_series[department]
    assert (found["model"], found["choice_asked"], found["times_chosen"]) == ("hour of the week", True, 1)
    assert found["scores"] == [
        {"name": "hour of the week", "wape": 0.25, "mase": 0.75, "crps": 1.5, "why_not": ""},
        {"name": "poisson", "wape": None, "mase": None, "crps": None, "why_not": "short"},
    ]
    assert (by_series[another_department]["model"], by_series[another_department]["choice_asked"]) == (
        "boosting",
        False,
    )
    assert by_series[None]["choice_asked"]


SPAN = "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z"
READS = [
    "/forecasts",
    "/forecasts/models",
    f"/forecasts/accuracy?{SPAN}",
    "/forecasts/desk",
    f"/forecasts/desk/actual?{SPAN}",
]


@pytest.mark.parametrize("path", READS)
def test_forecasts_are_read_by_those_who_see_every_department(
    stranger: Person, customer: Person, agent: Person, supervisor: Person, admin: Person, path: str
):
    assert problem(stranger.get(path)) == (401, "unauthenticated")
    for person in (customer, agent):
        assert problem(person.get(path)) == (403, "forbidden")
    for person in (supervisor, admin):
        assert person.get(path).status_code in {200, 404}


def test_a_choice_is_asked_for_by_those_who_manage_forecasts(
    stranger: Person, customer: Person, admin: Person, department: str, forecaster: Forecaster
):
    forecaster(to_choose(UUID(department)))
    path = f"/forecasts/{department}/choose"
    assert problem(stranger.post(path)) == (401, "unauthenticated")
    for person in (customer, register_agent(admin, department)):
        assert problem(person.post(path)) == (403, "forbidden")
    assert admin.does("POST", path)["choice_asked"]


@pytest.mark.parametrize("series", ["nonsense", "DESK", "desk%0A", f"{NOBODY}%0A", "1"])
def test_what_is_no_series_is_refused(supervisor: Person, series: str):
    assert problem(supervisor.get(f"/forecasts/{series}")) == (400, "invalid-request")
    assert problem(supervisor.get(f"/forecasts/{series}/actual?{SPAN}")) == (400, "invalid-request")
    assert problem(supervisor.get(f"/forecasts/accuracy?series={series}")) == (400, "invalid-request")
    assert problem(supervisor.post(f"/forecasts/{series}/choose")) == (400, "invalid-request")


def test_a_series_without_forecasts(supervisor: Person):
    answer = supervisor.get(f"/forecasts/{NOBODY}")
    assert problem(answer) == (404, "not-found")
    assert NOBODY in answer.json()["detail"]
    assert problem(supervisor.post(f"/forecasts/{NOBODY}/choose")) == (404, "not-found")
    assert supervisor.get(f"/forecasts/accuracy?series={NOBODY}").json()["items"] == []
    items = supervisor.get(f"/forecasts/{NOBODY}/actual?{SPAN}").json()["items"]
    assert {(each["actual"], each["mean"]) for each in items} == {(0, None)}
    assert len(items) == 24


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("desk/actual?from=2026-03-02T00:00:00Z&to=2026-05-03T00:00:01Z", (422, "span-too-long")),
        ("desk/actual?from=2026-03-02T00:00:01Z&to=2026-03-02T00:00:00Z", (422, "span-too-long")),
        ("desk/actual?from=1969-12-31T23:00:00Z&to=1970-01-01T01:00:00Z", (400, "invalid-request")),
        ("desk/actual?from=2026-03-02T00:00:00&to=2026-03-03T00:00:00Z", (400, "invalid-request")),
        ("desk/actual?from=2026-03-02T00:00:00Z", (400, "invalid-request")),
        ("accuracy?from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:01Z", (422, "span-too-long")),
        ("accuracy?from=2026-03-02T00:00:01Z&to=2026-03-02T00:00:00Z", (422, "span-too-long")),
        ("accuracy?from=2020-01-01T00:00:00Z", (422, "span-too-long")),
        ("accuracy?to=0001-01-02T00:00:00Z", (400, "invalid-request")),
        ("accuracy?to=9999-12-31T00:00:00Z", (400, "invalid-request")),
        ("desk?horizon=year", (400, "invalid-request")),
        ("desk?at=yesterday", (400, "invalid-request")),
        ("desk?at=0001-01-01T00:00:00Z", (404, "not-found")),
    ],
)
def test_spans_that_are_refused(supervisor: Person, path: str, refused: object):
    assert problem(supervisor.get(f"/forecasts/{path}")) == refused


def test_the_longest_spans_are_answered(supervisor: Person):
    span = "from=2026-03-02T00:00:00Z&to=2026-05-03T00:00:00Z"
    assert len(supervisor.get(f"/forecasts/desk/actual?{span}").json()["items"]) == 62 * 24
    year = "from=2019-06-01T00:00:00Z&to=2020-06-01T00:00:00Z"
    assert supervisor.get(f"/forecasts/accuracy?{year}").json()["items"] == []
