"""`supportix simulate`: the history again, under other policies, staffing or merge thresholds, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings, data_option
from supportix.cli.history import AT
from supportix.cli.output import progress, say, show_table

if TYPE_CHECKING:
    from supportix.settings import Settings
    from supportix.simulation.reproducing import Reproduction
    from supportix.simulation.run import Comparison, Progress
    from supportix.store.log import LogEntry


@click.command()
@click.option("--policy", "policies", multiple=True, help="Give out the tickets by this policy.")
@click.option(
    "--agents", multiple=True, metavar="[NAME:]±N", help="So many agents more or fewer: +2, -1, 'Billing:+2'."
)
@click.option("--capacity", "capacities", multiple=True, metavar="×N|=N|+N", help="Another capacity of each agent.")
@click.option(
    "--merge-threshold", "marks", multiple=True, metavar="[LOW:]HIGH", help="Waiting tickets at which others help out."
)
@click.option("--since", type=AT, help="Replay tickets opened from this time on (UTC).")
@click.option("--until", type=AT, help="Replay up to this time (UTC).")
@click.option("--department", help="Change and measure only this department.")
@click.option(
    "--target-minutes",
    "targets",
    multiple=True,
    metavar="PRIORITY=N",
    help="From the opening to the resolution, for tickets that have no target of their own.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="For handle times that the history doesn't tell.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file: .png, .svg or .pdf."
)
@data_option
def simulate(
    *,
    policies: tuple[str, ...],
    agents: tuple[str, ...],
    capacities: tuple[str, ...],
    marks: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    department: str | None,
    targets: tuple[str, ...],
    seed: int,
    as_json: bool,
    plot: Path | None,
    data: Path | None,
) -> None:
    """Replay the history's tickets under one or several alternatives.

    Options can be repeated; every combination is one alternative. Nothing is written to the store.
    """
    import asyncio

    import msgspec

    from supportix.pictures import must_be_drawable
    from supportix.simulation.question import Question
    from supportix.simulation.run import compare
    from supportix.simulation.wording import alternatives, target_minutes

    question = Question(
        alternatives=alternatives(policies, agents, capacities, marks),
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        department=department,
        seed=seed,
        target_minutes=target_minutes(targets),
    )
    question.must_hold()
    if plot is not None:
        must_be_drawable(plot)
    settings = command_settings(data)
    with progress("Simulation") as advance:
        told = lambda stage, done, total: advance(done, total, f"Simulation: {stage}")  # noqa: E731 - a name for a call.
        entries = asyncio.run(_read(settings, told))
        comparison = compare(entries, question, told)  # Outside the event loop, so that Ctrl-C ends it at once.
    if as_json:
        click.echo(msgspec.json.encode(comparison))
    else:
        _show(comparison)
    if plot is not None:
        from supportix.simulation.plotting import draw

        draw(comparison, plot)
        say(f"Drawn into {plot}.")


async def _read(settings: Settings, told: Progress) -> list[LogEntry]:
    from supportix.cli.preparing import open_pool
    from supportix.simulation.run import read_log

    async with open_pool(settings) as pool:
        return await read_log(pool, told)


def _show(comparison: Comparison) -> None:
    click.echo(f"{reproduced(comparison.reproduction)}")
    if comparison.sampled_handle_times:
        click.echo(
            f"{comparison.sampled_handle_times:,} handle times that the history doesn't tell were drawn "
            f"with seed {comparison.question.seed}; nothing else is random."
        )
    else:
        click.echo("Nothing in it is random: the history tells every handle time.")
    headings = ("", *(run.name for run in comparison.runs))
    show_table(f"Simulated up to position {comparison.position:,}", headings, rows(comparison))


def reproduced(reproduction: Reproduction) -> str:
    """Whether the simulation decides as the desk did, in a sentence."""
    if reproduction.assignments == 0:
        return "No ticket was given out by a policy in that time, so there is no choice to reproduce."
    told = (
        f"{reproduction.reproduced:,} of {reproduction.assignments:,} assignments by the policy that ran "
        "are reproduced: same ticket, same agent."
    )
    first = reproduction.first_difference
    if first is None:
        return told
    instead = f"agent {first.given_to}" if first.given_to else "nobody"
    return (
        f"{told} The first difference, at position {first.position:,}: ticket {first.ticket_id} "
        f"went to agent {first.agent_id}, and would go to {instead}."
    )


def rows(comparison: Comparison) -> list[Sequence[str]]:
    """What is compared, a line each, with a cell for each run."""
    runs = [run.figures for run in comparison.runs]
    priorities = [
        each for each in ("urgent", "high", "normal", "low") if any(each in run.queue_seconds for run in runs)
    ]
    lines = [
        ("tickets opened", [f"{run.tickets:,}" for run in runs]),
        ("taken by an agent", [f"{run.taken:,}" for run in runs]),
        ("still waiting at the end", [f"{run.waiting:,}" for run in runs]),
        ("wait, mean", [duration(run.waits.mean) for run in runs]),
        ("wait, p50", [duration(run.waits.p50) for run in runs]),
        ("wait, p90", [duration(run.waits.p90) for run in runs]),
        ("wait, p99", [duration(run.waits.p99) for run in runs]),
        ("targets broken", [_breaches(run.breaches, run.with_target) for run in runs]),
        *(
            (
                f"in queues, {each}",
                [duration(run.queue_seconds[each]) if each in run.queue_seconds else "" for run in runs],
            )
            for each in priorities
        ),
        ("utilisation", [f"{run.utilisation:.1%}" for run in runs]),
        ("Gini of load", [f"{run.gini:.3f}" for run in runs]),
        ("assignments", [f"{run.assignments:,}" for run in runs]),
        ("reassignments", [f"{run.reassignments:,}" for run in runs]),
        ("moved by merges", [f"{run.moved:,}" for run in runs]),
    ]
    return [(name, *cells) for name, cells in lines]


def _breaches(breaches: int | None, with_target: int) -> str:
    return "no targets" if breaches is None else f"{breaches:,} ({breaches / max(with_target, 1):.1%})"


def duration(seconds: float) -> str:
    """For a person: two units at most."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"
