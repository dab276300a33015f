"""Modules that convert the names, numbers and timestamps in responses."""
