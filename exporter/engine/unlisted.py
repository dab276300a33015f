"""Warn about customers in `expectations.exceptions` that are missing from all customer lists."""

from collections.abc import Iterable
from typing import Final

from exporter.collectors.distinct import normalized_id
from exporter.engine.running_account import RunningAccount
from exporter.logs import logger

_MOST_SHOWN: Final = 3


class UnlistedCustomers:
    """Logs a warning whenever another unlisted customer is found."""

    def __init__(self) -> None:
        self._unlisted = frozenset[str]()

    def check(self, accounts: Iterable[RunningAccount]) -> None:
        """If all lists have been read, log a warning about unlisted customers in `expectations.exceptions`."""
        partners = [one for one in accounts if one.account.type == "partner"]
        exceptions = [exception for one in partners for exception in one.account.expectations.exceptions]
        named = {customer for exception in exceptions for customer in exception.customers}
        lists = [one.customer_list.listed() for one in partners]
        if not named or None in lists:
            return
        listed = {normalized_id(customer) for one in lists for customer in one or ()}
        owned = (customer for customer in named if all(one.customer_list.owns(customer) for one in partners))
        unlisted = frozenset(customer for customer in owned if normalized_id(customer) not in listed)
        if unlisted - self._unlisted:
            logger().warning(
                "expectations.exceptions contains customers that AvePoint does not list; check the ids",
                customers=len(unlisted),
                examples=", ".join(sorted(unlisted)[:_MOST_SHOWN]),
            )
        self._unlisted = unlisted
