"""Conversion of the names, numbers and times in responses."""
