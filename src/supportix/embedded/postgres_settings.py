"""The PostgreSQL settings of an embedded server, sized to the machine at every start."""

from __future__ import annotations

import os
from pathlib import Path

MEBIBYTE = 1024**2
CGROUP_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Return the memory we may use: the machine's, or less if a container limits it."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(machine, int(CGROUP_MEMORY_LIMIT.read_text()))
    except (OSError, ValueError):
        # No control group version 2, or its limit is the word "max".
        return machine


def settings_for(memory: int, max_connections: int) -> dict[str, str]:
    """Return settings for a server that shares a machine of `memory` bytes with the application and a browser.

    Shared buffers are an eighth of the memory, half of the documentation's 25 % for a dedicated server
    (https://www.postgresql.org/docs/18/runtime-config-resource.html), and at most 1 GB as the operating system
    caches the files as well. The write-ahead log may grow to 2 GB so that replays don't force checkpoints.
    """
    return {
        "listen_addresses": "127.0.0.1",
        # No Unix socket: its path may have 107 bytes only, and one form of URL is enough.
        "unix_socket_directories": "",
        "max_connections": str(max_connections),
        "shared_buffers": _megabytes(memory // 8, 64, 1024),
        "effective_cache_size": _megabytes(memory // 2, 256, 65536),
        "maintenance_work_mem": _megabytes(memory // 32, 64, 512),
        "work_mem": _megabytes(memory // 2048, 4, 16),
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # Short queries only: compiling a plan would cost more than it saves.
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
    }


def _megabytes(amount: int, lowest: int, highest: int) -> str:
    return f"{min(max(amount // MEBIBYTE, lowest), highest)}MB"
