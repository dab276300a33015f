"""The status page: the state of each collector and customer; no secrets, no scripts.

`model` returns plain records, and `page` renders them as HTML. Nothing here is imported before a request for the page.
"""
