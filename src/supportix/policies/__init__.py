"""Policies: pure functions from what is known to what should happen. No I/O, no clock, no randomness."""

from supportix.policies.assignment import POLICIES, AssignmentPolicy

__all__ = ["POLICIES", "AssignmentPolicy"]
