"""Base classes of collectors.

A collector converts responses to immutable records, and converts the records to samples.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import structlog

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import EndpointPair
from exporter.avepoint.lists import ApiVersions
from exporter.clock import Clock
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account, AccountType, CollectorOptions
from exporter.errors import AvePointError, NotOfferedError

Records = TypeVar("Records")
Options = TypeVar("Options", bound=CollectorOptions)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family. The first label is always `account`, and the name of a counter ends in `_total`.

    If `history` is true, the values describe the past and never become stale. If `is_coming` is true, the values are
    timestamps that may be in the future. If `internal` is true, the samples are used only for verdicts and are not
    exposed.
    `query` is a PromQL example for the documentation.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    history: bool = False
    type: Literal["gauge", "counter"] = "gauge"
    query: str = ""
    internal: bool = False
    is_coming: bool = False


class Sample(NamedTuple):
    """A sample of a family. `labels` contains the values of all labels except `account`.

    Labels with the value "" are not exposed.
    """

    family: Family
    labels: tuple[str, ...]
    value: float


def known_samples(values: Iterable[tuple[Family, tuple[str, ...], float | None]]) -> Iterator[Sample]:
    """Yield a sample for each value, but skip values that are None."""
    return (Sample(family, labels, float(value)) for family, labels, value in values if value is not None)


@dataclass(frozen=True, slots=True)
class CollectorContext:
    """An account and the objects that the collectors of the account share."""

    account: Account
    client: ApiClient
    customer_list: CustomerList
    clock: Clock
    log: structlog.stdlib.BoundLogger


class Collector(ABC, Generic[Options, Records]):
    """Base class of all collectors.

    `locations` contains the configured geo locations of a Multi-Geo tenant, or "" if none are configured.
    """

    name: ClassVar[str]
    account_type: ClassVar[AccountType]
    endpoints: ClassVar[EndpointPair]
    """The endpoint of each API version, with the permission that it requires."""
    options_type: ClassVar[type[CollectorOptions]]
    families: ClassVar[tuple[Family, ...]]
    optional: ClassVar[bool] = False
    """If this is true and the app lacks the permission, the collector is off instead of down."""

    licensed_per_customer: ClassVar[bool] = False
    """If true, a 403 or 404 for one customer is not an error, because the customer may lack a license."""

    def __init__(self, context: CollectorContext, options: Options) -> None:
        self.options = options
        self.api_versions = ApiVersions(context.account.api)
        self.locations = context.account.locations or ("",)
        self._client = context.client
        self._customer_list = context.customer_list
        self._clock = context.clock
        self._log = context.log

    @classmethod
    @abstractmethod
    def samples(cls, records: Records, customer_id: str) -> Iterable[Sample]:
        """Return the samples for the records. If `customer_id` is "", the records belong to the whole account."""

    @classmethod
    def error(cls, records: Records) -> AvePointError | None:  # noqa: ARG003 - for subclasses
        """Return an error if the records are incomplete, else None.

        Incomplete records are exposed, but the refresh fails.
        """
        return None

    def watch_customers(self, watcher: Callable[[Collection[str]], None]) -> None:
        """Call `watcher` with all customer ids whenever a complete customer list has been received."""
        self._customer_list.watch(watcher)

    def dump_state(self) -> object:
        """Return the persistent state as JSON values, or None if the collector has no state."""
        return None

    def load_state(self, state: object) -> None:
        """Restore a state that `dump_state` returned. Raise ValueError if the state is invalid."""

    def state_ids(self) -> Collection[str]:
        """Return the ids of the customers that have persistent state. The id "" represents the whole account."""
        return ("",)

    def state_of(self, customer_id: str) -> object:
        """Return the persistent state of one customer as JSON values, or None if there is no state."""
        return None if customer_id else self.dump_state()

    def load_states(self, states: Mapping[str, object]) -> None:
        """Restore states that `state_of` returned, keyed by customer id. Raise ValueError if a state is invalid."""
        if "" in states:
            self.load_state(states[""])


def at_location(location: str) -> Mapping[str, str]:
    """Return the query parameter for a geo location, or an empty mapping if the location is ""."""
    return {"location": location} if location else {}


class AccountCollector(Collector[Options, Records]):
    """Base class of collectors that read the whole account, not each customer separately."""

    @abstractmethod
    async def read(self) -> Records:
        """Read the account, and return its records. Raise AvePointError if a request fails."""


class CustomerCollector(Collector[Options, Records]):
    """Base class of collectors that read each customer of a partner account separately."""

    def customer_ids(self) -> AsyncGenerator[str, None]:
        """Yield each customer id as soon as it is received. Raise AvePointError if no customer list is available."""
        # Reuse the list if another collector requested it during the same interval.
        return self._customer_list.ids(self.options.interval * 0.9)

    async def token_ahead(self) -> None:
        """Request the access token early, while the customers are being listed."""
        with suppress(NotOfferedError):  # The first request for a customer raises this error again.
            await self._client.token_ahead(self.endpoints.permissions[self.api_versions.first(self.endpoints.versions)])

    def is_customer(self, customer_id: str) -> bool:
        """Return whether the customer is still in the customer list."""
        return self._customer_list.lists(customer_id)

    @abstractmethod
    async def read(self, customer_id: str) -> Records:
        """Read one customer, and return the records. Raise AvePointError if a request fails."""
