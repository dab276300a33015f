"""The simulated data, which is generated from a seed or set by a test."""
