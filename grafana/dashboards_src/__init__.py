"""The dashboards, with one file per dashboard, and modules with queries, panels and words that they share."""
