"""Groups the changes of a log by ticket and makes of each group one history with a legal sequence of steps."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from supportix.importing.mapping import Mapping
from supportix.importing.reader import Change, Texts, read_changes
from supportix.importing.report import DecisionCode, ImportReport
from supportix.importing.rows import Progress
from supportix.importing.steps import Situation, TicketHistory
from supportix.importing.walk import Walk


def read_histories(
    path: str | Path, mapping: Mapping, progress: Progress | None = None
) -> tuple[list[TicketHistory], ImportReport]:
    """The whole file at once, ordered by (opened_at, number). Raises `ImportRefused` like `read_changes`."""
    report = ImportReport()
    return histories_of(read_changes(path, mapping, report, progress), mapping, report), report


def histories_of(changes: Iterable[Change], mapping: Mapping, report: ImportReport) -> list[TicketHistory]:
    """One history for each ticket, ordered by (opened_at, number). A ticket's rows may be anywhere in the log."""
    tickets: dict[str, list[Change]] = {}
    for change in changes:
        tickets.setdefault(change.ticket, []).append(change)
    histories = [_history(number, rows, mapping, report) for number, rows in tickets.items()]
    histories.sort(key=lambda history: (history.opened_at, history.number))
    report.tickets += len(histories)
    report.steps += sum(len(history.steps) for history in histories)
    return histories


def _history(number: str, rows: list[Change], mapping: Mapping, report: ImportReport) -> TicketHistory:
    opened_at = _opened_at(rows, report)
    changes = _in_order(rows, report)
    first = changes[0]
    opening = Situation("queued", first.department, first.priority or mapping.default_priority)
    walk = Walk(opening, report)
    for change in changes:
        if change.at < opened_at:
            report.decide(DecisionCode.changed_before_opened, change.line)
        walk.follow(change, max(change.at, opened_at))
    if walk.now.state != "closed":
        report.decide(DecisionCode.still_open, changes[-1].line)
    texts = _texts(changes, report)
    return TicketHistory(
        number=number,
        requester=_requester(changes, mapping, report),
        channel=first.channel,
        subject=texts.subject or f"Ticket {number}",
        description=texts.description or texts.subject or f"Ticket {number}",
        tags=texts.tags,
        opened_at=opened_at,
        department=opening.department,
        priority=opening.priority,
        steps=tuple(walk.steps),
    )


def _opened_at(rows: list[Change], report: ImportReport) -> datetime:
    known = {row.opened_at for row in rows if row.opened_at is not None}
    if not known:
        report.decide(DecisionCode.missing_opened_at, rows[0].line)
        return min(row.at for row in rows)
    if len(known) > 1:
        report.decide(DecisionCode.opened_at_varies, rows[0].line)
    return min(known)


def _in_order(rows: list[Change], report: ImportReport) -> list[Change]:
    """By time; in one instant by their sequence number, then as in the file (turned round if newest first)."""
    if all(earlier.at <= later.at for earlier, later in pairwise(rows)):
        pass
    elif all(earlier.at >= later.at for earlier, later in pairwise(rows)):
        report.decide(DecisionCode.newest_first, rows[0].line)
        rows.reverse()
    else:
        report.decide(DecisionCode.out_of_order, _first_out_of_order(rows))
    return sorted(rows, key=lambda change: (change.at, change.sequence))


def _first_out_of_order(rows: list[Change]) -> int:
    return next(later.line for earlier, later in pairwise(rows) if later.at < earlier.at)


def _requester(changes: list[Change], mapping: Mapping, report: ImportReport) -> str:
    named = list(dict.fromkeys(change.requester for change in changes if change.requester is not None))
    if not named:
        if mapping.columns.requester is not None:
            report.decide(DecisionCode.missing_requester, changes[0].line)
        return mapping.unknown_customer
    if len(named) > 1:
        report.decide(DecisionCode.requester_varies, changes[0].line)
    return named[0]


def _texts(changes: list[Change], report: ImportReport) -> Texts:
    """The first row that names a subject, since a row may leave out what another one tells."""
    told = [change.texts for change in changes if change.texts.subject]
    if not told:
        report.decide(DecisionCode.missing_subject, changes[0].line)
        return changes[0].texts
    if any(texts.tags != told[0].tags for texts in told):
        report.decide(DecisionCode.category_changed, changes[0].line)
    return told[0]
