"""Modules that convert the names, numbers and times in responses."""
