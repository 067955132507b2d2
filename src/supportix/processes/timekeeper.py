"""The timekeeper: does what is due by the clock alone.

Takes agents on and off duty by their schedules, takes silent ones offline, and takes work back from agents who went
offline or didn't begin with it; what waited for the customer, once it goes on. Looks into the read models for what may
be due, then decides on the streams, so that a read model that lags costs a moment and never a wrong step. Emits
AgentDutyChanged, AgentAvailabilityChanged, TicketUnassigned and WorkReleased.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog

from supportix.commands.desk import SupportDesk, Work
from supportix.domain.agent import Agent, Availability
from supportix.domain.department import Department
from supportix.domain.department_facts import TakeBack
from supportix.domain.errors import Refusal
from supportix.domain.ids import TicketId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status, Unassigned
from supportix.store.committer import Command, Fence
from supportix.store.errors import CorruptEvent

LEASE = "timekeeper"
TICK_SECONDS = 1.0
MOST_PER_TICK = 500
SILENCE = timedelta(seconds=90)
"""An agent whose program sends heartbeats is taken offline when none came for so long."""

NEVER = datetime.max.replace(tzinfo=UTC)

Due = tuple[str, UUID, datetime]

_DUE = """
(SELECT 'duty', a.agent_id, a.duty_changes_at FROM read_model.agent_load AS a
WHERE a.duty_changes_at <= %(now)s AND NOT EXISTS (
    SELECT FROM unnest(%(passed)s::uuid[], %(told)s::timestamptz[]) AS p(agent_id, told)
    WHERE p.agent_id = a.agent_id AND p.told = a.duty_changes_at)
LIMIT %(most)s)
UNION ALL
(SELECT 'silent', h.agent_id, NULL FROM agent_heartbeats AS h JOIN read_model.agent_load AS a USING (agent_id)
WHERE h.seen_at <= %(silent_since)s AND a.availability <> 'offline' AND a.availability_since <= %(silent_since)s
LIMIT %(most)s)
UNION ALL
(SELECT 'agent_offline', t.ticket_id, NULL FROM read_model.agent_load AS a
JOIN read_model.tickets AS t ON t.agent_id = a.agent_id AND t.status IN ('assigned', 'in_progress')
JOIN read_model.departments AS d ON d.department_id = t.department_id
WHERE a.availability = 'offline' AND a.open_tickets > 0 AND NOT d.paused
    AND a.availability_since + d.offline_after * interval '1 second' <= %(now)s
ORDER BY t.priority_rank, t.opened_at LIMIT %(most)s)
UNION ALL
(SELECT 'not_answered', t.ticket_id, NULL FROM read_model.departments AS d
JOIN read_model.tickets AS t ON t.department_id = d.department_id AND t.status = 'assigned'
WHERE d.unanswered_after IS NOT NULL AND NOT d.paused
    AND t.assigned_at + d.unanswered_after * interval '1 second' <= %(now)s
ORDER BY t.priority_rank, t.opened_at LIMIT %(most)s)
"""

_log = structlog.get_logger(__name__)


class Kept(msgspec.Struct):
    """What one look at the clock led to."""

    duty_changes: int = 0
    silent_agents: int = 0
    taken_back: int = 0


class Changed(msgspec.Struct, frozen=True):
    """Whether the stream confirmed what the read model had said; if not, from when on it may."""

    changed: bool
    not_before: datetime | None = None


class Passed(msgspec.Struct, frozen=True):
    """A change of duty that came to nothing, since another one had followed it: the row goes on telling it."""

    told: datetime
    not_before: datetime


class Timekeeper:
    """The one who watches the clock, as long as it holds the lease."""

    def __init__(self, desk: SupportDesk, fence: Fence, clock: Callable[[], datetime]) -> None:
        self._desk = desk
        self._fence = fence
        self._clock = clock
        self._passed: dict[UUID, Passed] = {}

    async def run(self) -> None:
        """Look at the clock until cancelled. Raises LeaseLost when another owner has taken over."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def tick(self) -> Kept:
        """Do all that is due now, up to a limit."""
        now = self._clock()
        kept = await self.see_to(await self._due(now), now)
        if kept != Kept():
            _log.info("done by the clock", **msgspec.structs.asdict(kept))
        return kept

    async def see_to(self, due: Iterable[Due], now: datetime) -> Kept:
        """Do what the read models say is due, as far as the streams confirm it."""
        kept = Kept()
        for what, which, told in due:
            if what == "duty":
                kept.duty_changes += await self._keep_duty(which, told, now)
            elif what == "silent":
                silent = partial(self._take_offline, agent_id=which, now=now)
                kept.silent_agents += (await self._carry_out(silent)).changed
            else:
                cause = Unassigned(what)
                taken_back = partial(_take_back, ticket_id=which, cause=cause, now=now)
                kept.taken_back += (await self._carry_out(taken_back)).changed
        return kept

    async def _due(self, now: datetime) -> list[Due]:
        """What the read models say is due: what it is, for which agent or ticket, and for a duty since when."""
        self._passed = {agent_id: each for agent_id, each in self._passed.items() if each.not_before > now}
        parameters = {
            "now": now,
            "silent_since": now - SILENCE,
            "passed": list(self._passed),
            "told": [each.told for each in self._passed.values()],
            "most": MOST_PER_TICK,
        }
        async with self._desk.pool.connection() as connection:
            rows: list[Due] = await (await connection.execute(_DUE, parameters, prepare=True)).fetchall()
        return rows

    async def _keep_duty(self, agent_id: UUID, told: datetime, now: datetime) -> bool:
        outcome = await self._carry_out(partial(_keep_duty, agent_id=agent_id, now=now))
        if outcome.not_before is not None:
            self._passed[agent_id] = Passed(told, outcome.not_before)
        return outcome.changed

    async def _carry_out(self, decide: Callable[[Work], Awaitable[Changed]]) -> Changed:
        """What was done; what the stream doesn't confirm, or doesn't allow now, is looked at again later."""
        command = Command(fence=self._fence)
        try:
            outcome = await self._desk.carry_out(command, decide)
        except (Refusal, CorruptEvent) as refusal:
            _log.warning("left for later", why=str(refusal))
            return Changed(changed=False)
        return msgspec.json.decode(outcome.answer, type=Changed)

    async def _take_offline(self, work: Work, agent_id: UUID, now: datetime) -> Changed:
        """Take a silent agent offline, unless it came back, or was heard of, since the read model told of it."""
        agent = await work.load(Agent, agent_id)
        since = agent.availability_since
        came_back = since is not None and now - since < SILENCE
        if agent.availability is Availability.OFFLINE or came_back or not await self._is_silent(agent_id, now):
            return Changed(changed=False)
        reason = f"no heartbeat came for {SILENCE.total_seconds():.0f} s"
        agent.change_availability(Availability.OFFLINE, at=now, reason=reason)
        return Changed(changed=True)

    async def _is_silent(self, agent_id: UUID, now: datetime) -> bool:
        """Whether the agent is watched, and no heartbeat came in time."""
        async with self._desk.pool.connection() as connection:
            cursor = await connection.execute("SELECT seen_at FROM agent_heartbeats WHERE agent_id = %s", (agent_id,))
            row = await cursor.fetchone()
        return row is not None and now - row[0] >= SILENCE


async def _keep_duty(work: Work, agent_id: UUID, now: datetime) -> Changed:
    agent = await work.load(Agent, agent_id)
    if agent.schedule.on_duty(now) is agent.on_duty:
        return Changed(changed=False, not_before=agent.schedule.next_change(now) or NEVER)
    agent.keep_to_schedule(at=now)
    return Changed(changed=True)


async def _take_back(work: Work, ticket_id: UUID, cause: Unassigned, now: datetime) -> Changed:
    ticket = await work.load(Ticket, ticket_id)
    if ticket.agent_id is None:
        return Changed(changed=False)
    agent = await work.load(Agent, ticket.agent_id)
    take_back = (await work.look_at(Department, ticket.department_id)).take_back
    reason = _why(ticket, agent, take_back, cause, now)
    if reason is None:
        return Changed(changed=False)
    ticket.unassign(reason=reason, cause=cause, at=now)
    agent.release(TicketId(ticket.id), at=now)
    if cause is Unassigned.NOT_ANSWERED and not take_back.stays_online and agent.availability is Availability.ONLINE:
        agent.change_availability(Availability.AWAY, at=now, reason=f"ticket {ticket.number} was {reason}")
    return Changed(changed=True)


def _why(ticket: Ticket, agent: Agent, take_back: TakeBack, cause: Unassigned, now: datetime) -> str | None:
    """The reason to take the ticket back, as the streams have it; None where there is none."""
    if cause is Unassigned.AGENT_OFFLINE:
        since, limit = agent.availability_since, take_back.offline_after
        if agent.availability is not Availability.OFFLINE or ticket.status not in {Status.ASSIGNED, Status.IN_PROGRESS}:
            return None
        what = "its agent has been offline"
    else:
        since, limit = ticket.assigned_at, take_back.unanswered_after
        if ticket.status is not Status.ASSIGNED:
            return None
        what = "not begun with"
    if limit is None or since is None or now - since < timedelta(seconds=limit):
        return None
    return f"{what} for {(now - since).total_seconds():.0f} s, the limit is {limit} s"
