"""Collectors for partner accounts, with one module per collector."""
