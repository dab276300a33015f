"""The simulated data, either generated from a seed or set by a test."""
