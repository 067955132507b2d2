"""Commands on what a department is planned by: its calendar, the terms of its staffing, and the events it knows."""

from datetime import datetime
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from supportix.commands.actors import Actor
from supportix.commands.departments import change_department
from supportix.commands.desk import Outcome, SupportDesk, Work
from supportix.domain.calendar import BusinessCalendar, EventKind, KnownEvent
from supportix.domain.department import Department
from supportix.domain.errors import InvalidInput
from supportix.domain.ids import KnownEventId
from supportix.domain.staffing_terms import StaffingTerms
from supportix.store.committer import Command


class KnownEventAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An event right after it was noted, and the department's version by then."""

    department_id: UUID
    event_id: UUID
    name: str
    kind: EventKind
    begin: datetime
    end: datetime
    version: int


class UnknownCountry(InvalidInput):
    """Nothing is known of that country's holidays."""


class Planning:
    """Carries out commands on departments' calendars, staffing terms and known events."""

    def __init__(self, desk: SupportDesk) -> None:
        self._desk = desk

    async def change_calendar(
        self,
        department_id: UUID,
        calendar: BusinessCalendar,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, CalendarInvalid, UnknownCountry."""

        def change(department: Department) -> Department:
            changed = department.change_calendar(calendar, at=at)
            must_have_holidays(calendar.country)
            return changed

        return await self._desk.carry_out(envelope, change_department(department_id, actor, version, change))

    async def change_staffing(
        self,
        department_id: UUID,
        terms: StaffingTerms,
        actor: Actor,
        envelope: Command,
        version: int | None,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, StaleVersion, StaffingTermsInvalid."""
        decide = change_department(department_id, actor, version, lambda each: each.change_staffing(terms, at=at))
        return await self._desk.carry_out(envelope, decide)

    async def note_event(
        self,
        department_id: UUID,
        name: str,
        kind: EventKind,
        begin: datetime,
        end: datetime,
        actor: Actor,
        envelope: Command,
        *,
        at: datetime,
    ) -> Outcome:
        """Refused: Forbidden, NotFound, KnownEventInvalid, TooManyKnownEvents."""
        event = KnownEvent(event_id=KnownEventId(uuid7()), name=name, kind=kind, begin=begin, end=end)
        noting = change_department(department_id, actor, None, lambda each: each.note_event(event, at=at))

        async def decide(work: Work) -> KnownEventAnswer:
            version = (await noting(work)).version
            return KnownEventAnswer(department_id=department_id, version=version, **msgspec.structs.asdict(event))

        return await self._desk.carry_out(envelope, decide)

    async def withdraw_event(
        self, department_id: UUID, event_id: UUID, actor: Actor, envelope: Command, *, at: datetime
    ) -> Outcome:
        """Refused: Forbidden, NotFound, KnownEventNotFound."""

        def change(department: Department) -> Department:
            return department.withdraw_event(KnownEventId(event_id), at=at)

        return await self._desk.carry_out(envelope, change_department(department_id, actor, None, change))


def must_have_holidays(country: str | None) -> None:
    """Refused: UnknownCountry, for one whose public holidays aren't known."""
    if country is None:
        return
    import holidays

    known: dict[str, list[str]] = holidays.list_supported_countries()
    code, _, subdivision = country.partition("-")
    if code not in known:
        raise UnknownCountry(
            f"country {code!r} was given; one whose public holidays are known was expected, such as PT"
        )
    if subdivision and subdivision not in known[code]:
        expected = ", ".join(known[code]) or "none"
        raise UnknownCountry(f"subdivision {subdivision!r} of {code} was given; expected one of: {expected}")
