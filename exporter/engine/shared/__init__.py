"""Several processes store their persistent state and the leases of their shards in one PostgreSQL database."""
