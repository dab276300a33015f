"""The dashboards.

Each dashboard has its own file. Other modules contain the queries, panels and texts that dashboards share.
"""
