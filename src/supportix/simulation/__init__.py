"""What-if: what waits, loads and broken targets would have been under another policy, staffing or merge threshold."""
