"""One file a dashboard; what they share stands in queries, variables, panels, columns, layout and thresholds."""
