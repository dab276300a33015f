"""Collectors of partner accounts."""
