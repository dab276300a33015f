"""The status page shows the state of each collector and customer. The page contains no secrets and no scripts.

The module `model` builds the content as dataclasses, and `page` renders the dataclasses as HTML. This package is
imported when a client requests the page for the first time.
"""
