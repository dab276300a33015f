"""Records, families and counters that the job collectors share."""
