"""The event store: an append-only log in PostgreSQL with a gap-free global order, and what stands beside it."""
