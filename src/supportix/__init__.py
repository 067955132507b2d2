"""Supportix."""
