"""What the exporter costs, measured against prometheus_client, the least calls and the ideal time."""
