"""The simulated data, generated from a seed or set by a test."""
