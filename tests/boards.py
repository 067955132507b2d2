"""All that a dispatch board knows, as plain values that can be compared."""

from typing import Any

import msgspec

from supportix.domain.demand import ANYBODY, Requirement
from supportix.policies.dispatch import DispatchBoard
from supportix.policies.pool import Order, Pool


def face(board: DispatchBoard) -> dict[str, Any]:
    """Equal for two boards that decide alike from here on. Pools of which nothing is known don't count."""
    return {
        "position": board.position,
        "departments": {key: msgspec.to_builtins(each) for key, each in board.departments.items()},
        "agents": {key: msgspec.to_builtins(each) for key, each in board.agents.items()},
        "waiting": dict(board.waiting),
        "queues": {key: list(queue.in_order(lambda _: True)) for key, queue in board._queues.items() if len(queue)},
        "pools": {
            key: {
                "policy": pool.policy.name,
                "turns": dict(pool.turns),
                "members": set(pool.members),
                "orders": {requirement: places(pool.order(requirement)) for requirement in _asked(board, key)},
            }
            for key, pool in board._pools.items()
            if pool.members or pool.turns
        },
    }


def places(order: Order) -> dict[str, Any]:
    """Who can take such a ticket, by place, and why the others can't."""
    return {
        "eligible": list(order._eligible.items()),
        "excluded": dict(order._excluded),
        "exclusions": {reason: count for reason, count in order.exclusions.items() if count},
    }


def must_be_ordered_as_if_anew(pool: Pool) -> None:
    """Each order that was kept up to date is the one that is made from the agents as they stand."""
    for requirement in list(pool._orders):
        order = pool.order(requirement)
        anew = Order(pool.policy, requirement)
        for agent in pool.members.values():
            anew.place(agent, pool.turns.get(agent.id, 0))
        assert places(order) == places(anew)


def _asked(board: DispatchBoard, department_id: Any) -> set[Requirement]:
    """What the department's waiting tickets ask for, and the least that one can ask for."""
    queue = board._queues.get(department_id)
    return {ANYBODY, *(queue.requirements() if queue is not None else ())}
