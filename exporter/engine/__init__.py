"""The running accounts, with their refreshes, collected data and persistent state."""
