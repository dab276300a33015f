"""Stores the persistent state of accounts in databases."""
