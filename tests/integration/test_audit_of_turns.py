"""The audit proves that each ticket was the next of its queue as far as its chooser knew, and names one that wasn't."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.auditing import audited, rewrite
from tests.billing_desk import NOW, a_desk, arrive, change, finish
from tests.dispatching import decide, serve
from tests.small_desk import Desk

from supportix.bootstrap import Core
from supportix.commands.desk import stored
from supportix.domain.agent import Agent
from supportix.domain.demand import Demand
from supportix.domain.ticket_words import Priority
from supportix.processes.audit import Finding
from supportix.store.committer import Command

FRENCH = Demand(skills=("french",))


async def write(core: Core, desk: Desk) -> None:
    for events in desk.commands:
        await core.committer.append([stored(event) for event in events], Command())


@pytest.fixture
def tickets(run: Any, core: Core) -> list[UUID]:
    """Six of which five were given out at once, in this order; the second asks for a skill that nobody has."""

    async def written() -> list[UUID]:
        desk = a_desk(agents=2, capacity=3)
        found = [
            arrive(desk, Priority.URGENT),
            arrive(desk, Priority.HIGH, FRENCH),
            arrive(desk, Priority.HIGH, Demand(returned=True)),
            arrive(desk, Priority.HIGH, Demand(due_at=NOW + timedelta(hours=1))),
            arrive(desk, Priority.HIGH),
            arrive(desk),
        ]
        serve(desk)
        await write(core, desk)
        return found

    return run(written())


async def findings_after(core: Core, name: str, change_of: dict[str, Any], nth: int) -> list[Finding]:
    await rewrite(core, name, lambda fact: fact.update(change_of), nth=nth)
    return (await audited(core)).findings


@pytest.mark.usefixtures("tickets")
async def test_a_ticket_that_nobody_can_take_is_passed_over(core: Core) -> None:
    report = await audited(core)
    assert (report.findings, report.proved) == ([], 5)


@pytest.mark.parametrize(
    ("nth", "now", "overtakes"),
    [
        (5, {"priority": "urgent", "opened_at": "2026-03-02T08:00:00Z"}, [0, 2, 3, 4]),
        (4, {"priority": "urgent", "opened_at": "2026-03-02T08:00:00Z"}, [0, 2, 3]),
        (4, {"opened_at": "2026-03-02T08:00:00Z"}, []),
    ],
)
async def test_a_ticket_that_went_before_its_turn_is_named(core: Core, tickets, nth, now, overtakes) -> None:
    """Made more urgent afterwards, the ticket should have been given out before these; older alone, not yet."""
    findings = await findings_after(core, "ticket.routed.v1", now, nth)
    assert [(each.stream_id, each.what) for each in findings] == [
        (tickets[overtaken], f"ticket {tickets[nth]} was before it in the queue, and could be taken")
        for overtaken in overtakes
    ]


async def test_a_ticket_that_was_passed_over_although_it_could_be_taken_is_named(core: Core, tickets) -> None:
    findings = await findings_after(core, "ticket.routed.v1", {"demand": {}}, 1)
    assert [(each.stream_id, each.what) for each in findings] == [
        (tickets[n], f"ticket {tickets[1]} was before it in the queue, and could be taken") for n in (4, 5)
    ]


async def test_a_ticket_that_waited_elsewhere_is_named(core: Core, tickets) -> None:
    elsewhere = {"department_id": "00000000-0000-7000-8000-0000000000b9"}
    findings = await findings_after(core, "ticket.routed.v1", elsewhere, 3)
    assert [each.stream_id for each in findings] == [tickets[3]] * 2
    assert findings[1].what == "it didn't wait in the department's queue as far as was known"


async def a_late_choice(core: Core) -> tuple[Desk, int]:
    """Decided on before a more urgent ticket came and an agent had room again, and saved after that."""
    desk = a_desk(agents=2, capacity=1)
    first = arrive(desk)
    serve(desk)
    arrive(desk, Priority.HIGH)
    arrive(desk)
    known = len(desk.log)
    late = desk.board.events_of(decide(desk, desk.board.ready()), at=NOW)
    arrive(desk, Priority.URGENT)
    finish(desk, first)
    desk.save(late)
    serve(desk)
    await write(core, desk)
    return desk, known


async def test_what_came_after_the_chooser_had_looked_is_held_against_nobody(core: Core) -> None:
    await a_late_choice(core)
    report = await audited(core)
    assert (report.findings, report.proved) == ([], 3)


async def test_a_chooser_who_claims_to_have_known_more_has_to_have_gone_by_it(core: Core) -> None:
    """The position that a choice names is no way out: with the later ticket in sight, that one was next."""
    desk, known = await a_late_choice(core)

    def know_more(fact: dict[str, Any]) -> None:
        assert fact["reasons"]["based_on"] == known
        fact["reasons"]["based_on"] += 2

    await rewrite(core, "ticket.assigned.v1", know_more, nth=1)
    (finding,) = (await audited(core)).findings
    urgent = next(e.originator_id for e in desk.log[known:] if getattr(e.fact, "priority", None) is Priority.URGENT)
    assert finding.what == f"ticket {urgent} was before it in the queue, and could be taken"


async def test_a_chooser_who_claims_to_have_known_less_has_to_have_gone_by_that(core: Core) -> None:
    """Before the first choices were saved, their tickets still waited, and their agents had room."""
    desk = a_desk(agents=3, capacity=1)
    skills = ("french", "sql", "vpn")
    for agent, skill in zip(desk.all(Agent), skills, strict=True):
        change(desk, agent, lambda each, skill=skill: each.change_skills({skill: 3}, at=NOW))
    first, second, third = (arrive(desk, demand=Demand(skills=(skill,))) for skill in skills)
    known = len(desk.log)
    late = desk.board.events_of(decide(desk, desk.board.ready(), 2), at=NOW)
    arrive(desk, demand=FRENCH)
    desk.save(late)
    assert [decision.claim.originator_id for decision in serve(desk)] == [third]
    await write(core, desk)
    assert (await audited(core)).findings == []

    await rewrite(core, "ticket.assigned.v1", lambda fact: fact["reasons"].update(based_on=known), nth=2)
    (finding,) = (await audited(core)).findings
    assert finding.what == f"ticket {first} was before it in the queue, and could be taken"
    assert second != finding.stream_id == third
