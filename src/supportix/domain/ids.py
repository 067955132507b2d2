"""Typed ids. Streams are named by the id of the aggregate whose events they hold."""

from typing import NewType
from uuid import UUID

TicketId = NewType("TicketId", UUID)
AgentId = NewType("AgentId", UUID)
DepartmentId = NewType("DepartmentId", UUID)
CustomerId = NewType("CustomerId", UUID)
MergeId = NewType("MergeId", UUID)
ActorId = NewType("ActorId", UUID)
KnownEventId = NewType("KnownEventId", UUID)
AdviceId = NewType("AdviceId", UUID)

TRIAGE_DEPARTMENT_ID = DepartmentId(UUID("00000000-0000-7000-8000-000000000001"))
"""Where a ticket goes that names no department."""
