"""The limits for a customer's workload.

The first matching exception takes precedence over the limits of the account.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.reading.workload_labels import workload_label
from exporter.collectors.distinct import normalized_id
from exporter.config.expectations import ExpectationException, Expectations, Limits

_FINGERPRINT_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class _Exception:
    """An exception to the limits of the account.

    `limits` contains all limits. Limits that the exception does not set are the account's limits.
    """

    customers: frozenset[str]
    products: frozenset[str]
    workloads: frozenset[str]
    limits: Limits

    def matches(self, product: str, workload: str) -> bool:
        """Return whether the exception applies. If the exception contains names, an empty name does not match."""
        is_product = not self.products or product in self.products
        return is_product and (not self.workloads or workload.casefold() in self.workloads)


@dataclass(frozen=True, slots=True)
class CustomerLimits:
    """The limits of one customer."""

    _base: Limits
    _exceptions: Sequence[_Exception]

    def of(self, product: str = "", workload: str = "") -> Limits:
        """Return the limits for a workload. If both arguments are "", return the limits for the whole customer."""
        return next((one.limits for one in self._exceptions if one.matches(product, workload)), self._base)

    def possible(self) -> Iterator[Limits]:
        """Return the limits that can apply to an unknown workload."""
        for one in self._exceptions:
            yield one.limits
            if not (one.products or one.workloads):
                return
        yield self._base


class AccountLimits:
    """The limits for all customers of one account."""

    def __init__(self, expectations: Expectations) -> None:
        self._base = expectations
        self._exceptions = tuple(_resolved(expectations, exception) for exception in expectations.exceptions)
        self._common = CustomerLimits(expectations, tuple(one for one in self._exceptions if not one.customers))
        self._named = frozenset(key for one in self._exceptions for key in one.customers)
        text = expectations.model_dump_json()
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_LENGTH]

    def of(self, customer_id: str) -> CustomerLimits:
        """Return the limits of a customer. If the id is "", return the limits of the tenant account."""
        key = normalized_id(customer_id) if self._named else ""
        if key not in self._named:
            return self._common
        chosen = tuple(one for one in self._exceptions if not one.customers or key in one.customers)
        return CustomerLimits(self._base, chosen)


def _resolved(base: Limits, exception: ExpectationException) -> _Exception:
    return _Exception(
        frozenset(map(normalized_id, exception.customers)),
        frozenset(exception.products),
        frozenset(workload_label(workload)[0].casefold() for workload in exception.workloads),
        base.model_copy(update=exception.own_limits()),
    )
