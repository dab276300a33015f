"""`avepoint-exporter check`: every account tried for real, step by step, and what came of it in words."""
