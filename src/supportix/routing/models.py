"""Stored models: adding, listing, activating and reading them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from supportix.domain.errors import NotFound

if TYPE_CHECKING:
    from supportix.routing.evaluation import Evaluation
    from supportix.routing.model import TextModel

Pool = AsyncConnectionPool[Any]


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model and what was measured when it was trained: see `Evaluation`, without the confusion matrix."""

    version: int
    active: bool
    trained_at: datetime
    trained_until: int
    wanted_precision: float
    learned_with: str
    learned_from: int
    tested: int
    why_it_routes_nothing: str | None
    departments: int
    accuracy: float
    majority_accuracy: float
    keyword_accuracy: float
    threshold: float | None
    coverage: float
    precision_when_sure: float | None
    tags: tuple[str, ...]
    bytes: int


class UnknownModel(NotFound):
    """There is no model of that version."""


_LIST = """
SELECT version, active, trained_at, trained_until, precision, learned_with, evaluation, octet_length(body)
FROM routing_models ORDER BY version DESC
"""
_ADD = """
INSERT INTO routing_models
    (trained_at, trained_until, precision, learned_with, evaluation, checksum, body, active)
VALUES (%s, %s, %s, %s, %s, %s, %s, false) RETURNING version
"""


async def add(
    pool: Pool, model: TextModel, evaluation: Evaluation, *, trained_until: int, learned_with: str, at: datetime
) -> int:
    """Store a model, not active yet; returns its version."""
    from supportix.routing.model import checksum, to_bytes

    body = await asyncio.to_thread(to_bytes, model)
    summary = msgspec.structs.replace(evaluation, confusion=())
    told = {
        "evaluation": msgspec.to_builtins(summary),
        "labels": list(model.labels),
        "threshold": model.threshold,
        "tags": [tag.name for tag in model.tags] + sorted(model.lexicon),
    }
    parameters = (
        at,
        trained_until,
        evaluation.wanted_precision,
        learned_with,
        msgspec.json.encode(told).decode(),
        checksum(body),
        body,
    )
    async with pool.connection() as connection:
        row = await (await connection.execute(_ADD, parameters)).fetchone()
    if row is None:
        raise AssertionError("INSERT ... RETURNING returns a row")
    return int(row[0])


async def stored_models(pool: Pool) -> list[StoredModel]:
    """All of them, the latest first."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(_LIST)).fetchall()
    return [_told(*row) for row in rows]


async def activate(pool: Pool, version: int | None) -> None:
    """Route by this model from now on; by none where it is None. Refused: UnknownModel."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE routing_models IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute("UPDATE routing_models SET active = false WHERE active")
        if version is None:
            return
        cursor = await connection.execute("UPDATE routing_models SET active = true WHERE version = %s", (version,))
        if cursor.rowcount == 0:
            raise UnknownModel(f"no model has version {version}; `supportix routing models` lists them")


async def read(pool: Pool, version: int) -> TextModel:
    """The model of that version. Raises ModelUnreadable; refused: UnknownModel."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT body, checksum FROM routing_models WHERE version = %s", (version,))
        row = await cursor.fetchone()
    if row is None:
        raise UnknownModel(f"no model has version {version}")
    return await asyncio.to_thread(_decoded, bytes(row[0]), bytes(row[1]))


def _decoded(body: bytes, checksum: bytes) -> TextModel:
    """In a thread of its own: numpy takes a moment to import, and a model to unpack."""
    from supportix.routing.model import from_bytes

    return from_bytes(body, checksum)


def _told(
    version: int, active: bool, at: datetime, until: int, precision: float, learned_with: str, told: Any, size: int
) -> StoredModel:
    measured = told["evaluation"]
    why_not = measured["why_not"] if not told["labels"] else None
    if told["labels"] and told["threshold"] is None:
        why_not = f"no probability reached a precision of {precision:.0%} on the newest tickets"
    return StoredModel(
        version=version,
        active=active,
        trained_at=at,
        trained_until=until,
        wanted_precision=precision,
        learned_with=learned_with,
        learned_from=measured["learned_from"],
        tested=measured["tested"],
        why_it_routes_nothing=why_not,
        departments=len(told["labels"]),
        accuracy=measured["accuracy"],
        majority_accuracy=measured["majority_accuracy"],
        keyword_accuracy=measured["keyword_accuracy"],
        threshold=told["threshold"],
        coverage=measured["coverage"],
        precision_when_sure=measured["precision_when_sure"],
        tags=tuple(told["tags"]),
        bytes=size,
    )
