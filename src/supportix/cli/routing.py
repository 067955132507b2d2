"""`supportix routing`: models that route and tag tickets are trained, measured, listed and activated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.errors import CommandRefused
from supportix.cli.output import Advance, progress, say, show_table
from supportix.cli.state import moment_or_position

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from supportix.routing.evaluation import Evaluation
    from supportix.routing.models import StoredModel
    from supportix.routing.sampling import Example
    from supportix.routing.training import Told
    from supportix.settings import Settings

SHOWN_LABELS = 12

precision_option = click.option(
    "--precision",
    type=click.FloatRange(0.5, 1.0, max_open=True),
    default=0.9,
    show_default=True,
    help="The share of its decisions that has to be right; below the threshold that this sets, a model abstains.",
)
until_option = click.option(
    "--until", metavar="POSITION|TIME", help="Learn from the log up to here (UTC).  [default: all of it]"
)


@click.group()
def routing() -> None:
    """Train, measure and activate the models that route tickets and suggest tags."""


@routing.command()
@until_option
@precision_option
@data_option
def train(*, until: str | None, precision: float, data: Path | None) -> None:
    """Train a model on the history, and store it. It routes nothing until it is activated.

    The same position of the log gives the same model.
    """
    settings = command_settings(data)
    version, evaluation, names = asyncio.run(_train(settings, until, precision))
    _show(evaluation, names)
    click.echo(f"Model {version} is stored; `supportix routing activate {version}` puts it into effect.")


@routing.command()
@click.option("--dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV or CSV.gz file.")
@click.option("--text", help="The file's columns of text, separated by commas.")
@click.option("--label", help="The file's column that says where each text belongs.")
@click.option("--time", help="The file's column to order by.  [default: rows are shuffled, the same each time]")
@until_option
@precision_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@data_option
def evaluate(
    *,
    dataset: Path | None,
    text: str | None,
    label: str | None,
    time: str | None,
    until: str | None,
    precision: float,
    as_json: bool,
    data: Path | None,
) -> None:
    """Learn from the earlier four fifths, predict the newest fifth, and say how well that went.

    Of the history, or of a file of labelled texts. Nothing is stored.
    """
    import msgspec

    names: dict[str, str] = {}
    if dataset is None:
        if text or label or time:
            raise CommandRefused("--text, --label and --time are about a file; --dataset was expected with them")
        evaluation, names = asyncio.run(_evaluate_history(command_settings(data), until, precision))
    else:
        if not text or not label:
            raise CommandRefused("--dataset: its columns were expected too, as in --text title,body --label category")
        evaluation = _evaluate_file(dataset, text.split(","), label, time, precision)
    if as_json:
        click.echo(msgspec.json.encode(evaluation))
    else:
        _show(evaluation, names)


@routing.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@data_option
def models(*, as_json: bool, data: Path | None) -> None:
    """List the models, and tell which is active."""
    import msgspec

    found = asyncio.run(_models(command_settings(data)))
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    headings = ("version", "active", "trained until", "tickets", "departments", "threshold", "precision", "coverage")
    rows = [_model_row(each) for each in found]
    show_table("Models", (*headings, "accuracy", "tags", "routes nothing because"), rows)


@routing.command()
@click.argument("version", type=click.IntRange(1), required=False)
@click.option("--none", "nobody", is_flag=True, help="Route and tag by no model.")
@data_option
def activate(*, version: int | None, nobody: bool, data: Path | None) -> None:
    """Route and tag by this model from now on: in every process within about a second."""
    if (version is None) is not nobody:
        raise CommandRefused("a version was expected, or --none; `supportix routing models` lists them")
    why_not = asyncio.run(_activate(command_settings(data), version))
    click.echo("No model is active." if version is None else f"Model {version} is active.")
    if why_not:
        say(f"It routes nothing: {why_not}.")


async def _train(settings: Settings, until: str | None, precision: float) -> tuple[int, Evaluation, dict[str, str]]:
    from supportix.bootstrap import utc_now
    from supportix.cli.preparing import open_pool
    from supportix.routing.models import add

    async with open_pool(settings) as pool:
        with progress("Routing") as advance:
            position, examples = await _history(pool, until, advance)
            if not examples:
                raise CommandRefused("no ticket was opened yet, so there is nothing to learn from")
            from supportix.routing.evaluation import evaluate as evaluated
            from supportix.routing.training import LEARNED_WITH, learn

            told = _told(advance)
            evaluation = await asyncio.to_thread(evaluated, examples, precision=precision, told=told)
            model = await asyncio.to_thread(learn, examples, precision=precision, told=told)
        version = await add(pool, model, evaluation, trained_until=position, learned_with=LEARNED_WITH, at=utc_now())
        return version, evaluation, await _names(pool)


async def _evaluate_history(
    settings: Settings, until: str | None, precision: float
) -> tuple[Evaluation, dict[str, str]]:
    from supportix.cli.preparing import open_pool

    async with open_pool(settings) as pool:
        with progress("Routing") as advance:
            _, examples = await _history(pool, until, advance)
            from supportix.routing.evaluation import evaluate as evaluated

            found = await asyncio.to_thread(evaluated, examples, precision=precision, told=_told(advance))
        return found, await _names(pool)


def _evaluate_file(path: Path, text: Sequence[str], label: str, time: str | None, precision: float) -> Evaluation:
    from supportix.routing.datasets import read_dataset
    from supportix.routing.evaluation import evaluate as evaluated

    examples = read_dataset(path, text, label, time)
    with progress("Routing") as advance:
        return evaluated(examples, precision=precision, told=_told(advance))


async def _history(pool: AsyncConnectionPool, until: str | None, advance: Advance) -> tuple[int, Sequence[Example]]:
    from supportix.routing.history import examples_until
    from supportix.store.log import EventLog

    log = EventLog(pool)
    head = await log.head()
    wanted: int | datetime = head if until is None else moment_or_position(until)
    position = min(wanted, head) if isinstance(wanted, int) else await log.position_at(wanted)
    return position, await examples_until(
        pool, position, lambda done, total: advance(done, total, "Reading the history")
    )


async def _models(settings: Settings) -> Sequence[StoredModel]:
    from supportix.cli.preparing import open_pool
    from supportix.routing.models import stored_models

    async with open_pool(settings) as pool:
        return await stored_models(pool)


async def _activate(settings: Settings, version: int | None) -> str | None:
    """Why it routes nothing, if it doesn't."""
    from supportix.cli.preparing import open_pool
    from supportix.routing.models import activate as activated
    from supportix.routing.models import stored_models

    async with open_pool(settings) as pool:
        await activated(pool, version)
        return next((each.why_it_routes_nothing for each in await stored_models(pool) if each.active), None)


async def _names(pool: AsyncConnectionPool) -> dict[str, str]:
    """The departments' names by id, as far as the read models know them."""
    async with pool.connection() as connection:
        rows = await (await connection.execute("SELECT department_id, name FROM read_model.departments")).fetchall()
    return {str(UUID(str(department_id))): str(name) for department_id, name in rows}


def _told(advance: Advance) -> Told:
    return lambda stage, done, total: advance(done, total, stage)


def _show(evaluation: Evaluation, names: dict[str, str]) -> None:
    click.echo(
        f"Learned from {evaluation.learned_from:,} tickets, measured on the {evaluation.tested:,} newest that ended."
    )
    if evaluation.why_not is not None:
        click.echo(f"Nothing is known about departments: {evaluation.why_not}.")
    else:
        _show_measures(evaluation)
        _show_confusion(evaluation, names)
    if evaluation.tags:
        rows = [(each.name, each.had, each.suggested, _share(each.right, each.suggested)) for each in evaluation.tags]
        show_table("Tags", ("tag", "tickets that had it", "suggested", "rightly"), rows)


def _show_measures(evaluation: Evaluation) -> None:
    sure = evaluation.precision_when_sure
    threshold = "none" if evaluation.threshold is None else f"{evaluation.threshold:.4f}"
    rows = [
        ("departments", len(evaluation.labels)),
        ("accuracy, never abstaining", f"{evaluation.accuracy:.1%}"),
        ("accuracy of the most frequent department", f"{evaluation.majority_accuracy:.1%}"),
        ("accuracy of keywords", f"{evaluation.keyword_accuracy:.1%}"),
        (f"threshold for a precision of {evaluation.wanted_precision:.0%}", threshold),
        ("coverage at the threshold", f"{evaluation.coverage:.1%}"),
        ("precision at the threshold", "" if sure is None else f"{sure:.1%}"),
        ("calibration error", f"{evaluation.calibration_error:.3f}"),
    ]
    show_table("Measured", ("what", "value"), rows)


def _show_confusion(evaluation: Evaluation, names: dict[str, str]) -> None:
    """Of the most frequent labels; the others are summed up, and `--json` has them all."""
    sizes: dict[str, int] = {}
    for truth, _, count in evaluation.confusion:
        sizes[truth] = sizes.get(truth, 0) + count
    shown = sorted(sizes, key=lambda label: (-sizes[label], label))[:SHOWN_LABELS]
    counts: dict[tuple[str, str], int] = {}
    for truth, predicted, count in evaluation.confusion:
        key = (truth if truth in shown else "others", predicted if predicted in shown else "others")
        counts[key] = counts.get(key, 0) + count
    labels = [*shown, *(["others"] if any("others" in key for key in counts) else [])]
    called = [names.get(label, label) for label in labels]
    rows = [
        (name, *(counts.get((label, other), 0) for other in labels)) for name, label in zip(called, labels, strict=True)
    ]
    show_table("Confusion: where tickets belong (rows), and what was predicted (columns)", ("", *called), rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _model_row(model: StoredModel) -> tuple[object, ...]:
    sure = model.precision_when_sure
    return (
        model.version,
        "active" if model.active else "",
        f"{model.trained_until:,}",
        model.learned_from,
        model.departments,
        model.threshold,
        None if sure is None else f"{sure:.1%}",
        f"{model.coverage:.1%}",
        f"{model.accuracy:.1%}",
        len(model.tags),
        model.why_it_routes_nothing,
    )
