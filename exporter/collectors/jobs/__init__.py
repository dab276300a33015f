"""Records, metric families and counters that the collectors of jobs share."""
