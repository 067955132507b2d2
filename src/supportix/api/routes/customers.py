"""Customers, as staff and they themselves see them."""

from uuid import UUID

import msgspec

from supportix.api.access import any_of
from supportix.api.call import Call, Page, Read
from supportix.api.endpoints import query
from supportix.api.inputs import CursorText, Limit, SearchText
from supportix.domain.errors import NotFound
from supportix.identity.roles import Permission
from supportix.projections.customer_queries import CustomerRow, CustomerView, customer_detail, customer_page

TAG = "Customers"


class CustomerListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which customers to list; `q` is looked for in user name, full name and e-mail address."""

    q: SearchText | None = None
    limit: Limit = 50
    cursor: CursorText | None = None


@query("/customers", needs=any_of(Permission.ACCOUNTS_READ), tag=TAG)
async def list_customers(call: Call, query: CustomerListQuery) -> Read[Page[CustomerView]]:
    """List customers by user name, with how many tickets each has raised."""
    cursors = call.backend.cursors
    behind = cursors.read("customers", query.cursor, str) if query.cursor else None
    found = await customer_page(call.backend.database, q=query.q, behind=behind, limit=query.limit + 1)
    items = found.value[: query.limit]
    next_cursor = cursors.make("customers", items[-1].username_key) if len(found.value) > query.limit else None
    return Read(Page(tuple(_view(row) for row in items), next_cursor), found.position)


@query(
    "/customers/{customer_id}",
    needs=any_of(Permission.TICKETS_READ_OWN, Permission.TICKETS_WORK),
    tag=TAG,
    refusals=(NotFound,),
)
async def get_customer(call: Call, customer_id: UUID) -> Read[CustomerView]:
    """Read one customer: staff anybody, customers themselves."""
    seen = call.sender.may(Permission.TICKETS_WORK) or customer_id == call.sender.account_id
    found = await customer_detail(call.backend.database, customer_id)
    if not seen or found.value is None:
        raise NotFound(f"no customer has the id {customer_id}")
    return Read(_view(found.value), found.position)


def _view(row: CustomerRow) -> CustomerView:
    return CustomerView(**{name: getattr(row, name) for name in CustomerView.__struct_fields__})


ENDPOINTS = (list_customers, get_customer)
