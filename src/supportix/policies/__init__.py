"""Policies: pure functions from what is known to what should happen. No I/O, no clock, no randomness."""

from supportix.policies.assignment import AssignmentPolicy, Candidate
from supportix.policies.registry import POLICIES

__all__ = ["POLICIES", "AssignmentPolicy", "Candidate"]
