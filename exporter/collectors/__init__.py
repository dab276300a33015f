"""Collectors. The module `registry` lists the collectors."""
