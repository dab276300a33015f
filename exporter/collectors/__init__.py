"""Collectors, with one module per endpoint. `registry.py` contains the list of collectors."""
