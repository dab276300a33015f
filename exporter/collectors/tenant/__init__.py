"""Collectors of tenant accounts, one file each."""
