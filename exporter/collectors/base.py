"""Base classes of collectors. A collector converts responses into frozen records, and records into samples."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import structlog

from exporter.avepoint.client import ApiClient
from exporter.avepoint.endpoints import ApiVersions
from exporter.clock import Clock
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account, AccountType, ApiVersion, CollectorOptions
from exporter.errors import AvePointError, NotOfferedError

Records = TypeVar("Records")
Options = TypeVar("Options", bound=CollectorOptions)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: its name, its HELP text and its label names. The first label is always `account`.

    The values of a `history` family never become stale, because they describe the past. The name of a counter ends
    in `_total`. `query` is a PromQL example for the documentation. The samples of an `internal` family are used for
    verdicts and are not exposed.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    history: bool = False
    type: Literal["gauge", "counter"] = "gauge"
    query: str = ""
    internal: bool = False


class Sample(NamedTuple):
    """One value of a family. `labels` are the label values after `account`; a label with the value "" is absent."""

    family: Family
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class CollectorContext:
    """The account of a collector, and the objects that all collectors of the account share."""

    account: Account
    client: ApiClient
    customer_list: CustomerList
    clock: Clock
    log: structlog.stdlib.BoundLogger


class Collector(ABC, Generic[Options, Records]):
    """Base class of all collectors. Each account has its own instances, so accounts share no state.

    `locations` are the configured geo locations of a Multi-Geo tenant, or ("",) if none is configured.
    """

    name: ClassVar[str]
    account_type: ClassVar[AccountType]
    permissions: ClassVar[Mapping[ApiVersion, str]]
    """The permission that the endpoint requires in each API version that has the endpoint."""
    options_type: ClassVar[type[CollectorOptions]]
    families: ClassVar[tuple[Family, ...]]
    optional: ClassVar[bool] = False
    """Whether the collector is off, instead of down, if the app lacks the permission."""

    def __init__(self, context: CollectorContext, options: Options) -> None:
        self.options = options
        self.api_versions = ApiVersions(context.account.api)
        self.locations = tuple(dict.fromkeys(context.account.locations)) or ("",)
        self._client = context.client
        self._customer_list = context.customer_list
        self._clock = context.clock
        self._log = context.log

    @classmethod
    @abstractmethod
    def samples(cls, records: Records, customer_id: str) -> Iterable[Sample]:
        """Return the samples of records, as a pure function. `customer_id` is "" for the records of an account."""

    @classmethod
    def error(cls, records: Records) -> AvePointError | None:  # noqa: ARG003 - for subclasses
        """Return the error if records are incomplete, or None. The records are exposed, but the refresh fails."""
        return None

    def watch_customers(self, watcher: Callable[[Collection[str]], None]) -> None:
        """Call `watcher` with the ids of every new customer list."""
        self._customer_list.watch(watcher)

    def dump_state(self) -> object:
        """Return the persistent state as JSON values, or None if the collector has no state."""
        return None

    def load_state(self, state: object) -> None:
        """Restore the state that `dump_state` returned. Raise ValueError for any other value."""

    def state_ids(self) -> Collection[str]:
        """Return the ids of the customers that have a persistent state; "" is the account as a whole."""
        return ("",)

    def state_of(self, customer_id: str) -> object:
        """Return the persistent state of one customer as JSON values, or None if there is none."""
        return None if customer_id else self.dump_state()

    def load_states(self, states: Mapping[str, object]) -> None:
        """Restore the states that `state_of` returned, by customer id. Raise ValueError for any other value."""
        if "" in states:
            self.load_state(states[""])


def at_location(location: str) -> Mapping[str, str]:
    """Return the query parameter for a geo location of a Multi-Geo tenant, or none for ""."""
    return {"location": location} if location else {}


class AccountCollector(Collector[Options, Records]):
    """Base class of collectors that read the account as a whole."""

    @abstractmethod
    async def read(self) -> Records:
        """Read the account. Raise AvePointError if a request fails."""


class CustomerCollector(Collector[Options, Records]):
    """Base class of collectors that read each customer of a partner account."""

    def customer_ids(self) -> AsyncGenerator[str, None]:
        """Yield the ids of the customers to read as they are listed. Raise AvePointError if no list is available."""
        # Less than an interval, so that each refresh lists the customers if no other collector does.
        return self._customer_list.ids(self.options.interval * 0.9)

    async def token_ahead(self) -> None:
        """Request the access token while the customers are listed."""
        with suppress(NotOfferedError):  # the first request reports it
            await self._client.token_ahead(self.permissions[self.api_versions.first(self.permissions)])

    def is_customer(self, customer_id: str) -> bool:
        """Return whether the customer is still in the customer list."""
        return self._customer_list.lists(customer_id)

    @abstractmethod
    async def read(self, customer_id: str) -> Records:
        """Read one customer. Raise AvePointError if a request fails."""
