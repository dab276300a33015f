"""The data of the simulated AvePoint, generated from a seed or set by a test."""
