"""`supportix routing`, from an empty log to an active model; and that nobody pays for models who has none."""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.routing.texts import examples
from tests.scene import Scene, a_customer, answer, opening

from supportix.bootstrap import Core
from supportix.cli import supportix
from supportix.commands.tickets import CloseTicket, TicketAnswer
from supportix.domain.ids import TicketId
from supportix.store.committer import Command


@pytest.fixture
def routing(database_url: str, tmp_path: Path) -> Any:
    environment = {name: None for name in os.environ if name.startswith("SUPPORTIX_")} | {
        "SUPPORTIX_DATABASE_URL": database_url,
        "SUPPORTIX_DATA_DIRECTORY": str(tmp_path),
    }

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(supportix, ["routing", *arguments], env=environment, prog_name="supportix")

    return command


def shows(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(result: Result) -> str:
    assert result.exit_code == 2, result.output
    return result.stderr


def stored_version(trained: str) -> int:
    found = re.search(r"Model (\d+) is stored", trained)
    assert found is not None, trained
    return int(found[1])


async def close_some(core: Core, count: int) -> None:
    scene = Scene(core)
    departments: dict[str | None, Any] = {}
    for example in examples(count, blurred=0.0):
        if example.label not in departments:
            departments[example.label] = await scene.department()
        command = opening(departments[example.label], subject=example.text)
        ticket = answer(await core.tickets.open(command, a_customer(), Command(), at=scene.now), TicketAnswer)
        await scene.send(CloseTicket(ticket_id=TicketId(ticket.ticket_id)))


def test_a_model_from_training_to_activation(run: Any, core: Core, routing: Any):
    run(close_some(core, 120))

    measured = json.loads(shows(routing("evaluate", "--json")))
    assert (measured["learned_from"], measured["tested"], measured["why_not"]) == (96, 24, None)
    assert measured["accuracy"] > 0.9
    trained = shows(routing("train", "--precision", "0.8"))
    version = stored_version(trained)
    assert "accuracy of the most frequent department" in trained
    (listed,) = map(json.loads, shows(routing("models", "--json")).splitlines())
    assert (listed["version"], listed["active"], listed["departments"]) == (version, False, 3)
    assert listed["learned_with"].startswith("scikit-learn ")
    assert f"Model {version} is active" in shows(routing("activate", str(version)))
    assert "\tactive\t" in shows(routing("models"))
    assert "No model is active" in shows(routing("activate", "--none"))


def test_a_model_of_part_of_the_history_says_what_it_lacks(run: Any, core: Core, routing: Any):
    run(close_some(core, 60))

    trained = shows(routing("train", "--until", "60"))
    assert "Nothing is known about departments" in trained
    activated = routing("activate", str(stored_version(trained)))
    assert "It routes nothing: " in activated.stderr
    (listed,) = map(json.loads, shows(routing("models", "--json")).splitlines())
    assert listed["trained_until"] == 60


def test_what_the_commands_refuse(routing: Any, tmp_path: Path):
    path = tmp_path / "texts.csv"
    path.write_text("title,label\nno invoice,billing\n")
    assert "nothing to learn from" in refusal(routing("train"))
    assert "no model has version 7" in refusal(routing("activate", "7"))
    assert "a version was expected" in refusal(routing("activate"))
    assert "its columns were expected too" in refusal(routing("evaluate", "--dataset", str(path)))
    wrong = routing("evaluate", "--dataset", str(path), "--text", "body", "--label", "label")
    assert "has no column body; it has: title, label" in refusal(wrong)
    assert "--dataset was expected" in refusal(routing("evaluate", "--text", "body"))


def test_a_file_is_measured_without_a_database(tmp_path: Path):
    path = tmp_path / "texts.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["title", "label"])
        rows.writerows([each.text, each.label] for each in examples(400, blurred=0.0))

    result = CliRunner().invoke(
        supportix, ["routing", "evaluate", "--dataset", str(path), "--text", "title", "--label", "label"]
    )

    assert "measured on the 80 newest" in shows(result)
    assert "Confusion" in result.stdout


@pytest.mark.parametrize("module", ["supportix.api.app", "supportix.running", "supportix.cli"])
def test_without_a_model_nobody_imports_what_it_needs(module: str):
    program = f"import sys, {module}; print(*({{'numpy', 'scipy', 'sklearn'}} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert printed.stdout.strip() == ""
