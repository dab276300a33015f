"""Endpoints of the partner API, with one file per endpoint."""
