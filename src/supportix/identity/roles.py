"""Which role may do what, as data. Ownership ("own", "department") is checked where the ticket is known."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Permission(StrEnum):
    TICKETS_OPEN = "tickets.open"
    TICKETS_READ_OWN = "tickets.read_own"
    TICKETS_READ_DEPARTMENT = "tickets.read_department"
    TICKETS_READ_ALL = "tickets.read_all"
    TICKETS_WORK = "tickets.work"
    TICKETS_ASSIGN = "tickets.assign"
    TICKETS_FORCE = "tickets.force"
    TICKETS_TRANSFER = "tickets.transfer"
    TICKETS_PRIORITISE = "tickets.prioritise"
    TICKETS_ANSWER_OWN = "tickets.answer_own"
    TICKETS_CLOSE_OWN = "tickets.close_own"
    TICKETS_REOPEN_OWN = "tickets.reopen_own"
    AGENTS_READ = "agents.read"
    AGENTS_MANAGE = "agents.manage"
    AGENTS_OWN_AVAILABILITY = "agents.own_availability"
    DEPARTMENTS_READ = "departments.read"
    DEPARTMENTS_MANAGE = "departments.manage"
    QUEUES_READ = "queues.read"
    LOADS_READ = "loads.read"
    TRAFFIC_READ = "traffic.read"
    FORECASTS_READ = "forecasts.read"
    FORECASTS_MANAGE = "forecasts.manage"
    MERGES_READ = "merges.read"
    MERGES_MANAGE = "merges.manage"
    EVENTS_READ = "events.read"
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_MANAGE = "accounts.manage"
    PROJECTIONS_READ = "projections.read"
    PROJECTIONS_MANAGE = "projections.manage"
    SIMULATIONS_RUN = "simulations.run"


_CUSTOMER = frozenset(
    {
        Permission.TICKETS_OPEN,
        Permission.TICKETS_READ_OWN,
        Permission.TICKETS_ANSWER_OWN,
        Permission.TICKETS_CLOSE_OWN,
        Permission.TICKETS_REOPEN_OWN,
        Permission.DEPARTMENTS_READ,
    }
)
_STAFF = frozenset(
    {
        Permission.TICKETS_OPEN,
        Permission.TICKETS_READ_DEPARTMENT,
        Permission.TICKETS_WORK,
        Permission.TICKETS_TRANSFER,
        Permission.AGENTS_READ,
        Permission.DEPARTMENTS_READ,
        Permission.QUEUES_READ,
    }
)
_SUPERVISOR = _STAFF | {
    Permission.TICKETS_READ_ALL,
    Permission.TICKETS_ASSIGN,
    Permission.TICKETS_FORCE,
    Permission.TICKETS_PRIORITISE,
    Permission.LOADS_READ,
    Permission.TRAFFIC_READ,
    Permission.FORECASTS_READ,
    Permission.FORECASTS_MANAGE,
    Permission.MERGES_READ,
    Permission.MERGES_MANAGE,
    Permission.EVENTS_READ,
    Permission.ACCOUNTS_READ,
    Permission.PROJECTIONS_READ,
    Permission.SIMULATIONS_RUN,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.CUSTOMER: _CUSTOMER,
        Role.AGENT: _STAFF | {Permission.AGENTS_OWN_AVAILABILITY},
        Role.SUPERVISOR: _SUPERVISOR,
        Role.ADMIN: _SUPERVISOR
        | {
            Permission.AGENTS_MANAGE,
            Permission.DEPARTMENTS_MANAGE,
            Permission.ACCOUNTS_MANAGE,
            Permission.PROJECTIONS_MANAGE,
        },
    }
)
