"""One file per thing that AvePoint tells; registry.py lists them."""
