"""Endpoints of the partner API, one file each."""
