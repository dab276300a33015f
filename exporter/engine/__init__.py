"""The engine, which runs accounts, refreshes collectors, and stores the results."""
