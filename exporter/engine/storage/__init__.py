"""Persistent state of accounts, and the databases that store it."""
