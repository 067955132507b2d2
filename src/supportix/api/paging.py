"""Pages of lists: where one begins, and what leads on to the next."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from supportix.api.call import Page
from supportix.api.cursors import Cursors
from supportix.api.inputs import CursorText, Limit
from supportix.projections.department_queries import NameKey

ItemT = TypeVar("ItemT")


class ByName(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of a list."""

    limit: Limit = 50
    cursor: CursorText | None = None

    def start(self, cursors: Cursors, listing: str) -> tuple[NameKey | None, int]:
        """Where the page begins, and how long it may be. Refused: UnknownCursor."""
        return (cursors.read(listing, self.cursor, NameKey) if self.cursor else None), self.limit


class ByNameInDepartment(ByName, frozen=True, kw_only=True):
    """Which page of a list, and of which department."""

    department_id: UUID | None = None


def page_of(
    cursors: Cursors, listing: str, found: Sequence[ItemT], limit: int, key: Callable[[ItemT], object]
) -> Page[ItemT]:
    """The page that begins with what was found: one item more than the limit, where there are more."""
    items = tuple(found[:limit])
    more = len(found) > limit
    return Page(items, cursors.make(listing, key(items[-1])) if more else None)
