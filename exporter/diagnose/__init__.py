"""The tests that `avepoint-exporter check` runs on every account, with real requests."""
