"""Jobs of tenants and of customers: records, families and counters that their collectors share."""
