"""The configuration: its types and bounds, YAML files to read it from, and checks between keys."""
