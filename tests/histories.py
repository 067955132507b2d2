"""Random histories: a small support desk on which any sequence of steps is tried, and the log that comes of it.

Decisions are those of the domain; what it refuses leaves no trace, as in real life.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import strategies as st
from tests.history_steps import STEPS_BY_NAME, found_department
from tests.small_desk import Desk, Step

from supportix.domain.agent import Availability, register_agent
from supportix.domain.department import Department
from supportix.domain.errors import Refusal
from supportix.domain.ids import AgentId, DepartmentId
from supportix.domain.ticket import Ticket
from supportix.domain.ticket_words import Status
from supportix.domain.waiting import NEVER_DUE


def staffed_desk(*, departments: int = 2, agents: int = 3, capacity: int = 2) -> Desk:
    """A desk of which half the agents serve two departments, all of them online."""
    desk = Desk()
    for number in range(departments):
        desk.save(found_department(desk, Step("found department", number, number, 0)))
    ids = [DepartmentId(each.id) for each in desk.all(Department)]
    for number in range(agents):
        serves = (ids[number % departments], ids[0]) if number % 2 else (ids[number % departments],)
        agent = register_agent(
            AgentId(desk.new_id()), name=f"Agent {number}", department_ids=serves, capacity=capacity, at=desk.now
        )
        desk.save(agent.change_availability(Availability.ONLINE, at=desk.now).collect_events())
    return desk


def attempt(desk: Desk, step: Step) -> None:
    """Carry the step out, unless there is nothing to do it with or the domain refuses it."""
    desk.now += timedelta(minutes=step.minutes)
    try:
        desk.save(STEPS_BY_NAME[step.name](desk, step))
    except Refusal:
        return


def history(steps: Sequence[Step], **staff: int) -> Desk:
    desk = staffed_desk(**staff)
    for step in steps:
        attempt(desk, step)
    return desk


OFTEN = [
    *["open"] * 14,
    *["distribute"] * 12,
    *["resolve"] * 8,
    *["assign"] * 3,
    *["take back", "availability", "keep to schedule", "reopen"] * 2,
    *["issue forecast", "update forecast", "choose model", "give advice"] * 2,
]
_TERMS = ["weights", "targets", "skills", "skills", "capacity", "capacity", "capacity", "schedule"]
_WHICH = st.one_of(st.integers(0, 7), st.integers(0, 31))
_WHAT = st.one_of(st.integers(0, 7), st.integers(0, 1_000))
_MINUTES = st.sampled_from((0, 1, 7))


def _steps_of(names: Sequence[str]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(names), _WHICH, _WHAT, _MINUTES)


_TERMS_FIRST = st.lists(_steps_of(_TERMS), max_size=10)
_STEP = _steps_of(OFTEN + sorted(STEPS_BY_NAME))
_THEN = st.one_of(st.lists(_STEP, max_size=12), st.lists(_STEP, min_size=40, max_size=80))

STEPS = st.builds(
    lambda policies, terms, steps: policies + terms + steps,
    st.lists(_steps_of(["policy"]), min_size=1, max_size=2),
    _TERMS_FIRST,
    _THEN,
)
"""Any sequence of steps, a few or many, after some terms were agreed on; tickets come and go more often than
departments.
"""


_AGREED = ("weights", "targets", "take-back terms", "skills")
EVENTFUL = [
    *[Step("policy", n, 2 + n, 0) for n in range(2)],
    *[Step(name, n, n, 0) for name in _AGREED for n in range(2)],
    *[Step("capacity", n, 8, 0) for n in range(3)],
    *[Step("pause", 0, 0, 0), Step("resume", 0, 0, 0), Step("routing rules", 1, 0, 0), Step("request types", 1, 0, 0)],
    *[Step(name, n, 5 * n + 1, 0) for name in ("calendar", "staffing", "note event", "note event") for n in range(2)],
    *[Step("withdraw event", 0, 0, 0), *(Step("record past", 0, what, 0) for what in (21, 24, 4))],
    *[Step("record past", 1, what, 0) for what in (2, 32, 0)],
    *[Step("open", n, 5 * n, 1) for n in range(12)],
    *[Step("accept tags", n, 0, 0) for n in range(6)],
    *[Step("dismiss tags", n, 0, 0) for n in range(12)],
    *[Step("schedule", 2, 1, 1), Step("distribute", 0, 7, 1), Step("keep to schedule", 2, 0, 7)],
    *[Step("take back", n, n, 1) for n in range(2)],
    *[Step("force", 0, 0, 1), Step("distribute", 0, 7, 1), Step("start", 1, 0, 1)],
    *[Step("await", 1, 0, 1), Step("answer", 1, 0, 1)],
    *[Step("prioritise", n, 7 - n, 0) for n in range(6)],
    *[Step("unassign", 1, 0, 1), Step("availability", 1, 1, 0), Step("distribute", 0, 7, 1), Step("transfer", 3, 0, 1)],
    *[Step("resolve", n, 0, 1) for n in range(0, 12, 2)],
    *[Step("keep to schedule", 2, 0, 7), Step("rename", 1, 0, 0), Step("availability", 1, 0, 0)],
    *[Step("reopen", 0, 0, 1), Step("reopen", 4, 0, 1), Step("close", 2, 0, 1), Step("distribute", 0, 3, 1)],
    *[Step("resolve", n, 0, 1) for n in range(12)],
    *[Step("policy", n, n, 0) for n in range(2)],
    *[Step("availability", 0, 3, 0), Step("departments", 2, 2, 0), Step("departments", 2, 1, 0)],
    *[Step("open", n, n, 1) for n in range(4)],
    *[Step("close", n, 0, 1) for n in range(16)],
    *[Step("open", n, n, 1) for n in range(4)],
    *[Step("distribute", 0, 7, 1), Step("await", 17, 0, 7), Step("start", 17, 0, 1), Step("await", 18, 0, 1)],
    *[Step("resolve", 17, 0, 1), Step("resolve", 18, 0, 7)],
    *[Step("distribute", 0, 7, 1), Step("reassign", 0, 1, 1), Step("reassign", 1, 2, 1)],
    *[Step("availability", 0, 0, 0), Step("availability", 2, 1, 0), Step("capacity", 1, 1, 0)],
    *[Step("open", n, 2 * n, 1) for n in range(4)],
    *[Step("distribute", 0, 1, 1), Step("open", 0, 9, 1)],
    *[Step(name, n, 0, 1) for n in range(20, 28) for name in ("unassign", "close")],
    *[Step("issue forecast", whose, what, 0) for whose in range(3) for what in (0, 1, 10, 15, 33)],
    *[Step("update forecast", whose, what, 1) for whose in (0, 2, 2) for what in (0, 1, 6)],
    *[Step("score forecast", whose, what, 0) for whose in range(3) for what in (3, 28, 5, 3)],
    *[Step("choose model", whose, whose, 1) for whose in range(3)],
    *[
        Step("tell drift", 0, 8, 1),
        Step("tell drift", 2, 8, 1),
        Step("tell drift", 2, 9, 1),
        Step("ask for model", 0, 0, 1),
    ],
    *[Step("ask for model", 1, 0, 1), Step("choose model", 1, 5, 1), Step("ask for model", 1, 0, 1)],
    *[Step("give advice", whose, what, 0) for whose in range(2) for what in (0, 1, 2, 3, 4)],
    *[Step(f"{word} advice", n, 13, 0) for n, word in enumerate(("accept", "change", "score", "withdraw"))],
    *[Step(f"{word} advice", 4 + n, 15, 1) for n in range(4) for word in ("change", "score", "dismiss")],
]
"""A history in which happens what the random ones hold only now and then."""


def queue(desk: Desk, department_id: UUID) -> list[Ticket]:
    """The waiting tickets of a department in the order in which they are served, found without a board."""
    waiting = [
        each for each in desk.all(Ticket) if each.status is Status.QUEUED and each.department_id == department_id
    ]
    waiting.sort(key=lambda ticket: ticket.id.int)
    waiting.sort(key=lambda ticket: ticket.opened_at)
    waiting.sort(key=lambda ticket: ticket.demand.due_at or NEVER_DUE)
    waiting.sort(key=lambda ticket: 0 if ticket.demand.returned else 1)
    return sorted(waiting, key=lambda ticket: ticket.priority.rank)
