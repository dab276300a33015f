"""Warn about customers in `expectations.exceptions` that are missing from all customer lists."""

from collections.abc import Iterable
from typing import Final

from exporter.engine.running_account import RunningAccount
from exporter.logs import logger

_MOST_SHOWN: Final = 3


class UnlistedCustomers:
    """Logs a warning when the unlisted customers change."""

    def __init__(self) -> None:
        self._unlisted = frozenset[str]()

    def check(self, accounts: Iterable[RunningAccount]) -> None:
        """Log a warning if an exception names an unlisted customer. Until all lists have been read, do nothing."""
        partners = [one for one in accounts if one.account.type == "partner"]
        exceptions = [exception for one in partners for exception in one.account.expectations.exceptions]
        named = {customer for exception in exceptions for customer in exception.customers}
        unlisted = frozenset(one for one in named if not any(_may_list(account, one) for account in partners))
        if unlisted - self._unlisted:
            logger().warning(
                "expectations.exceptions contains customers that AvePoint does not list; check the ids",
                customers=len(unlisted),
                examples=", ".join(sorted(unlisted)[:_MOST_SHOWN]),
            )
        self._unlisted = unlisted


def _may_list(account: RunningAccount, customer_id: str) -> bool:
    """Return True if the account's list contains the customer, or if another shard owns the customer."""
    return account.customer_list.lists(customer_id) or not account.customer_list.owns(customer_id)
