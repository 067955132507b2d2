"""The words for where a ticket stands, how urgent it is, how it came, and who decided on it.

The values are stored in events: never change them.
"""

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a ticket stands."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Priority(StrEnum):
    """How urgent a ticket is; compare by `rank`."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return _RANKS[self]


_RANKS = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}


class Channel(StrEnum):
    """How the ticket reached us."""

    API = "api"
    PORTAL = "portal"
    EMAIL = "email"
    PHONE = "phone"
    CHAT = "chat"
    IMPORT = "import"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.QUEUED, Status.ASSIGNED, Status.RESOLVED, Status.CLOSED}),
    Status.ASSIGNED: frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.PENDING, Status.RESOLVED}),
    Status.IN_PROGRESS: frozenset({Status.QUEUED, Status.PENDING, Status.RESOLVED}),
    Status.PENDING: frozenset({Status.QUEUED, Status.IN_PROGRESS, Status.RESOLVED}),
    Status.RESOLVED: frozenset({Status.QUEUED, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.QUEUED}),
}
"""From each status, the statuses that may follow."""

HELD = frozenset({Status.ASSIGNED, Status.IN_PROGRESS, Status.PENDING})
"""In these an agent has the ticket, and it counts against the agent's capacity."""


class RoutingStep(StrEnum):
    """Which step decided on the department."""

    REQUEST = "request"
    REQUEST_TYPE = "request_type"
    RULE = "rule"
    CLASSIFIER = "classifier"
    TRIAGE = "triage"
    HISTORY = "history"


class AssignedBy(StrEnum):
    """Who chose the agent."""

    POLICY = "policy"
    PERSON = "person"
    PULL = "pull"
    HISTORY = "history"


class Unassigned(StrEnum):
    """Why a ticket went back to its queue."""

    BY_PERSON = "person"
    AGENT_OFFLINE = "agent_offline"
    NOT_ANSWERED = "not_answered"
