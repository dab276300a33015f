"""The running accounts: their refreshes, the results, and the persistent state."""
