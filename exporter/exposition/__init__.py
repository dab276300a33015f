"""Families and snapshot to text, at scrape time; and the exporter's own metrics."""
