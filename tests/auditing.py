"""Auditing a log whose events somebody may have changed by hand."""

from typing import Any

import msgspec

from supportix.bootstrap import Core
from supportix.processes.audit import AuditReport, AuditScope, audit


async def audited(core: Core, **scope: Any) -> AuditReport:
    return await audit(core.pool, AuditScope(**scope))


async def rewrite(core: Core, name: str, change: Any, *, nth: int = 10) -> int:
    """Change the body of the nth event of that name behind everybody's back; returns its position."""
    async with core.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT position, body FROM events WHERE name = %s ORDER BY position OFFSET %s LIMIT 1", (name, nth)
        )
        position, body = await cursor.fetchone() or (0, b"")
        fact = msgspec.json.decode(body)
        change(fact)
        await connection.execute(
            "UPDATE events SET body = %s WHERE position = %s", (msgspec.json.encode(fact), position)
        )
    return int(position)
