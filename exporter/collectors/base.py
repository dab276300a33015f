"""What a collector is: a half that reads AvePoint into frozen records, and a half that makes samples of them."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import structlog

from exporter.avepoint.api_versions import ApiVersions
from exporter.avepoint.client import Client
from exporter.clock import Clock
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account, AccountType, ApiVersion, CollectorOptions
from exporter.errors import NotOfferedError

Records = TypeVar("Records")
Options = TypeVar("Options", bound=CollectorOptions)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, what HELP says, its labels in order; the first is always `account`.

    `history` marks a family whose values never grow stale, because they tell of the past. The name of a counter ends
    in `_total`. `query` is an example for the documents.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    history: bool = False
    type: Literal["gauge", "counter"] = "gauge"
    query: str = ""


class Sample(NamedTuple):
    """One value of a family; `labels` are the values after `account`, "" for one that does not apply."""

    family: Family
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class CollectorContext:
    """What a collector works with: its account, the client, the customers, time and a log."""

    account: Account
    client: Client
    customer_list: CustomerList
    clock: Clock
    log: structlog.stdlib.BoundLogger


class Collector(ABC, Generic[Options, Records]):
    """Common to all collectors; one instance per account, so that nothing is shared between accounts.

    `locations` are those of a Multi-Geo tenant that the configuration names, each to be read by itself; else "" alone.
    """

    name: ClassVar[str]
    account_type: ClassVar[AccountType]
    permissions: ClassVar[Mapping[ApiVersion, str]]
    """The permission that each generation wants which has this at all; the modern one has everything."""
    options_type: ClassVar[type[CollectorOptions]]
    families: ClassVar[tuple[Family, ...]]
    optional: ClassVar[bool] = False
    """Whether an app without the permission is no mistake: the collector is off then, and says so once."""

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
        """Make samples of what was read; pure. `customer_id` is "" for what is not of one customer."""

    def watch_customers(self, watcher: Callable[[Collection[str]], None]) -> None:
        """Call `watcher` with the ids of every new list of customers."""
        self._customer_list.watch(watcher)

    def dump_state(self) -> object:
        """Give what must outlive a restart, as JSON; None if there is nothing."""
        return None

    def load_state(self, remembered: object) -> None:
        """Take back what `remember` gave; raises ValueError for anything else."""


def at_location(location: str) -> Mapping[str, str]:
    """Give the query that narrows a call to one location of a Multi-Geo tenant; "" asks without."""
    return {"location": location} if location else {}


class AccountCollector(Collector[Options, Records]):
    """Reads something of the account as a whole."""

    @abstractmethod
    async def read(self) -> Records:
        """Read everything anew; raises AvePointError."""


class CustomerCollector(Collector[Options, Records]):
    """Reads something of each customer of a partner."""

    def customer_ids(self) -> AsyncGenerator[str, None]:
        """Give the customers to read, as they become known; raises AvePointError where none are and none can be."""
        # Nearly an interval: where no other collector lists the customers, each refresh does.
        return self._customer_list.ids(self.options.interval * 0.9)

    async def token_ahead(self) -> None:
        """Have the token ready by the time the first customer is known."""
        with suppress(NotOfferedError):  # said by the first call
            await self._client.token_ahead(self.permissions[self.api_versions.first(self.permissions)])

    def is_customer(self, customer_id: str) -> bool:
        """Tell whether a customer has not left since."""
        return self._customer_list.lists(customer_id)

    @abstractmethod
    async def read(self, customer_id: str) -> Records:
        """Read one customer anew; raises AvePointError."""
