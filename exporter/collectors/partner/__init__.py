"""Collectors of partner accounts, one file each."""
