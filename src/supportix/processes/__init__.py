"""Long-running work under leases: giving tickets out, relaying events, auditing."""
