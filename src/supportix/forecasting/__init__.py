"""Forecasting: how much traffic a department will have, and how sure that is.

Numerics only: no I/O, no clock, the same answer for the same series, calendar and seed.
"""
