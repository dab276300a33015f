"""Collectors for tenant accounts."""
