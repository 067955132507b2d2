"""Choices that depend on what tickets ask for: the audit proves them as made, and names what was changed by hand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.auditing import audited, rewrite
from tests.billing_desk import NOW, a_desk, arrive, change, finish
from tests.dispatching import chosen, serve
from tests.small_desk import Desk

from supportix.bootstrap import Core
from supportix.commands.desk import stored
from supportix.domain.agent import Agent
from supportix.domain.demand import Demand
from supportix.domain.ids import AgentId, TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import AssignedBy, Priority
from supportix.policies.assignment import WEIGHTED
from supportix.policies.registry import KNOWN
from supportix.processes import audit_replicas
from supportix.processes.audit import Finding
from supportix.store.committer import Command

CHOICES = 6


def a_busy_desk(policy: str) -> Desk:
    """Six choices among three agents, two of whom have a skill; each ticket weighs two and is due."""
    desk = a_desk(agents=3, capacity=6, policy=policy)
    for agent, level in zip(desk.all(Agent), (5, 2), strict=False):
        change(desk, agent, lambda each, level=level: each.change_skills({"vpn": level}, at=NOW))
    preferred = AgentId(desk.all(Agent)[1].id)
    for number in range(CHOICES):
        skills = ("vpn",) if number % 2 else ()
        arrive(
            desk,
            list(Priority)[number % 4],
            Demand(weight=2, skills=skills, due_at=NOW + timedelta(hours=number), preferred_agent_id=preferred),
        )
        [(ticket_id, _)] = chosen(serve(desk))
        if number == 3:
            finish(desk, ticket_id)
    return desk


@pytest.fixture
def policy() -> str:
    return "weighted"


@pytest.fixture
def busy(run: Any, core: Core, policy: str) -> Core:
    """The desk's log on a real store, command by command."""

    async def write(desk: Desk) -> None:
        for events in desk.commands:
            await core.committer.append([stored(event) for event in events], Command())

    run(write(a_busy_desk(policy)))
    return core


Change = Callable[[dict[str, Any]], None]


async def changed(core: Core, name: str, change: Change, nth: int = 3) -> tuple[int, list[Finding]]:
    """The position of the event that was changed by hand, and what the audit then finds."""
    position = await rewrite(core, name, change, nth=nth)
    return position, (await audited(core)).findings


@pytest.mark.parametrize("policy", ["round_robin", "least_busy", "weighted", "sticky"])
async def test_choices_by_demand_are_proved(busy: Core) -> None:
    report = await audited(busy)
    assert report.findings == []
    assert report.proved == report.assignments["policy"] == CHOICES


def weigh_less(reasons: dict[str, Any]) -> None:
    reasons["demand"]["weight"] = 1


def ask_for_less(reasons: dict[str, Any]) -> None:
    del reasons["demand"]["skills"]


def be_due_later(reasons: dict[str, Any]) -> None:
    reasons["demand"]["due_at"] = "2027-01-01T00:00:00Z"


def prefer_nobody(reasons: dict[str, Any]) -> None:
    del reasons["demand"]["preferred_agent_id"]


def have_been_taken_back(reasons: dict[str, Any]) -> None:
    reasons["demand"]["returned"] = True


def ask_for_nothing(reasons: dict[str, Any]) -> None:
    del reasons["demand"]


@pytest.mark.parametrize(
    "change", [weigh_less, ask_for_less, be_due_later, prefer_nobody, have_been_taken_back, ask_for_nothing]
)
async def test_another_demand_than_the_ticket_had_is_named(busy: Core, change: Change) -> None:
    position, findings = await changed(busy, "ticket.assigned.v1", lambda fact: change(fact["reasons"]))
    assert [finding.position for finding in findings] == [position]
    assert findings[0].what.startswith("decided on the demand")


async def test_a_demand_changed_where_the_ticket_was_queued_is_named_at_the_choice(busy: Core) -> None:
    def weigh_more(fact: dict[str, Any]) -> None:
        fact["demand"]["weight"] = 3

    position, findings = await changed(busy, "ticket.routed.v1", weigh_more)
    assert [finding.position for finding in findings] == [position + 1, position + 2]
    assert findings[0].what.startswith("decided on the demand")
    assert findings[1].what == "2 points were reserved for a ticket that weighs 3"


def another_level(reasons: dict[str, Any]) -> None:
    reasons["candidates"][0]["proficiency"] += 1


def another_load(reasons: dict[str, Any]) -> None:
    reasons["candidates"][-1]["open_work"] += 1


def another_capacity(reasons: dict[str, Any]) -> None:
    reasons["candidates"][-1]["capacity"] += 1


def another_turn(reasons: dict[str, Any]) -> None:
    reasons["candidates"][0]["last_turn"] += 1


def one_less(reasons: dict[str, Any]) -> None:
    reasons["candidates"].pop()


def one_twice(reasons: dict[str, Any]) -> None:
    reasons["candidates"].append(reasons["candidates"][0])


@pytest.mark.parametrize("change", [another_level, another_load, another_capacity, another_turn, one_less, one_twice])
async def test_other_candidates_are_named(busy: Core, change: Change) -> None:
    position, findings = await changed(busy, "ticket.assigned.v1", lambda fact: change(fact["reasons"]))
    assert [finding.position for finding in findings] == [position]
    assert findings[0].what.startswith("other candidates were recorded")


def more_eligible(reasons: dict[str, Any]) -> None:
    reasons["eligible"] += 1


def another_reason(reasons: dict[str, Any]) -> None:
    reasons["excluded"] = {"away": 1}


def more_excluded(reasons: dict[str, Any]) -> None:
    reasons["excluded"]["lacks a skill"] += 1


def nobody_excluded(reasons: dict[str, Any]) -> None:
    del reasons["excluded"]


@pytest.mark.parametrize("change", [more_eligible, another_reason, more_excluded, nobody_excluded])
async def test_another_count_is_named(busy: Core, change: Change) -> None:
    position, findings = await changed(busy, "ticket.assigned.v1", lambda fact: change(fact["reasons"]))
    assert [(finding.position, finding.what) for finding in findings] == [
        (position, "2 eligible and excluded {'lacks a skill': 1} by replay, another count was recorded")
    ]


async def test_other_words_on_what_decided_are_named(busy: Core) -> None:
    def whim(fact: dict[str, Any]) -> None:
        fact["reasons"]["tie_break"] = "a whim"

    position, findings = await changed(busy, "ticket.assigned.v1", whim)
    assert [finding.position for finding in findings] == [position]
    assert findings[0].what.endswith(" decided by replay, 'a whim' was recorded")


async def test_another_policy_than_the_departments_is_named(busy: Core) -> None:
    def run_another(fact: dict[str, Any]) -> None:
        fact["reasons"]["policy"] = "sticky"

    position, findings = await changed(busy, "ticket.assigned.v1", run_another)
    assert [(finding.position, finding.what) for finding in findings] == [
        (position, "policy 'sticky' decided, but the department's was 'weighted'")
    ]


async def test_a_policy_that_the_department_had_not_chosen_is_named(busy: Core) -> None:
    def choose_another(fact: dict[str, Any]) -> None:
        fact["policy"] = "round_robin"

    _, findings = await changed(busy, "department.created.v1", choose_another, nth=0)
    assert [finding.what for finding in findings] == [
        "policy 'weighted' decided, but the department's was 'round_robin'"
    ] * CHOICES


async def test_another_weight_of_a_reservation_is_named(busy: Core) -> None:
    def weigh_less(fact: dict[str, Any]) -> None:
        fact["weight"] = 1

    position, findings = await changed(busy, "agent.work_reserved.v1", weigh_less)
    assert (findings[0].position, findings[0].what) == (
        position,
        "1 points were reserved for a ticket that weighs 2",
    )


async def test_a_reservation_beyond_capacity_is_named(busy: Core) -> None:
    def have_less(fact: dict[str, Any]) -> None:
        fact["capacity"] = 1

    position, findings = await changed(busy, "agent.registered.v1", have_less, nth=0)
    assert position < findings[0].position
    assert any(finding.what == "agent held 0 of at most 1 when it was given 2 more" for finding in findings)


async def test_another_department_than_the_one_it_waited_in_is_named(busy: Core) -> None:
    def move(fact: dict[str, Any]) -> None:
        fact["department_id"] = "00000000-0000-7000-8000-0000000000b9"

    position, findings = await changed(busy, "ticket.assigned.v1", move)
    assert findings[0].position == position
    assert "assigned in department 00000000-0000-7000-8000-0000000000b9, but it waited in" in findings[0].what


async def test_a_persons_choice_of_an_agent_without_the_skill_is_named(core: Core) -> None:
    """One that was forced is in order."""
    desk = a_desk(agents=2)
    for agent, forced in zip(desk.all(Agent), (True, False), strict=True):
        ticket = desk.state[arrive(desk, demand=Demand(skills=("vpn",)))].copy()
        assert isinstance(ticket, Ticket)
        holder = agent.copy()
        ticket.assign(AgentId(agent.id), at=NOW, by=AssignedBy.PERSON)
        if forced:
            holder.force(TicketId(ticket.id), ticket.department_id, at=NOW)
        else:
            holder.reserve(TicketId(ticket.id), ticket.department_id, at=NOW)
        desk.save([*ticket.collect_events(), *holder.collect_events()])
    for events in desk.commands:
        await core.committer.append([stored(event) for event in events], Command())
    report = await audited(core)
    assert [(finding.position, finding.what) for finding in report.findings] == [
        (len(desk.log), "agent lacked the skills vpn when it was given work that asks for them")
    ]


async def test_a_policy_that_was_changed_under_its_old_version_is_named(
    busy: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key, the same name and version: what it chose before can't be proved with it."""
    changed_policy = msgspec.structs.replace(WEIGHTED, key=lambda candidate, _: (-candidate.agent_id.int,))
    monkeypatch.setattr(audit_replicas, "KNOWN", {**KNOWN, ("weighted", 1): changed_policy})
    report = await audited(busy)
    assert report.proved < CHOICES
    agents = [agent.id for agent in a_busy_desk("weighted").all(Agent)]
    assert report.findings[0].what == f"weighted version 1 gives it to {agents[2]}, the log to {agents[0]}"


async def test_a_policy_that_is_gone_is_named(busy: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_replicas, "KNOWN", {key: each for key, each in KNOWN.items() if key[0] != "weighted"})
    report = await audited(busy)
    assert report.proved == 0
    assert {finding.what for finding in report.findings} == {"policy 'weighted' version 1 isn't known to this release"}
