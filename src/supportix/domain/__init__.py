"""Tickets, agents and departments: what can happen to them and what may not. No I/O, no clock, no HTTP words."""
