"""Compare the exporter with prometheus_client. Compare its requests and times with the theoretical minimum."""
