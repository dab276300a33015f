"""Accounts at work: refreshes, the snapshot that they fill, and the state that is kept across restarts."""
