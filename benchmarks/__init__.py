"""Compare the exporter with prometheus_client, and with the theoretical minimum of requests and time."""
