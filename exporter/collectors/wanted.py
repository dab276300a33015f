"""The customers that the configuration includes and excludes."""

from collections.abc import Callable, Collection, Iterable
from typing import Final
from uuid import UUID

import structlog

from exporter.collectors.distinct import normalized_id
from exporter.config.schema import CustomerFilter

_MOST_SHOWN: Final = 3


class WantedCustomers:
    """Compares customer ids with `customers.include` and `customers.exclude`.

    Different spellings of the same id match each other.
    """

    def __init__(
        self, configured: CustomerFilter, owns: Callable[[str], bool], log: structlog.stdlib.BoundLogger
    ) -> None:
        """Create the filter. `owns` returns whether a customer belongs to this shard."""
        self._include = {normalized_id(one): _as_listed(one) for one in configured.include}
        self._exclude = {normalized_id(one): _as_listed(one) for one in configured.exclude}
        self._owns = owns
        self._log = log
        self.ids = sorted(one for key, one in self._include.items() if key not in self._exclude and owns(one))
        """The included customers of this shard."""
        self.unlisted: Collection[str] = ()
        """The configured customers of this shard that AvePoint did not list."""

    @property
    def are_all(self) -> bool:
        """Whether the configuration includes all customers."""
        return not self._include

    @property
    def are_none_listed(self) -> bool:
        """Whether the configuration includes customers of this shard, but AvePoint lists none of them."""
        return bool(self.ids) and set(self.ids) <= set(self.unlisted)

    @property
    def keys(self) -> Collection[str]:
        """The normalized ids of all configured customers."""
        return self._include.keys() | self._exclude.keys()

    def __contains__(self, customer_id: str) -> bool:
        if not (self._include or self._exclude):
            return True
        key = normalized_id(customer_id)
        return (not self._include or key in self._include) and key not in self._exclude

    def check(self, listed: Iterable[str], *, is_whole: bool) -> None:
        """Find the configured customers that are not listed.

        Log a warning if the previous check did not find all of these customers. If `is_whole` is false, the list
        may be incomplete, so do not check the excluded customers.
        """
        if not self.keys:
            return
        keys = {normalized_id(one) for one in listed}
        configured = [*self.ids, *(filter(self._owns, self._exclude.values()) if is_whole else ())]
        former, self.unlisted = self.unlisted, [one for one in configured if normalized_id(one) not in keys]
        if set(self.unlisted) - set(former):
            self._log.warning(
                "customers.include or customers.exclude contains customers that AvePoint does not list; check the ids",
                customers=len(self.unlisted),
                examples=", ".join(self.unlisted[:_MOST_SHOWN]),
            )


def _as_listed(customer_id: str) -> str:
    """Return an id in AvePoint's spelling. A GUID has lowercase letters and no braces."""
    try:
        return str(UUID(customer_id))
    except ValueError:
        return customer_id
