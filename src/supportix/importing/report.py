"""What an import decided and refused: the one list of decisions, each with its sentence, and the counts of one run."""

from collections import Counter
from enum import StrEnum

import msgspec

FIRST_LINES = 5
KEPT_REFUSALS = 100


class ImportRefused(Exception):  # noqa: N818  # Named as the fact, like every refusal of this project.
    """The file or the mapping can't be used at all."""


class DecisionCode(StrEnum):
    """Stable names of the decisions; people may search their logs for them. The value is the code itself."""

    ignored_state = "ignored_state"
    approximate_state = "approximate_state"
    missing_department = "missing_department"
    missing_requester = "missing_requester"
    missing_opened_at = "missing_opened_at"
    missing_subject = "missing_subject"
    unknown_priority = "unknown_priority"
    unknown_channel = "unknown_channel"
    unreadable_count = "unreadable_count"
    ambiguous_time = "ambiguous_time"
    changed_before_opened = "changed_before_opened"
    out_of_order = "out_of_order"
    newest_first = "newest_first"
    opened_at_varies = "opened_at_varies"
    requester_varies = "requester_varies"
    category_changed = "category_changed"
    stale_state = "stale_state"
    step_back = "step_back"
    work_without_agent = "work_without_agent"
    pending_without_agent = "pending_without_agent"
    work_start_implied = "work_start_implied"
    resolved_from_queue = "resolved_from_queue"
    resolution_implied = "resolution_implied"
    change_after_resolution = "change_after_resolution"
    kept_agent_on_transfer = "kept_agent_on_transfer"
    still_open = "still_open"
    repeated_local_time = "repeated_local_time"
    row_again = "row_again"
    recorded_before = "recorded_before"


MEANINGS: dict[DecisionCode, str] = {
    DecisionCode.ignored_state: "the mapping ignores this state: the ticket keeps the one it had",
    DecisionCode.approximate_state: "a state without an exact equal was taken as the nearest one",
    DecisionCode.missing_department: "no department: taken as the triage department",
    DecisionCode.missing_requester: "ticket without a customer: taken as the unknown customer",
    DecisionCode.missing_opened_at: "no opening time: the ticket's first change counts as its opening",
    DecisionCode.missing_subject: "nothing to make a subject from: the ticket's number was taken",
    DecisionCode.unknown_priority: "missing or unknown priority: the ticket keeps the one it had, at first normal",
    DecisionCode.unknown_channel: "missing or unknown channel: taken as the mapping's default",
    DecisionCode.unreadable_count: "a sequence or reopen count that is no whole number was left out",
    DecisionCode.ambiguous_time: "the clock was set at this local time: the earlier reading was taken",
    DecisionCode.changed_before_opened: "changed before it was opened: moved to the opening",
    DecisionCode.out_of_order: "a ticket's changes weren't in time order: sorted",
    DecisionCode.newest_first: "a ticket's changes came newest first: turned round",
    DecisionCode.opened_at_varies: "a ticket has several opening times: the earliest was taken",
    DecisionCode.requester_varies: "a ticket has several customers: the first was taken",
    DecisionCode.category_changed: "a ticket's category changed later: the first was taken",
    DecisionCode.stale_state: "an earlier state after the resolution without a rise of the reopen count: ignored",
    DecisionCode.step_back: "back to an earlier state with the same agent: taken as work in progress",
    DecisionCode.work_without_agent: "in progress without an agent: stays queued until an agent is named",
    DecisionCode.pending_without_agent: "pending without an agent: stays queued until an agent is named",
    DecisionCode.work_start_implied: "pending straight after the assignment: work started at the same instant",
    DecisionCode.resolved_from_queue: "resolved without an agent",
    DecisionCode.resolution_implied: "closed without a resolution: resolved at the same instant",
    DecisionCode.change_after_resolution: "department, agent or priority changed after the resolution: ignored",
    DecisionCode.kept_agent_on_transfer: "the agent moved along to another department: unassigned and assigned again",
    DecisionCode.still_open: "a ticket isn't closed when the log ends: it stays in its last state",
    DecisionCode.repeated_local_time: "the clock showed it twice: the first row is the first time, the next the second",
    DecisionCode.row_again: "the same row stood in the file before: counted once",
    DecisionCode.recorded_before: "recorded by an earlier import: passed over",
}


class Decision(msgspec.Struct):
    """How often one thing was decided; `first_lines` are line numbers of the file, counted from 1 with the header."""

    code: DecisionCode
    count: int = 0
    first_lines: list[int] = []

    @property
    def meaning(self) -> str:
        return MEANINGS[self.code]


class RefusedRow(msgspec.Struct, frozen=True):
    line: int
    reason: str


class ImportReport(msgspec.Struct):
    """The account of one import: `rows_read` is `rows_used + rows_refused`; the first 100 refused rows are kept."""

    source: str = ""
    mapping: str = ""
    rows_read: int = 0
    rows_used: int = 0
    rows_refused: int = 0
    tickets: int = 0
    steps: int = 0
    refused: list[RefusedRow] = []
    decisions: dict[DecisionCode, Decision] = {}

    def decide(self, code: DecisionCode, line: int) -> None:
        decision = self.decisions.get(code)
        if decision is None:
            decision = self.decisions[code] = Decision(code)
        decision.count += 1
        if len(decision.first_lines) < FIRST_LINES:
            decision.first_lines.append(line)

    def refuse(self, line: int, reason: str) -> None:
        self.rows_refused += 1
        if len(self.refused) < KEPT_REFUSALS:
            self.refused.append(RefusedRow(line, reason))

    def decision_rows(self) -> list[tuple[str, str, str, str]]:
        """(code, count, meaning, first lines), the most frequent first, ready for a table."""
        ordered = sorted(self.decisions.values(), key=lambda decision: (-decision.count, decision.code))
        return [(str(d.code), str(d.count), d.meaning, ", ".join(map(str, d.first_lines))) for d in ordered]

    def refusal_rows(self) -> list[tuple[str, str]]:
        """(line, reason) of the kept refusals, and a last row that says how many more there are."""
        rows = [(str(row.line), row.reason) for row in self.refused]
        if self.rows_refused > len(rows):
            rows.append(("...", f"{self.rows_refused - len(rows)} more"))
        return rows

    def counts(self) -> Counter[str]:
        return Counter({str(code): decision.count for code, decision in self.decisions.items()})
