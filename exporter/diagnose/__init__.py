"""The tests of `avepoint-exporter check`, which send real requests for every account."""
