"""What a waiting ticket asks of an agent, and what beside priority and age decides on its place in the queue."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from supportix.domain.ids import AgentId


class Requirement(NamedTuple):
    """What an agent must have to take a ticket: as many points free as it weighs, and each of these skills."""

    weight: int = 1
    skills: tuple[str, ...] = ()


ANYBODY = Requirement()
"""One point of capacity, no skill."""


class Demand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A ticket's demand, as its department's terms made it when it was queued. Stored in events: never rename a field.

    `weight` in points of an agent's capacity; `skills` in order of their names; `due_at` is when it has to be resolved;
    `returned` puts it at the head of its priority, since it had been given out before.
    """

    weight: int = 1
    skills: tuple[str, ...] = ()
    due_at: datetime | None = None
    preferred_agent_id: AgentId | None = None
    returned: bool = False

    @property
    def requirement(self) -> Requirement:
        return Requirement(self.weight, self.skills)


NO_DEMAND = Demand()


def stored_demand(demand: Demand) -> Demand | None:
    """As an event carries it: None where it asks for nothing."""
    return None if demand == NO_DEMAND else demand
