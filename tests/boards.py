"""All that a dispatch board knows, as plain values that can be compared."""

from typing import Any

import msgspec

from supportix.policies.dispatch import DispatchBoard


def face(board: DispatchBoard) -> dict[str, Any]:
    """Equal for two boards that decide alike from here on. Pools of which nothing is known don't count."""
    return {
        "position": board.position,
        "departments": {key: msgspec.to_builtins(each) for key, each in board.departments.items()},
        "agents": {key: msgspec.to_builtins(each) for key, each in board.agents.items()},
        "waiting": dict(board.waiting),
        "queues": {key: list(queue) for key, queue in board._queues.items() if queue},
        "pools": {
            key: {
                "policy": pool.policy.name,
                "turns": dict(pool.turns),
                "members": set(pool.members),
                "order": list(pool._eligible.items()),
                "excluded": dict(pool._excluded),
                "exclusions": {reason: count for reason, count in pool._exclusions.items() if count},
            }
            for key, pool in board._pools.items()
            if pool.members or pool.turns
        },
    }
