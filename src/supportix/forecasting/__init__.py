"""Forecasts of the tickets that arrive in each department, and in the whole desk."""
