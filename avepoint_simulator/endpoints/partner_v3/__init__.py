"""Endpoints of the partner API in the Elements API v3, with one file per endpoint."""
