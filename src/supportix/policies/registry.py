"""The policies that a department may choose: ours, and those that other packages offer as entry points.

A package adds one with `[project.entry-points."supportix.policies"]`, as `name = "module:POLICY"`. To change what it
does, it gives the policy a new version and keeps the former one under another entry point, so that old choices can
still be proved.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points

from supportix.policies.assignment import LEAST_BUSY, ROUND_ROBIN, STICKY, WEIGHTED, AssignmentPolicy

GROUP = "supportix.policies"
OURS = (ROUND_ROBIN, LEAST_BUSY, WEIGHTED, STICKY)


class PolicyRefused(Exception):  # noqa: N818 - says what was found.
    """An entry point offers something that can't be a policy here."""


def offered() -> list[AssignmentPolicy]:
    """The policies of other packages. Raises PolicyRefused, naming the entry point."""
    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        try:
            policy = point.load()
        except Exception as error:
            raise PolicyRefused(f"the policy {point.name!r} ({point.value}) can't be loaded: {error}") from error
        if not isinstance(policy, AssignmentPolicy):
            raise PolicyRefused(f"{point.name!r} ({point.value}) was expected to be an AssignmentPolicy")
        found.append(policy)
    return found


def by_version(policies: Iterable[AssignmentPolicy]) -> dict[tuple[str, int], AssignmentPolicy]:
    """Each policy under its name and version. Raises PolicyRefused where two share them."""
    known: dict[tuple[str, int], AssignmentPolicy] = {}
    for policy in policies:
        if known.setdefault((policy.name, policy.version), policy) is not policy:
            raise PolicyRefused(f"there are two policies {policy.name!r} of version {policy.version}")
    return known


def newest(known: Mapping[tuple[str, int], AssignmentPolicy]) -> dict[str, AssignmentPolicy]:
    """Of each name the policy of the highest version: the one that decides from now on."""
    return {name: known[name, version] for name, version in sorted(known)}


KNOWN: Mapping[tuple[str, int], AssignmentPolicy] = by_version([*OURS, *offered()])
"""By name and version, former versions too: what old choices are proved with."""

POLICIES: Mapping[str, AssignmentPolicy] = newest(KNOWN)
"""By name: what departments choose from."""
