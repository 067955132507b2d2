"""The process that reckons, as its owner sees it: another program answers in its place, by the same lines of JSON."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from tests.issued import hours, to_choose, to_issue
from tests.scene import START

from supportix.domain.forecast_words import Horizon
from supportix.forecasting import reckoner as reckoning
from supportix.forecasting.messages import Ask, Failed, Issue, Message, Read, Reckoned, Setting, Told
from supportix.forecasting.reckoner import Reckoner

NINE = START
SETTING = Setting(database_url="postgresql://nowhere")
STAND_IN = Path(__file__).with_name("stand_in.py")
ANSWER = (
    Read(17),
    Told("fitting", 1, 2),
    to_choose(None),
    to_issue(UUID(int=0xB), hours(NINE, *range(336)), Horizon.FORTNIGHT),
    Reckoned(),
)


@pytest.fixture
def reckoner(run, tmp_path: Path) -> Iterator[Reckoner]:
    reckoner = Reckoner(SETTING, (sys.executable, str(STAND_IN), str(tmp_path)))
    yield reckoner
    run(reckoner.close())


def answers(folder: Path, *questions: tuple[Message, ...] | bytes) -> None:
    """What is said to each question of a process."""
    for number, said in enumerate(questions):
        lines = said if isinstance(said, bytes) else b"".join(msgspec.json.encode(each) + b"\n" for each in said)
        (folder / str(number)).write_bytes(lines)


async def asked(reckoner: Reckoner, hour=NINE) -> list[Message]:
    return [message async for message in reckoner.ask(Issue(hour))]


async def test_all_that_is_said_is_heard_in_its_order(reckoner: Reckoner, tmp_path: Path):
    answers(tmp_path, ANSWER)
    assert await asked(reckoner) == list(ANSWER)
    setting, question = (tmp_path / "heard").read_bytes().splitlines()
    assert msgspec.json.decode(setting, type=Setting) == SETTING
    assert msgspec.json.decode(question, type=Ask) == Issue(NINE)


async def test_the_process_is_kept_from_one_question_to_the_next(reckoner: Reckoner, tmp_path: Path):
    answers(tmp_path, (Reckoned(),), (Read(18), Failed("no counts")))
    assert await asked(reckoner) == [Reckoned()]
    assert await asked(reckoner) == [Read(18), Failed("no counts")]
    assert len((tmp_path / "heard").read_text().splitlines()) == 3


async def test_a_process_that_ends_is_a_failure_and_another_answers_the_next_question(
    reckoner: Reckoner, tmp_path: Path
):
    (only,) = await asked(reckoner)
    assert isinstance(only, Failed)
    assert "ended" in only.why
    answers(tmp_path, ANSWER)
    await _ended(reckoner)
    assert await asked(reckoner) == list(ANSWER)


@pytest.mark.parametrize(
    "said", [b"loading the model ...\n", b'{"type":"read","position":null}\n', b'{"type":"spam"}\n']
)
async def test_nonsense_is_a_failure_and_what_follows_it_answers_nothing(
    reckoner: Reckoner, tmp_path: Path, said: bytes
):
    answers(tmp_path, said + msgspec.json.encode(Reckoned()) + b"\n")
    (only,) = await asked(reckoner)
    assert isinstance(only, Failed)
    assert "can't be read" in only.why
    answers(tmp_path, ANSWER)
    assert await asked(reckoner) == list(ANSWER)


async def test_a_process_that_does_not_end_is_ended(
    reckoner: Reckoner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reckoning, "STOP_SECONDS", 0.2)
    (tmp_path / "stubborn").touch()
    answers(tmp_path, ANSWER)
    await asked(reckoner)
    process = reckoner._process
    began = time.monotonic()
    await reckoner.close()
    assert time.monotonic() - began < 5
    assert process is not None
    assert process.returncode is not None


async def test_a_reckoner_that_was_never_asked_has_nothing_to_end(reckoner: Reckoner):
    await reckoner.close()


async def _ended(reckoner: Reckoner) -> None:
    process = reckoner._process
    if process is not None:
        async with asyncio.timeout(10):
            await process.wait()
