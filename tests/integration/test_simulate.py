"""`supportix simulate`: what it prints, draws and refuses in one line, and that it leaves nothing behind."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import psycopg
import pytest
from tests.conftest import MakeDatabase
from tests.generated_log import write_log
from tests.integration.test_cli import Cli, supportix_process

from supportix.cli.simulate import duration


@pytest.fixture(scope="module")
def replayed_url(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with make_database() as url:
        directory = tmp_path_factory.mktemp("replayed")
        write_log(directory / "log.csv", tickets=120, seed=5)
        Cli(url, directory).shows("import", str(directory / "log.csv"), "--mapping", "servicenow", "--mode", "replayed")
        yield url


@pytest.fixture
def cli(replayed_url: str, tmp_path: Path) -> Cli:
    return Cli(replayed_url, tmp_path)


def test_alternatives_stand_side_by_side(cli: Cli) -> None:
    shown = cli.shows("simulate", "--policy", "round_robin", "--policy", "least_busy", "--capacity", "x0.5")
    assert "assignments by the policy that ran are reproduced: same ticket, same agent." in shown
    assert "The first difference" not in shown
    lines = [line.split("\t") for line in shown.splitlines()]
    headings = next(line for line in lines if "happened" in line)
    assert headings[1:] == [
        "happened",
        "simulated_as_it_was",
        "round_robin,_capacity_×0.5",
        "least_busy,_capacity_×0.5",
    ]
    opened = next(line for line in lines if line[0] == "tickets opened")
    assert opened == ["tickets opened", "120", "120", "120", "120"]
    assert {"wait, p50", "wait, p90", "wait, p99", "targets broken", "utilisation", "Gini of load"} <= {
        line[0] for line in lines
    }


def test_options_that_are_repeated_are_combined(cli: Cli) -> None:
    arguments = ("--policy", "round_robin", "--agents", "+1", "--agents", "+2", "--merge-threshold", "2:6")
    runs = json.loads(cli.shows("simulate", *arguments, "--json"))["runs"]
    assert [run["name"] for run in runs[2:]] == [f"round_robin, agents +{n}, merge 2:6" for n in (1, 2)]


def test_as_json_it_is_the_same_at_every_run(cli: Cli) -> None:
    arguments = (
        "simulate",
        "--policy",
        "round_robin",
        "--seed",
        "7",
        "--json",
        "--target-minutes",
        "normal=60,high=30",
    )
    first = cli.shows(*arguments)
    assert cli.shows(*arguments) == first
    comparison = json.loads(first)
    assert comparison["reproduction"]["reproduced"] == comparison["reproduction"]["assignments"] > 50
    assert comparison["question"]["target_minutes"] == {"normal": 60, "high": 30}
    assert comparison["runs"][0]["figures"] == comparison["runs"][1]["figures"]


def test_the_picture_names_every_run_and_is_the_same_at_every_run(cli: Cli, tmp_path: Path) -> None:
    pictures = [tmp_path / name for name in ("one.png", "two.png", "three.svg")]
    for picture in pictures:
        cli.shows("simulate", "--policy", "round_robin", "--capacity", "=1", "--plot", str(picture))
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    drawn = ET.parse(pictures[2])  # noqa: S314 - our own file.
    assert drawn.getroot().tag.endswith("svg")
    text = pictures[2].read_text()
    for title in ("round_robin, capacity =1", "Wait, median", "Gini of load"):
        assert f"<!-- {title}" in text
    assert sorted(tmp_path.iterdir()) == sorted(pictures)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--policy", "loudest"), "least_busy, round_robin"),
        (("--agents", "-900"), "900 agents were to leave"),
        (("--agents", "many"), "such as +2"),
        (("--agents", "Nowhere:+1"), "no department 'Nowhere'"),
        (("--capacity", "more"), "such as ×1.5"),
        (("--merge-threshold", "9:9"), "0 < low < high"),
        (("--since", "2021-03-01", "--until", "2021-03-01"), "before"),
        (("--since", "2031-03-01"), "no ticket was opened"),
        (("--target-minutes", "soon=5"), "priorities are low"),
        (("--department", "Nowhere"), "no department 'Nowhere'"),
        (("--plot", "picture.gif"), ".png, .svg, .pdf"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_one_line(cli: Cli, arguments: tuple[str, ...], expected: str) -> None:
    result = cli.run("simulate", *arguments)
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert expected in last


def test_ctrl_c_ends_it_and_leaves_nothing_behind(replayed_url: str, tmp_path: Path) -> None:
    arguments = [part for n in range(1, 13) for part in ("--agents", f"+{n}")]
    running = supportix_process("simulate", *arguments, "--plot", str(tmp_path / "a.png"), database_url=replayed_url)
    with running:
        seen = ""
        while "simulated as it was" not in seen:
            assert running.stdout is not None
            seen += running.stdout.readline()
        interrupted_at = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert time.monotonic() - interrupted_at < 5
        assert "Traceback" not in seen + running.stdout.read()
    assert list(tmp_path.iterdir()) == []
    with psycopg.connect(replayed_url) as connection:
        assert connection.execute("SELECT count(*) FROM simulations").fetchone() == (0,)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59.6, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")]
)
def test_durations_in_two_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told
