"""Configuration files: types, defaults, loading and validation."""
