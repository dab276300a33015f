"""Several processes share one PostgreSQL database for their persistent state and the leases of their shards."""
