"""Reading customers: their accounts, and how many tickets each has raised."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, or_, select

from supportix.domain.ticket_words import Status
from supportix.identity.roles import Role
from supportix.identity.schema import accounts
from supportix.projections.checkpoint_queries import AsOf, ReadDatabase, fetch, fetch_one
from supportix.projections.ticket_list import TicketList, tickets


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer, and the tickets raised: in all, and those not yet resolved or closed."""

    customer_id: UUID
    username: str
    full_name: str
    email: str | None
    created_at: datetime
    disabled_at: datetime | None
    tickets_raised: int
    tickets_open: int


class CustomerRow(CustomerView, frozen=True, kw_only=True):
    """With the key that the list is ordered by."""

    username_key: str


_ENDED = (Status.RESOLVED.value, Status.CLOSED.value)


async def customer_page(
    database: ReadDatabase, *, q: str | None, behind: str | None, limit: int
) -> AsOf[list[CustomerRow]]:
    """Customers by folded user name."""
    query = _customers()
    if q is not None:
        texts = (accounts.c.username, accounts.c.full_name, accounts.c.email)
        query = query.where(or_(*(column.icontains(q, autoescape=True) for column in texts)))
    if behind is not None:
        query = query.where(accounts.c.username_key > behind)
    order = [accounts.c.username_key]
    return await fetch(database, query, CustomerRow, of=[TicketList.name], order=order, limit=limit)


async def customer_detail(database: ReadDatabase, customer_id: UUID) -> AsOf[CustomerRow | None]:
    query = _customers().where(accounts.c.id == customer_id)
    return await fetch_one(database, query, CustomerRow, of=[TicketList.name])


def _customers() -> Select[Any]:
    raised = select(func.count()).where(tickets.c.requester_id == accounts.c.id)
    still_open = raised.where(tickets.c.status.not_in(_ENDED))
    return select(
        accounts.c.id.label("customer_id"),
        accounts.c.username,
        accounts.c.full_name,
        accounts.c.email,
        accounts.c.created_at,
        accounts.c.disabled_at,
        raised.scalar_subquery().label("tickets_raised"),
        still_open.scalar_subquery().label("tickets_open"),
        accounts.c.username_key,
    ).where(accounts.c.role == Role.CUSTOMER.value)
