"""The metrics page: snapshots as text, and the exporter's metrics about itself."""
