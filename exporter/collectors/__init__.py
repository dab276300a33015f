"""Collectors: one module per endpoint of AvePoint. registry.py lists them."""
