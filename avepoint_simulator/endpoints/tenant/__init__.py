"""Endpoints of the tenant API, one file each."""
