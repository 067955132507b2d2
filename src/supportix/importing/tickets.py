"""Opens a history's ticket in our desk."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from supportix.commands.numbers import number
from supportix.domain.ids import DepartmentId
from supportix.domain.ticket import Ticket, open_ticket
from supportix.domain.ticket_words import Channel, Priority, RoutingStep
from supportix.importing.identities import Identities
from supportix.importing.steps import TicketHistory

_CHANNELS = {"web": Channel.PORTAL} | {channel.value: channel for channel in Channel}


class Openings:
    """Opens tickets with the numbers that were set aside for the import, by year of opening."""

    def __init__(self, identities: Identities, first_numbers: Mapping[str, int]) -> None:
        self._identities = identities
        self._next = dict(first_numbers)

    def number_all(self, histories: Iterable[TicketHistory]) -> dict[str, str]:
        """History's own number -> our number, in order of opening."""
        numbers: dict[str, str] = {}
        for history in histories:
            year = str(history.opened_at.year)
            numbers[history.number] = number(history.opened_at.year, self._next[year])
            self._next[year] += 1
        return numbers

    def open(self, history: TicketHistory, our_number: str, department_id: UUID) -> Ticket:
        return open_ticket(
            self._identities.ticket(history.number, history.opened_at),
            number=our_number,
            subject=history.subject,
            description=history.description,
            requester_id=self._identities.customer(history.requester),
            priority=Priority(history.priority),
            channel=_CHANNELS.get(history.channel, Channel.IMPORT),
            tags=history.tags,
            department_id=DepartmentId(department_id),
            step=RoutingStep.HISTORY,
            at=history.opened_at,
            external_reference=history.number,
        )
