"""Several processes share their persistent state and the leases of their shards in PostgreSQL."""
