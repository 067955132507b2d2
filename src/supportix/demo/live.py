"""Keeps the demo's desk alive: tickets come in at the rate of the hour, and agents work and resolve what they hold."""

import asyncio
import random
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from supportix.bootstrap import Core, utc_now
from supportix.commands.actors import Actor
from supportix.commands.tickets import OpenTicket, ResolveTicket, StartWork
from supportix.demo.fill import IDENTITIES
from supportix.demo.history import Scribe
from supportix.demo.script import DEPARTMENTS
from supportix.domain.errors import Conflict
from supportix.domain.ids import CustomerId, TicketId
from supportix.domain.ticket_words import Channel, Priority
from supportix.identity.roles import Role
from supportix.store.committer import Command

SPEED = 12
"""Arrivals and handle times run this many times faster than in the history, so that there is something to see."""

LOOK_SECONDS = 1.0
_SUPERVISOR = Actor(UUID(int=0), Role.SUPERVISOR)

_log = structlog.get_logger(__name__)


async def live_arrivals(core: Core) -> None:
    """Run until cancelled."""
    dice = random.Random()  # noqa: S311 - a demo's dice.
    scribe = Scribe(dice.randrange(2**31))
    due: dict[UUID, datetime] = {}
    while True:
        now = utc_now()
        for at in scribe.arrivals(now, now + timedelta(seconds=LOOK_SECONDS * SPEED)):
            await _open(core, scribe, at=now, number=int(at.timestamp()))
        await _work(core, scribe, dice, due, now)
        await asyncio.sleep(LOOK_SECONDS)


async def _open(core: Core, scribe: Scribe, *, at: datetime, number: int) -> None:
    history = scribe.ticket(number, at)
    customer = IDENTITIES.customer(history.requester)
    command = OpenTicket(
        subject=history.subject,
        description=history.description,
        requester_id=CustomerId(customer),
        priority=Priority(history.priority),
        channel=Channel.PORTAL,
        tags=history.tags,
        department_id=IDENTITIES.department(history.department),
    )
    await core.tickets.open(command, Actor(customer, Role.CUSTOMER), Command(actor_id=customer), at=at)


async def _work(core: Core, scribe: Scribe, dice: random.Random, due: dict[UUID, datetime], now: datetime) -> None:
    """Start on what is newly held, and resolve what is due."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT ticket_id, status FROM read_model.tickets WHERE agent_id IS NOT NULL "
            "AND status IN ('assigned', 'in_progress') AND department_id = ANY(%s)",
            ([IDENTITIES.department(department.name) for department in DEPARTMENTS],),
        )
        held: dict[UUID, str] = dict(await cursor.fetchall())
    for ticket_id, status in held.items():
        try:
            if status == "assigned":
                await core.tickets.carry_out(StartWork(ticket_id=TicketId(ticket_id)), _SUPERVISOR, Command(), at=now)
            if ticket_id not in due:
                seconds = scribe.handle_seconds(scribe.department()) / SPEED
                due[ticket_id] = now + timedelta(seconds=seconds * dice.uniform(0.2, 1.0))
            elif due[ticket_id] <= now:
                resolve = ResolveTicket(ticket_id=TicketId(ticket_id), resolution="Solved with the customer.")
                await core.tickets.carry_out(resolve, _SUPERVISOR, Command(), at=now)
                del due[ticket_id]
        except Conflict as moved_on:
            _log.info("somebody else was faster", ticket=str(ticket_id), why=str(moved_on))
