"""Collectors for tenant accounts, with one module per collector."""
