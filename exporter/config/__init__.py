"""Types, defaults, loading and validation of the configuration files."""
