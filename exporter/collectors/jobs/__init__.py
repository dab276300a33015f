"""Records, metric families and counters for the collectors that read jobs."""
