"""Collectors for partner accounts."""
