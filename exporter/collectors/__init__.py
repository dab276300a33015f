"""One file for each thing that AvePoint reports; registry.py lists them."""
