"""Read models: tables derived from the log, which can be thrown away and rebuilt."""
