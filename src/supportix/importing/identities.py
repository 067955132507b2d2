"""Ids for what an import names: the same in every run of it, so that a run that was interrupted can go on."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from supportix.domain.ids import AgentId, CustomerId, DepartmentId, TicketId

_READ_BYTES = 1 << 20


def import_id_of(path: Path, mapping: str, mode: str, limit: int | None) -> UUID:
    """The id of importing this very content in this way."""
    digest = sha256(f"{mapping}\n{mode}\n{limit}\n".encode())
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return uuid5(NAMESPACE_URL, f"supportix:import:{digest.hexdigest()}")


class Identities:
    """Names of one import to ids."""

    def __init__(self, import_id: UUID) -> None:
        self.import_id = import_id

    def department(self, name: str) -> DepartmentId:
        return DepartmentId(uuid5(self.import_id, f"department:{name}"))

    def agent(self, name: str) -> AgentId:
        return AgentId(uuid5(self.import_id, f"agent:{name}"))

    def customer(self, name: str) -> CustomerId:
        return CustomerId(uuid5(self.import_id, f"customer:{name}"))

    def command(self, ordinal: int) -> UUID:
        return uuid5(self.import_id, f"chunk:{ordinal}")

    def ticket(self, number: str, opened_at: datetime) -> TicketId:
        """Ordered by the time of opening, in the layout of a UUID version 7 (RFC 9562), so that indexes stay dense."""
        milliseconds = max(0, int(opened_at.timestamp() * 1000)) & (2**48 - 1)
        rest = int.from_bytes(sha256(self.import_id.bytes + number.encode()).digest()[:10])
        value = milliseconds << 80 | 7 << 76 | (rest >> 62 & 0xFFF) << 64 | 0b10 << 62 | rest & (2**62 - 1)
        return TicketId(UUID(int=value))

    def username(self, kind: str, name: str) -> str:
        return f"{self.import_id.hex[:8]}-{kind}-{uuid5(self.import_id, kind + name).hex[:12]}"
