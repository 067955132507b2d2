"""Walks one ticket through its logged changes, taking only steps that our rules allow; each doubt is a decision."""

from datetime import datetime

from supportix.importing.mapping import TicketState
from supportix.importing.reader import Change
from supportix.importing.report import DecisionCode, ImportReport
from supportix.importing.steps import (
    AssignedTo,
    Closed,
    MovedToDepartment,
    PriorityChanged,
    Reopened,
    Resolved,
    Resumed,
    Situation,
    Step,
    Unassigned,
    WaitingOnCustomer,
    WorkStarted,
    after,
)

DONE: frozenset[TicketState] = frozenset({"resolved", "closed"})


class Walk:
    """`follow` each change in time order; `steps` holds what came of it."""

    def __init__(self, opening: Situation, report: ImportReport) -> None:
        self.steps: list[Step] = []
        self.now = opening
        self._report = report
        self._logged_state: TicketState = "queued"
        self._reopen_count = 0
        self._previous: Change | None = None

    def follow(self, change: Change, at: datetime) -> None:
        logged = change.state or self._logged_state
        if self.now.state not in DONE:
            self._follow_open(change, at, logged)
        elif logged in DONE:
            self._follow_done(change, at, logged)
        elif self._is_stale(change):
            self._report.decide(DecisionCode.stale_state, change.line)
            return
        else:
            self._reopen(change, at)
            self._follow_open(change, at, logged)
        self._logged_state = logged
        self._reopen_count = max(self._reopen_count, change.reopen_count or 0)
        self._previous = change

    def _take(self, step: Step) -> None:
        self.now = after(self.now, step)
        self.steps.append(step)

    def _follow_open(self, change: Change, at: datetime, logged: TicketState) -> None:
        if change.department != self.now.department:
            if change.agent is not None and change.agent == self.now.agent:
                self._report.decide(DecisionCode.kept_agent_on_transfer, change.line)
            self._take(MovedToDepartment(at, change.department))
        if change.priority is not None and change.priority != self.now.priority:
            self._take(PriorityChanged(at, change.priority))
        if change.agent != self.now.agent:
            if self.now.agent is not None:
                self._take(Unassigned(at))
            if change.agent is not None:
                self._take(AssignedTo(at, change.agent))
        self._reach(logged, change.line, at)

    def _reach(self, logged: TicketState, line: int, at: datetime) -> None:
        if logged in DONE:
            self._finish(logged, line, at)
        elif logged == "in_progress":
            self._work(line, at)
        elif logged == "pending":
            self._wait(line, at)
        elif self.now.state in ("in_progress", "pending"):
            self._report.decide(DecisionCode.step_back, line)
            self._work(line, at)

    def _work(self, line: int, at: datetime) -> None:
        if self.now.state == "queued":
            self._report.decide(DecisionCode.work_without_agent, line)
        elif self.now.state == "assigned":
            self._take(WorkStarted(at))
        elif self.now.state == "pending":
            self._take(Resumed(at))

    def _wait(self, line: int, at: datetime) -> None:
        if self.now.state == "queued":
            self._report.decide(DecisionCode.pending_without_agent, line)
            return
        if self.now.state == "assigned":
            self._report.decide(DecisionCode.work_start_implied, line)
            self._take(WorkStarted(at))
        if self.now.state == "in_progress":
            self._take(WaitingOnCustomer(at))

    def _finish(self, logged: TicketState, line: int, at: datetime) -> None:
        if self.now.state == "queued":
            self._report.decide(DecisionCode.resolved_from_queue, line)
        self._take(Resolved(at))
        if logged == "closed":
            self._report.decide(DecisionCode.resolution_implied, line)
            self._take(Closed(at))

    def _follow_done(self, change: Change, at: datetime, logged: TicketState) -> None:
        if logged == "closed" and self.now.state == "resolved":
            self._take(Closed(at))
        elif logged == "resolved" and self.now.state == "closed":
            self._report.decide(DecisionCode.stale_state, change.line)
        if self._previous and self._differs(change, self._previous):
            self._report.decide(DecisionCode.change_after_resolution, change.line)

    @staticmethod
    def _differs(change: Change, before: Change) -> bool:
        same_place = (before.department, before.agent) == (change.department, change.agent)
        return not same_place or change.priority not in {None, before.priority}

    def _is_stale(self, change: Change) -> bool:
        return change.reopen_count is not None and change.reopen_count <= self._reopen_count

    def _reopen(self, change: Change, at: datetime) -> None:
        stays = change.agent == self.now.agent and change.department == self.now.department
        self._take(Reopened(at, self.now.agent if stays else None))
