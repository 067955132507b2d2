"""Departments and their terms, as commands on tickets need them: read once, looked at again after a moment."""

import time
from uuid import UUID

from supportix.commands.desk import SupportDesk
from supportix.domain.department import Department
from supportix.domain.errors import InvalidInput, NotFound

KEPT_SECONDS = 1.0
"""As long as another process's change of a department's terms may go unnoticed. Events say what they were based on."""


class UnknownDepartment(InvalidInput):
    """There is no such department."""


class KnownDepartments:
    """The departments that this process has looked at."""

    def __init__(self, desk: SupportDesk) -> None:
        self._desk = desk
        self._known: dict[UUID, tuple[float, Department]] = {}

    async def get(self, department_id: UUID) -> Department:
        """The department, to be read and not to be changed. Refused: UnknownDepartment."""
        read_at, department = self._known.get(department_id, (0.0, None))
        if department is not None and time.monotonic() - read_at < KEPT_SECONDS:
            return department
        try:
            department = await self._desk.load(Department, department_id)
        except NotFound:
            raise UnknownDepartment(
                f"no department has the id {department_id}; list them to see which there are"
            ) from None
        self._known[department_id] = (time.monotonic(), department)
        return department

    async def must_exist(self, department_id: UUID) -> None:
        """Refused: UnknownDepartment. Departments never vanish, so a known one needs no second look."""
        if department_id not in self._known:
            await self.get(department_id)

    def forget(self, department_id: UUID) -> None:
        """It was changed here: the next command reads it anew."""
        known = self._known.get(department_id)
        if known is not None:
            self._known[department_id] = (-KEPT_SECONDS, known[1])
