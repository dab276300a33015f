"""The check that `avepoint-exporter check` runs: it tests every account with real requests."""
