"""The setting of an imported history: its departments and agents, at its beginning and at its end."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from supportix.domain.agent import Agent, Availability, register_agent
from supportix.domain.department import IMPORT_PAUSE_REASON, create_department
from supportix.importing.identities import Identities
from supportix.importing.staffing import Staffing
from supportix.importing.writer import ChunkWriter

IMPORTED_POLICY = "imported"


def begin(
    writer: ChunkWriter,
    identities: Identities,
    staffing: Staffing,
    names: Mapping[str, str],
    policy: str,
    *,
    at: datetime,
) -> None:
    """Create the departments, closed to the live assigner, and the agents, online."""
    for name in staffing.departments:
        department = create_department(identities.department(name), name=names[name], policy=policy, at=at)
        writer.record(department.pause_assignment(reason=IMPORT_PAUSE_REASON, at=at))
    departments_of = _departments_of(staffing)
    for name in staffing.agents:
        agent = register_agent(
            identities.agent(name),
            name=name,
            department_ids=tuple(identities.department(each) for each in departments_of[name]),
            capacity=staffing.capacity[name],
            at=at,
        )
        writer.record(agent.change_availability(Availability.ONLINE, at=at))


def end(writer: ChunkWriter, identities: Identities, staffing: Staffing, *, at: datetime, go_on: bool) -> None:
    """Send the agents off, unless the desk is to go on from here; open the departments to the live assigner."""
    for name in () if go_on else staffing.agents:
        writer.record(
            writer.board.agents[identities.agent(name)].copy().change_availability(Availability.OFFLINE, at=at)
        )
    for name in staffing.departments:
        department = writer.board.departments[identities.department(name)].copy()
        writer.record(department.resume_assignment(at=at))


def agent_of(writer: ChunkWriter, agent_id: UUID) -> Agent:
    """A copy of the agent as the board knows it, to decide on."""
    return writer.board.agents[agent_id].copy()


def _departments_of(staffing: Staffing) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in staffing.agents}
    for department, agents in staffing.agents_of.items():
        for name in agents:
            found[name].append(department)
    return found
