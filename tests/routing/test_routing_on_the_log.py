"""Routing on a real log: rules followed over processes, models learned from it, decisions proved afterwards."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.projections.read_models import a_runner, catch_up
from tests.routing.texts import BILLING, NETWORK, PEOPLE, examples
from tests.scene import ADMIN, START, SUPERVISOR, Scene, a_customer, answer, opening
from tests.store.streams import whole_log

from supportix.bootstrap import Core, open_core
from supportix.commands.departments import DepartmentAnswer
from supportix.commands.tickets import AcceptTags, CloseTicket, DismissTags, TicketAnswer, TransferTicket
from supportix.domain.errors import Forbidden
from supportix.domain.ids import TRIAGE_DEPARTMENT_ID, DepartmentId, TicketId
from supportix.domain.routing_rules import RequestTypeTaken, RoutingRule, RoutingRuleInvalid
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_facts import TicketRouted, TicketTagsSuggested
from supportix.domain.ticket_words import RoutingStep
from supportix.processes.audit import AuditReport, AuditScope, audit
from supportix.projections.checkpoint_queries import ReadDatabase
from supportix.projections.ticket_queries import TicketScope, ticket_detail
from supportix.routing.decide import UnknownRequestType
from supportix.routing.evaluation import evaluate
from supportix.routing.history import examples_until
from supportix.routing.models import UnknownModel, activate, add, stored_models
from supportix.routing.training import LEARNED_WITH, learn
from supportix.settings import Settings
from supportix.store.committer import Command

VPN = RoutingRule(name="vpn", terms=("vpn",))


@pytest.fixture
def scene(run: Any, core: Core) -> Scene:
    run(core.departments.ensure_triage(at=START))
    return Scene(core)


@pytest.fixture
def other_core(run: Any, database_url: str) -> Iterator[Core]:
    """Another process on the same database."""
    opened = open_core(Settings(database_url=database_url))
    yield run(opened.__aenter__())
    run(opened.__aexit__(None, None, None))


async def give_rules(core: Core, department: DepartmentId, *rules: RoutingRule, envelope: Command | None = None):
    return await core.departments.change_routing_rules(department, rules, ADMIN, envelope or Command(), None, at=START)


async def give_types(core: Core, department: DepartmentId, *names: str, envelope: Command | None = None):
    return await core.departments.change_request_types(department, names, ADMIN, envelope or Command(), None, at=START)


async def open_ticket(core: Core, subject: str, **changes: Any) -> TicketAnswer:
    command = opening(None, subject=subject, **changes)
    return answer(await core.tickets.open(command, a_customer(), Command(), at=START), TicketAnswer)


async def routing_of(core: Core, ticket: TicketAnswer) -> TicketRouted:
    entries = await core.desk.reading.stream(ticket.ticket_id)
    return next(entry.fact for entry in entries if isinstance(entry.fact, TicketRouted))


async def audited(core: Core) -> AuditReport:
    return await audit(core.pool, AuditScope())


async def test_a_rule_takes_a_ticket_and_the_event_says_so(core, scene):
    network = await scene.department()
    outcome = await give_rules(core, network, VPN)
    assert answer(outcome, DepartmentAnswer).version == 2
    ticket = await open_ticket(core, "My VPN is down")
    fact = await routing_of(core, ticket)
    assert (ticket.department_id, fact.step) == (network, RoutingStep.RULE)
    assert fact.evidence is not None
    assert fact.evidence.rule is not None
    assert (fact.evidence.rule.name, fact.evidence.rule.term) == ("vpn", "vpn")
    assert fact.evidence.based_on >= outcome.position


@pytest.mark.usefixtures("scene")
async def test_triage_tells_why_nobody_decided(core):
    fact = await routing_of(core, await open_ticket(core, "Hello"))
    assert (fact.department_id, fact.step) == (TRIAGE_DEPARTMENT_ID, RoutingStep.TRIAGE)
    assert fact.evidence is not None
    assert fact.evidence.passed == {"rule": "there are none", "classifier": "no model is active"}


async def test_rules_of_another_process_are_in_effect_within_moments(core, other_core, scene):
    network = await scene.department()
    assert (await open_ticket(other_core, "VPN")).department_id == TRIAGE_DEPARTMENT_ID
    await give_rules(core, network, VPN)
    async with asyncio.timeout(10):
        while (await open_ticket(other_core, "VPN")).department_id != network:
            await asyncio.sleep(0.05)
    await give_rules(core, network)
    async with asyncio.timeout(10):
        while (await open_ticket(other_core, "VPN")).department_id != TRIAGE_DEPARTMENT_ID:
            await asyncio.sleep(0.05)
    report = await audited(core)
    assert report.clean
    assert report.routings_proved["rule"] >= 1


async def test_a_request_type_of_another_process_is_known_at_once(core, other_core, scene):
    billing = await scene.department()
    await open_ticket(other_core, "starts to follow")
    await give_types(core, billing, "refund")
    ticket = await open_ticket(other_core, "Money", request_type="Refund")
    assert (ticket.department_id, (await routing_of(core, ticket)).step) == (billing, RoutingStep.REQUEST_TYPE)
    with pytest.raises(UnknownRequestType, match="expected one of: refund"):
        await open_ticket(other_core, "Money", request_type="gift")


async def test_a_request_type_is_owned_once(core, other_core, scene):
    billing, network = await scene.department(), await scene.department()
    await give_types(core, billing, "refund", "invoice")
    with pytest.raises(RequestTypeTaken, match="'REFUND' belongs to another department"):
        await give_types(other_core, network, "vpn", "REFUND")
    await give_types(core, billing, "invoice")
    await give_types(other_core, network, "vpn", "REFUND")
    outcomes = await asyncio.gather(
        *(give_types(each, owner, "gift") for each, owner in ((core, billing), (other_core, network))),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Outcome", "RequestTypeTaken"]


async def test_a_repeat_gets_the_first_answer(core, scene):
    billing = await scene.department()
    for give in (
        lambda envelope: give_rules(core, billing, VPN, envelope=envelope),
        lambda envelope: give_types(core, billing, "refund", envelope=envelope),
    ):
        envelope = Command(fingerprint=b"this request")
        first, again = [await give(envelope) for _ in range(2)]
        assert (again.answer, again.position, again.repeated) == (first.answer, first.position, True)


async def test_who_may_not_manage_departments_changes_no_routing(core, scene):
    billing = await scene.department()
    with pytest.raises(Forbidden):
        await core.departments.change_routing_rules(billing, [VPN], SUPERVISOR, Command(), None, at=START)
    with pytest.raises(Forbidden):
        await core.departments.change_request_types(billing, ["x"], SUPERVISOR, Command(), None, at=START)
    with pytest.raises(RoutingRuleInvalid):
        await give_rules(core, billing, RoutingRule(name="r"))


async def a_history(core: Core, scene: Scene, count: int = 240) -> dict[str, DepartmentId]:
    """Tickets that were opened in triage, transferred to where they belong, and closed there."""
    departments = {label: await scene.department() for label in (BILLING, NETWORK, PEOPLE)}
    for example in examples(count, blurred=0.05):
        ticket = await open_ticket(core, example.text, tags=example.tags)
        ticket_id, owner = TicketId(ticket.ticket_id), departments[example.label or ""]
        await scene.send(TransferTicket(ticket_id=ticket_id, department_id=owner))
        await scene.send(CloseTicket(ticket_id=ticket_id))
    return departments


async def train(core: Core, until: int | None = None) -> int:
    position = until if until is not None else await core.desk.reading.head()
    history = await examples_until(core.pool, position)
    found = evaluate(history, precision=0.8)
    model = learn(history, precision=0.8)
    return await add(core.pool, model, found, trained_until=position, learned_with=LEARNED_WITH, at=START)


async def test_a_model_learned_from_the_history_routes_tags_and_is_proved(core, scene):
    departments = await a_history(core, scene)
    version = await train(core)
    await activate(core.pool, version)
    await core.router.refresh()

    sure = await open_ticket(core, "the vpn connection is slow", tags=("Technical",))
    tagged = await open_ticket(core, "refund the amount of my invoice, charged twice", tags=("mine",))
    unsure = await open_ticket(core, "hello")

    fact = await routing_of(core, sure)
    assert (fact.department_id, fact.step) == (departments[NETWORK], RoutingStep.CLASSIFIER)
    assert fact.evidence is not None
    verdict = fact.evidence.verdict
    assert verdict is not None
    assert (verdict.model_version, verdict.is_sure) == (version, True)
    assert fact.evidence.passed == {"rule": "there are none"}
    passed = (await routing_of(core, unsure)).evidence
    assert passed is not None
    assert passed.passed["classifier"].startswith("abstained: 0.")
    suggestions = {
        entry.stream_id: {tag.name for tag in entry.fact.tags}
        for entry in await whole_log(core.desk.reading)
        if isinstance(entry.fact, TicketTagsSuggested)
    }
    assert "money" in suggestions[tagged.ticket_id]
    assert "technical" not in suggestions.get(sure.ticket_id, set())

    report = await audited(core)
    assert report.clean
    assert report.routings_proved["classifier"] == 2


async def test_suggested_tags_that_people_accept_are_tags_and_teach(core, scene, database_url):
    """Customers see what was accepted, staff also what is still undecided."""
    await a_history(core, scene)
    await activate(core.pool, await train(core))
    await core.router.refresh()
    opened = await open_ticket(core, "refund the amount of my invoice, charged twice", tags=("mine",))
    ticket_id = TicketId(opened.ticket_id)
    ticket = await core.desk.load(Ticket, ticket_id)
    others = tuple(tag for tag in ticket.suggested_tags if tag != "money")
    assert 0 < len(others) < len(ticket.suggested_tags)
    runner, database = await a_runner(core), ReadDatabase(Settings(database_url=database_url, pool_size=1))

    async def tags_seen(**scope: Any) -> tuple[tuple[str, ...], set[str]]:
        await catch_up(runner)
        found = (await ticket_detail(database, TicketScope(**scope), ticket_id=ticket_id, now=START)).value
        assert found is not None
        return found.tags, set(found.suggested_tags)

    assert await tags_seen() == (("mine",), {"money", *others})
    assert await tags_seen(requester_id=ticket.requester_id) == (("mine",), set())
    await scene.send(AcceptTags(ticket_id=ticket_id, tags=("money",)))
    assert await tags_seen() == (("mine", "money"), set(others))
    assert await tags_seen(requester_id=ticket.requester_id) == (("mine", "money"), set())
    await scene.send(DismissTags(ticket_id=ticket_id, tags=others))
    assert await tags_seen() == (("mine", "money"), set())
    await database.close()
    *_, last = await examples_until(core.pool, await core.desk.reading.head())
    assert last.tags == ("mine", "money")


async def test_what_a_model_did_not_say_is_found_by_the_audit(core, scene):
    await a_history(core, scene, count=120)
    await activate(core.pool, await train(core))
    await core.router.refresh()
    ticket = await open_ticket(core, "the vpn connection is slow")

    def say_less(fact: dict[str, Any]) -> None:
        fact["evidence"]["verdict"]["best"]["probability"] -= 0.01

    await rewrite(core, ticket, say_less)
    (finding,) = (await audited(core)).findings
    assert (finding.stream_id, "says" in finding.what) == (ticket.ticket_id, True)


async def test_a_rule_that_was_not_there_is_found_by_the_audit(core, scene):
    network, billing = await scene.department(), await scene.department()
    await give_rules(core, network, VPN)
    ticket = await open_ticket(core, "My VPN")
    assert (await audited(core)).routings_proved == {"rule": 1}

    def elsewhere(fact: dict[str, Any]) -> None:
        fact["department_id"] = str(billing)

    await rewrite(core, ticket, elsewhere)
    (finding,) = (await audited(core)).findings
    assert f"send it to {network} by rule" in finding.what


async def test_rules_that_changed_later_do_not_matter_to_the_audit(core, scene):
    network = await scene.department()
    await give_rules(core, network, VPN)
    await open_ticket(core, "My VPN")
    await give_rules(core, network)
    await open_ticket(core, "My VPN")
    report = await audited(core)
    assert (report.clean, report.routings_proved) == (True, {"rule": 1, "triage": 1})


async def test_training_is_a_function_of_the_position(core, scene):
    await a_history(core, scene, count=60)
    position = await core.desk.reading.head()
    first = await examples_until(core.pool, position)
    await a_history(core, scene, count=5)
    assert await examples_until(core.pool, position) == first
    assert len(await examples_until(core.pool, await core.desk.reading.head())) == 65
    half = await examples_until(core.pool, position // 2)
    assert [each.text for each in half] == [each.text for each in first[: len(half)]]


async def test_a_move_that_a_merge_made_teaches_nothing(core, scene):
    home, away = await scene.department(), await scene.department()
    ticket = await scene.ticket(home)
    await scene.send(TransferTicket(ticket_id=TicketId(ticket.ticket_id), department_id=away))
    await scene.send(CloseTicket(ticket_id=TicketId(ticket.ticket_id)))
    head = await core.desk.reading.head()
    assert [each.label for each in await examples_until(core.pool, head)] == [str(away)]

    def by_merge(fact: dict[str, Any]) -> None:
        fact["merge_id"] = str(home)

    await rewrite(core, ticket, by_merge, name="ticket.transferred.v1")
    assert [each.label for each in await examples_until(core.pool, head)] == [str(home)]


async def test_a_ticket_that_did_not_end_or_ended_in_triage_has_no_label(core, scene):
    await scene.ticket(await scene.department())
    closed = await open_ticket(core, "Withdrawn")
    await scene.send(CloseTicket(ticket_id=TicketId(closed.ticket_id)))
    labels = [each.label for each in await examples_until(core.pool, await core.desk.reading.head())]
    assert labels == [None, None]


async def test_models_are_listed_and_one_is_active(core, scene):
    await scene.ticket(await scene.department())
    first, second = await train(core), await train(core)
    await activate(core.pool, first)
    await activate(core.pool, second)
    listed = await stored_models(core.pool)
    assert [(each.version, each.active) for each in listed] == [(second, True), (first, False)]
    assert listed[0].why_it_routes_nothing == "0 tickets ended in a department; at least 50 were expected"
    with pytest.raises(UnknownModel):
        await activate(core.pool, second + 1)
    assert [each.active for each in await stored_models(core.pool)] == [True, False]
    await activate(core.pool, None)
    assert not any(each.active for each in await stored_models(core.pool))


async def test_a_model_that_can_not_be_read_routes_nothing_and_says_so(core, scene):
    await scene.ticket(await scene.department())
    version = await train(core)
    async with core.pool.connection() as connection:
        await connection.execute("UPDATE routing_models SET body = 'spoiled'")
    await activate(core.pool, version)
    await core.router.refresh()
    fact = await routing_of(core, await open_ticket(core, "Hello"))
    assert fact.evidence is not None
    assert fact.evidence.passed["classifier"].startswith(f"model {version} routes nothing")


async def rewrite(core: Core, ticket: TicketAnswer, change: Any, name: str = "ticket.routed.v1") -> None:
    """Change an event's body behind everybody's back."""
    async with core.pool.connection() as connection:
        where = "WHERE name = %s AND stream_id = %s"
        cursor = await connection.execute(f"SELECT body FROM events {where}", (name, ticket.ticket_id))  # noqa: S608
        fact = msgspec.json.decode((await cursor.fetchone() or (b"",))[0])
        change(fact)
        await connection.execute(
            f"UPDATE events SET body = %s {where}",  # noqa: S608
            (msgspec.json.encode(fact), name, ticket.ticket_id),
        )
