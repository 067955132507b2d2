"""Forecasts of the tickets that will arrive in each department and in the whole desk, and how sure they are.

The numerics have no I/O and no clock, and answer the same for the same series, calendar and seed. Around them stand the
process that issues forecasts, the one that reckons them for it, and what both say to each other.
"""
