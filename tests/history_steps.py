"""What may happen at a small desk in a random history: each step decides as the domain does, on what it is pointed at.

A step returns the events of one command. What the domain refuses is raised, and nothing has happened.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from tests.advice_steps import ADVICE_STEPS
from tests.forecast_steps import FORECAST_STEPS
from tests.small_desk import START, Choices, Desk, Step

from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.aggregate import DomainEvent
from supportix.domain.calendar import BusinessCalendar, EventKind, KnownEvent
from supportix.domain.demand import Demand
from supportix.domain.department import Department, create_department
from supportix.domain.department_facts import TakeBack
from supportix.domain.ids import AgentId, CustomerId, DepartmentId, KnownEventId, TicketId
from supportix.domain.routing import SuggestedTag
from supportix.domain.routing_rules import RoutingRule
from supportix.domain.schedule import ALWAYS, Leave, Schedule, Shift
from supportix.domain.staffing_terms import StaffingTerms, WorkKind
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_facts import TicketTagsSuggested
from supportix.domain.ticket_words import AssignedBy, Channel, Priority, RoutingStep, Status, Unassigned
from supportix.domain.traffic_past import PastInterval, TrafficPast, traffic_past_id
from supportix.policies import POLICIES
from supportix.policies.pooling import shared_tickets

Events = list[DomainEvent]
CarryOut = Callable[[Desk, Step], Events]

WORDS = ("Printer", "", "Größe 3 ½", "「請求書」", 'quote " and \\ and \\u0000', "null", "{}", "tab\tand\nline", "🧾")
AVAILABILITIES = (Availability.ONLINE, Availability.AWAY, Availability.ONLINE, Availability.OFFLINE)
SKILLS_ASKED = ((), ("vpn",), (), ("vpn", "español"))
SKILLS_HAD: tuple[Mapping[str, int], ...] = ({"vpn": 4}, {"vpn": 1, "español": 5}, {"español": 2}, {})
SCHEDULES = (
    Schedule(time_zone="Europe/Lisbon", shifts=(Shift(0, 540, 545), Shift(0, 555, 1440), Shift(1, 0, 480))),
    Schedule(
        time_zone="America/New_York",
        shifts=tuple(Shift(weekday, 0, 1440) for weekday in range(7)),
        leave=(Leave(START + timedelta(minutes=5), START + timedelta(minutes=20), "Zahnarzt"),),
    ),
    Schedule(leave=(Leave(START, START + timedelta(minutes=12)),)),
    ALWAYS,
)
"""Their duty changes within the hours that a history lasts."""


def found_department(desk: Desk, step: Step) -> Events:
    policy = sorted(POLICIES)[step.what % len(POLICIES)]
    name = f"Department {len(desk.all(Department))}"
    return list(create_department(DepartmentId(desk.new_id()), name=name, policy=policy, at=desk.now).collect_events())


def _open(desk: Desk, step: Step) -> Events:
    department = desk.pick(Department, step.which)
    choices = Choices(step.what)
    priority, skills = choices.of(list(Priority)), choices.of(SKILLS_ASKED)
    channel = choices.of(list(Channel))
    preferred = desk.pick(Agent, step.what) if step.which % 3 else None
    ticket = open_ticket(
        TicketId(desk.new_id()),
        number=f"SUP-2026-{len(desk.log):06}",
        subject=f"No {step.what}",
        description=WORDS[step.what % len(WORDS)],
        requester_id=CustomerId(UUID(int=step.what)),
        priority=priority,
        channel=channel,
        tags=WORDS[: step.what % 4],
        department_id=DepartmentId(department.id),
        step=RoutingStep.REQUEST,
        suggested=_suggested(desk) if step.what % 3 == 0 else None,
        at=desk.now,
        demand=department.demand(
            priority,
            channel,
            since=desk.now,
            skills=skills,
            preferred_agent_id=AgentId(preferred.id) if preferred is not None else None,
        ),
        external_reference=WORDS[step.what % len(WORDS)] or None,
    )
    return list(ticket.collect_events())


def _suggested(desk: Desk) -> TicketTagsSuggested:
    return TicketTagsSuggested(
        occurred_at=desk.now, tags=(SuggestedTag(name="billing", probability=0.75),), model_version=1
    )


def _distribute(desk: Desk, step: Step) -> Events:
    decisions = desk.board.decide(desk.board.ready(), at=desk.now, by=AssignedBy.POLICY, limit=step.what % 8 + 1)
    return desk.board.events_of(decisions, at=desk.now)


def _assign(desk: Desk, step: Step) -> Events:
    ticket, agent = desk.pick(Ticket, step.which), desk.pick(Agent, step.what)
    if ticket is None or agent is None:
        return []
    ticket.assign(AgentId(agent.id), at=desk.now, by=(AssignedBy.PERSON, AssignedBy.PULL)[step.what % 2])
    return [*ticket.collect_events(), *_reserve(desk, agent, ticket)]


def _reserve(desk: Desk, agent: Agent, ticket: Ticket, *, forced: bool = False) -> Events:
    """The agent takes the ticket on, also across a pool, whose own event tells of it."""
    lent = desk.board.pooling.lending(agent.department_ids, ticket.department_id)
    take = partial(agent.force, reason="VIP") if forced else agent.reserve
    requirement = ticket.demand.requirement
    take(TicketId(ticket.id), ticket.department_id, at=desk.now, requirement=requirement, lent=lent)
    events = list(agent.collect_events())
    return events + desk.board.pooling.share(shared_tickets(events), at=desk.now)


def _force(desk: Desk, step: Step) -> Events:
    ticket, agent = _one_of(_waiting(desk), step), desk.pick(Agent, step.what)
    if ticket is None or agent is None:
        return []
    ticket.assign(AgentId(agent.id), at=desk.now, by=AssignedBy.PERSON)
    return [*ticket.collect_events(), *_reserve(desk, agent, ticket, forced=True)]


def _reassign(desk: Desk, step: Step) -> Events:
    ticket, agent = _one_of(_held(desk), step), desk.pick(Agent, step.what)
    if ticket is None or agent is None or ticket.agent_id == agent.id:
        return []
    former = desk.state[ticket.agent_id].copy()
    ticket.unassign(reason="", at=desk.now)
    former.release(TicketId(ticket.id), at=desk.now)
    ticket.assign(AgentId(agent.id), at=desk.now, by=AssignedBy.PERSON)
    return [*ticket.collect_events(), *former.collect_events(), *_reserve(desk, agent, ticket)]


def _take_back(desk: Desk, step: Step) -> Events:
    """The agent loses the ticket, and goes away where it didn't answer."""
    ticket = _one_of(_held(desk), step)
    if ticket is None:
        return []
    choices = Choices(step.what)
    cause, stays_online = choices.of((Unassigned.AGENT_OFFLINE, Unassigned.NOT_ANSWERED)), choices.of((True, False))
    agent = desk.state[ticket.agent_id].copy()
    ticket.unassign(reason="not seen to", cause=cause, at=desk.now)
    agent.release(TicketId(ticket.id), at=desk.now)
    if cause is Unassigned.NOT_ANSWERED and not stays_online:
        agent.change_availability(Availability.AWAY, at=desk.now, reason="didn't answer")
    return [*ticket.collect_events(), *agent.collect_events()]


def _waiting(desk: Desk) -> list[Ticket]:
    return [ticket for ticket in desk.all(Ticket) if ticket.status is Status.QUEUED]


def _held(desk: Desk) -> list[Ticket]:
    return [ticket for ticket in desk.all(Ticket) if ticket.agent_id is not None]


def _one_of(tickets: list[Ticket], step: Step) -> Ticket | None:
    """A copy to decide on; None where there is none."""
    return tickets[step.which % len(tickets)].copy() if tickets else None


def _on_ticket(decide: Callable[[Desk, Ticket, Step], Ticket]) -> CarryOut:
    """A step on a ticket, which its agent lets go of where the ticket leaves it."""

    def carry_out(desk: Desk, step: Step) -> Events:
        ticket = desk.pick(Ticket, step.which)
        if ticket is None:
            return []
        holder = ticket.agent_id
        events = list(decide(desk, ticket, step).collect_events())
        if holder is not None and ticket.agent_id is None:
            agent = desk.state[holder].copy()
            events += agent.release(TicketId(ticket.id), at=desk.now).collect_events()
        return events

    return carry_out


def _transfer(desk: Desk, ticket: Ticket, step: Step) -> Ticket:
    department = desk.pick(Department, step.what)
    demand = _demand(department, ticket, ticket.priority)
    return ticket.transfer(DepartmentId(department.id), reason="", at=desk.now, demand=demand)


def _reopen(desk: Desk, ticket: Ticket, _: Step) -> Ticket:
    demand = _demand(desk.state[ticket.department_id], ticket, ticket.priority, ticket.last_agent_id)
    return ticket.reopen(reason="", at=desk.now, demand=demand)


def _prioritise(desk: Desk, ticket: Ticket, step: Step) -> Ticket:
    """With another demand, or with the one that it has."""
    choices = Choices(step.what)
    priority = choices.of(list(Priority))
    demand = _demand(desk.state[ticket.department_id], ticket, priority) if choices.of((True, False)) else None
    return ticket.change_priority(priority, at=desk.now, demand=demand)


def _demand(
    department: Department, ticket: Ticket, priority: Priority, preferred_agent_id: AgentId | None = None
) -> Demand:
    return department.demand(
        priority,
        ticket.channel,
        since=ticket.opened_at,
        skills=ticket.demand.skills,
        preferred_agent_id=preferred_agent_id,
    )


def _on_agent(decide: Callable[[Desk, Agent, Step], Agent]) -> CarryOut:
    def carry_out(desk: Desk, step: Step) -> Events:
        agent = desk.pick(Agent, step.which)
        return list(decide(desk, agent, step).collect_events()) if agent else []

    return carry_out


def _on_department(decide: Callable[[Desk, Department, Step], Department]) -> CarryOut:
    def carry_out(desk: Desk, step: Step) -> Events:
        department = desk.pick(Department, step.which)
        return list(decide(desk, department, step).collect_events()) if department else []

    return carry_out


def _change_targets(desk: Desk, department: Department, step: Step) -> Department:
    choices = Choices(step.what)
    minutes = {priority: choices.of((60, 5, 1_440)) for priority in Priority}
    minutes.pop(list(Priority)[step.what % len(Priority)])
    return department.change_targets(minutes, at=desk.now)


def _change_weights(desk: Desk, department: Department, step: Step) -> Department:
    choices = Choices(step.what)
    by_priority = {priority: choices.of((2, 1, 3)) for priority in Priority}
    by_channel = {channel: choices.of((1, 2)) for channel in (Channel.API, Channel.PHONE)}
    by_priority.pop(list(Priority)[step.what % len(Priority)])
    return department.change_work_weights(by_priority, by_channel, at=desk.now)


def _change_routing_rules(desk: Desk, department: Department, step: Step) -> Department:
    rule = RoutingRule(
        name=f"Rule {step.what}", terms=("invoice",), channels=(list(Channel)[step.what % len(Channel)],)
    )
    return department.change_routing_rules((rule,) if step.which % 4 else (), at=desk.now)


def _change_request_types(desk: Desk, department: Department, step: Step) -> Department:
    return department.change_request_types((f"type {step.what}",) if step.which % 4 else (), at=desk.now)


def _change_take_back(desk: Desk, department: Department, step: Step) -> Department:
    choices = Choices(step.what)
    offline_after, unanswered_after = choices.of((None, 0, 300)), choices.of((60, None))
    take_back = TakeBack(
        offline_after=offline_after, unanswered_after=unanswered_after, stays_online=choices.of((False, True))
    )
    return department.change_take_back(take_back, at=desk.now)


def _change_calendar(desk: Desk, department: Department, step: Step) -> Department:
    choices = Choices(step.what)
    opening = choices.of(((), (Shift(0, 540, 1_020), Shift(5, 0, 1_440))))
    zone = choices.of(("Europe/Lisbon", "UTC", "America/New_York"))
    calendar = BusinessCalendar(time_zone=zone, opening=opening, country=choices.of((None, "PT", "US-CA")))
    return department.change_calendar(calendar, at=desk.now)


def _change_staffing(desk: Desk, department: Department, step: Step) -> Department:
    choices = Choices(step.what)
    terms = StaffingTerms(
        kind=choices.of(list(WorkKind)),
        target_seconds=choices.of((20.0, 14_400.0)),
        handle_seconds=choices.of((None, 312.5)),
        patience_seconds=choices.of((None, 90.0)),
    )
    return department.change_staffing(terms, at=desk.now)


def _note_event(desk: Desk, department: Department, step: Step) -> Department:
    event = KnownEvent(
        event_id=KnownEventId(desk.new_id()),
        name=f"No {step.what}",
        kind=list(EventKind)[step.what % len(EventKind)],
        begin=desk.now,
        end=desk.now + timedelta(hours=1 + step.what),
    )
    return department.note_event(event, at=desk.now)


def _withdraw_event(desk: Desk, department: Department, step: Step) -> Department:
    """The one that was noted last; refused where there is none."""
    event_id = next(reversed(department.known_events), KnownEventId(UUID(int=step.what)))
    return department.withdraw_event(event_id, at=desk.now)


def _record_past(desk: Desk, step: Step) -> Events:
    """A day of quarter hours, two of hours, or a short day of 23 hours, of one department."""
    department = desk.pick(Department, step.which)
    choices = Choices(step.what)
    step_seconds, quarters, count = choices.of(((900, 1, 96), (3_600, 4, 48), (86_400, 92, 1)))
    begin = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=choices.of((0, 1, 2, 9)))
    handle_seconds = choices.of((None, 0, 5_001))
    intervals = [
        PastInterval(
            begin=begin + number * quarters * timedelta(minutes=15),
            arrivals=(number * 7 + step.what) % 11,
            resolutions=(number % 3) if handle_seconds is None else number % 3 + 1,
            handle_seconds=handle_seconds,
            quarters=quarters,
        )
        for number in range(count)
    ]
    past_id, department_id = traffic_past_id(department.id), DepartmentId(department.id)
    past = desk.state[past_id].copy() if past_id in desk.state else TrafficPast(id=past_id)
    past.record_intervals(department_id, intervals, step_seconds=step_seconds, at=desk.now)
    return list(past.collect_events())


def _some_departments(desk: Desk, step: Step) -> tuple[DepartmentId, ...]:
    return tuple(
        DepartmentId(each.id) for n, each in enumerate(desk.all(Department)) if step.what & (1 << n) or n == step.what
    )


def _register(desk: Desk, step: Step) -> Events:
    agent = register_agent(
        AgentId(desk.new_id()),
        name=WORDS[step.what % len(WORDS)],
        department_ids=_some_departments(desk, step),
        capacity=step.which % 8,
        at=desk.now,
    )
    return list(agent.collect_events())


STEPS_BY_NAME: Mapping[str, CarryOut] = {
    **FORECAST_STEPS,
    **ADVICE_STEPS,
    "open": _open,
    "distribute": _distribute,
    "assign": _assign,
    "force": _force,
    "reassign": _reassign,
    "take back": _take_back,
    "unassign": _on_ticket(lambda desk, ticket, _: ticket.unassign(reason="", at=desk.now)),
    "transfer": _on_ticket(_transfer),
    "start": _on_ticket(lambda desk, ticket, _: ticket.start_work(at=desk.now)),
    "await": _on_ticket(lambda desk, ticket, _: ticket.await_customer(at=desk.now)),
    "answer": _on_ticket(lambda desk, ticket, _: ticket.customer_answered(at=desk.now)),
    "accept tags": _on_ticket(lambda desk, ticket, _: ticket.accept_tags(ticket.suggested_tags, at=desk.now)),
    "dismiss tags": _on_ticket(lambda desk, ticket, _: ticket.dismiss_tags(ticket.suggested_tags, at=desk.now)),
    "resolve": _on_ticket(
        lambda desk, ticket, step: ticket.resolve(resolution=WORDS[step.what % len(WORDS)], at=desk.now)
    ),
    "close": _on_ticket(lambda desk, ticket, _: ticket.close(reason="", at=desk.now)),
    "reopen": _on_ticket(_reopen),
    "prioritise": _on_ticket(_prioritise),
    "register agent": _register,
    "availability": _on_agent(
        lambda desk, agent, step: agent.change_availability(
            AVAILABILITIES[step.what % len(AVAILABILITIES)], at=desk.now, reason=WORDS[step.what % len(WORDS)]
        )
    ),
    "capacity": _on_agent(lambda desk, agent, step: agent.change_capacity(step.what % 9, at=desk.now)),
    "departments": _on_agent(
        lambda desk, agent, step: agent.change_departments(_some_departments(desk, step), at=desk.now)
    ),
    "skills": _on_agent(
        lambda desk, agent, step: agent.change_skills(SKILLS_HAD[step.what % len(SKILLS_HAD)], at=desk.now)
    ),
    "schedule": _on_agent(
        lambda desk, agent, step: agent.change_schedule(SCHEDULES[step.what % len(SCHEDULES)], at=desk.now)
    ),
    "keep to schedule": _on_agent(lambda desk, agent, _: agent.keep_to_schedule(at=desk.now)),
    "found department": found_department,
    "rename": _on_department(lambda desk, department, step: department.rename(f"Renamed {step.what}", at=desk.now)),
    "policy": _on_department(
        lambda desk, department, step: department.change_policy(
            sorted(POLICIES)[step.what % len(POLICIES)], at=desk.now
        )
    ),
    "targets": _on_department(_change_targets),
    "weights": _on_department(_change_weights),
    "routing rules": _on_department(_change_routing_rules),
    "request types": _on_department(_change_request_types),
    "record past": _record_past,
    "calendar": _on_department(_change_calendar),
    "staffing": _on_department(_change_staffing),
    "note event": _on_department(_note_event),
    "withdraw event": _on_department(_withdraw_event),
    "take-back terms": _on_department(_change_take_back),
    "pause": _on_department(lambda desk, department, _: department.pause_assignment(reason="", at=desk.now)),
    "resume": _on_department(lambda desk, department, _: department.resume_assignment(at=desk.now)),
}
