"""The persistent state of accounts, and the databases that store it."""
