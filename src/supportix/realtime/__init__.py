"""What happens, told as it happens: the log's copy on NATS for programs, and changes over WebSocket for people."""
