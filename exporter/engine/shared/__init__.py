"""Persistent state in PostgreSQL that several processes share, and the leases of the shards."""
