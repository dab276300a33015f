"""Endpoints of the tenant API, with one file per endpoint."""
