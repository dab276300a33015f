"""Benchmarks that compare the exporter with prometheus_client, the minimum number of requests and the ideal time."""
