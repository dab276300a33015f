"""`avepoint-exporter check`: test every account with real requests and report the results."""
