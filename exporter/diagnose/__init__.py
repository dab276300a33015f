"""The tests of `avepoint-exporter check`. The tests send real requests for every account."""
