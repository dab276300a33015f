"""The status page: what each collector and customer came to, in words; no secrets, no script.

`model` makes plain records of what is known, `page` makes HTML of them. Nothing here is loaded before somebody asks for
the page.
"""
