"""Compare the exporter with prometheus_client, and its requests and run time with the theoretical minimum."""
