"""The dashboards.

Each dashboard has its own file. Queries, panels and texts that dashboards share have other modules.
"""
