"""The configuration: its types and bounds, the YAML files, and the checks between keys."""
