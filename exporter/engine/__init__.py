"""The engine runs accounts, refreshes collectors, and stores the results."""
