"""Which customers a partner has: listed once for all collectors of the account, by either generation."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from exporter.avepoint.api_versions import ApiVersions
from exporter.avepoint.client import Client
from exporter.avepoint.endpoints import CUSTOMERS
from exporter.avepoint.lists import PAGE_SIZE, ListReader
from exporter.avepoint.pages import row_id
from exporter.avepoint.rows import Row
from exporter.clock import Clock
from exporter.collectors.privacy import NamePolicy
from exporter.config.schema import Account
from exporter.errors import AvePointError


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, with its names as far as they may be shown; a status of None is "N/A" or was not said."""

    id: str
    organization: str
    country: str
    status: str | None
    owner_email: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """All customers by id, and when they were listed, in monotonic seconds."""

    customers: Mapping[str, Customer]
    listed_at: float


class _Arrivals:
    """The customers of a listing under way, as far as they have come."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.known: set[str] = set()
        self.news = asyncio.Event()

    def add(self, customer_id: str) -> None:
        """Add a customer."""
        if customer_id not in self.known:
            self.known.add(customer_id)
            self.ids.append(customer_id)
            self.tell()

    def tell(self) -> None:
        """Wake whoever waits for news."""
        news, self.news = self.news, asyncio.Event()
        news.set()


class CustomerList:
    """The last listing of one account's customers, narrowed to what the configuration includes."""

    def __init__(
        self,
        account: Account,
        client: Client,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        *,
        owns: Callable[[str], bool] = lambda _: True,
        most: int | None = None,
    ) -> None:
        """List for one account; `owns` tells which customers, by id, are this process's to read, `most` how many."""
        self.api_versions = ApiVersions(account.api)
        self._owns = owns
        self._most = most
        self._names = NamePolicy(account)
        self._include = frozenset(account.customers.include)
        self._exclude = frozenset(account.customers.exclude)
        self._customers = ListReader(client, CUSTOMERS, row_id)
        self._clock = clock
        self._log = log
        self._lock = asyncio.Lock()
        self._last: Listing | None = None
        self._arrivals = _Arrivals()
        self._watchers: list[Callable[[Collection[str]], None]] = []

    def watch(self, watcher: Callable[[Collection[str]], None]) -> None:
        """Call `watcher` with the ids of every new listing."""
        self._watchers.append(watcher)

    def lists(self, customer_id: str) -> bool:
        """Tell whether a customer is in the last listing or the one under way; without one, everyone is."""
        return self._last is None or customer_id in self._last.customers or customer_id in self._arrivals.known

    def is_wanted(self, customer_id: str) -> bool:
        """Tell whether the configuration wants a customer, and this process is the one to show it."""
        included = not self._include or customer_id in self._include
        return included and customer_id not in self._exclude and self._owns(customer_id)

    async def refresh(self) -> Listing:
        """List all customers now; raises AvePointError."""
        joined, before = self._lock.locked(), self._last
        async with self._lock:
            # Whoever waited for a listing under way needs no other one, unless it failed.
            if self._last is None or not joined or self._last is before:
                try:
                    self._last = await self._list()
                finally:
                    self._arrivals.tell()
                    self._arrivals = _Arrivals()
                for watcher in self._watchers:
                    watcher(self._last.customers.keys())
            return self._last

    async def ids(self, max_age: float) -> AsyncGenerator[str, None]:
        """Give the ids to read, each once: of a listing younger than `max_age` seconds, else as they are listed.

        Where customers cannot be listed, those known from before or named by the configuration are still read;
        raises AvePointError where there are none.
        """
        given = 0
        async with aclosing(self._ids(max_age)) as ids:
            async for customer_id in ids:
                if given == self._most:
                    return
                given += 1
                yield customer_id

    async def _ids(self, max_age: float) -> AsyncGenerator[str, None]:
        last, given = self._last, set[str]()
        if last is not None and not self._lock.locked() and self._clock.monotonic() - last.listed_at < max_age:
            for customer_id in last.customers:
                yield customer_id
            return
        listing = asyncio.create_task(self.refresh())
        listing.add_done_callback(self._tell_of_end)
        try:
            async for customer_id in self._arriving(listing):
                if customer_id not in given:
                    given.add(customer_id)
                    yield customer_id
            known = await self._known_after(listing, last)
        except asyncio.CancelledError:
            listing.cancel()
            raise
        for customer_id in known:
            if customer_id not in given:
                yield customer_id

    def _tell_of_end(self, listing: asyncio.Task[Listing]) -> None:
        self._arrivals.tell()
        if not listing.cancelled():
            listing.exception()  # looked at: who asked may have gone, and then it is no warning

    async def _arriving(self, listing: asyncio.Task[Listing]) -> AsyncIterator[str]:
        """Give what arrives until the listing is over; again from the first if it begins anew."""
        arrivals, seen = self._arrivals, 0
        while True:
            news, is_over = self._arrivals.news, listing.done()
            if arrivals is not self._arrivals:
                arrivals, seen = self._arrivals, 0
            fresh = arrivals.ids[seen:]
            seen += len(fresh)
            for customer_id in fresh:
                yield customer_id
            if is_over:
                return
            await news.wait()

    async def _known_after(self, listing: asyncio.Task[Listing], last: Listing | None) -> Collection[str]:
        """Give the ids of a listing that is over, or what is known without it; raises AvePointError for nothing."""
        try:
            return (await listing).customers
        except AvePointError as error:
            if last is None and not self._include:
                raise
            self._log.warning("customers cannot be listed; reading those known", error=error, **error.context())
        return sorted(filter(self._owns, self._include - self._exclude)) if last is None else last.customers

    async def _list(self) -> Listing:
        self.api_versions.begin()
        listed_at = self._clock.monotonic()
        configured = sorted(filter(self._owns, self._include - self._exclude))
        # A request for a few ids spares a long list; the ids of many customers would make a large request.
        body = {"customerIds": configured} if 0 < len(configured) <= PAGE_SIZE else {}
        found = await self._customers.read(self.api_versions, self._arrived, body=body)
        customers = {customer.id: customer for customer in found if customer and self.is_wanted(customer.id)}
        if missing := set(configured) - customers.keys():
            self._log.warning("configured customers are not in the customer list", missing=len(missing))
        return Listing(customers, listed_at)

    def _arrived(self, row: Row) -> Customer | None:
        """Return the customer of a row, and announce it at once."""
        customer = _customer(row, self._names)
        if customer is not None and self.is_wanted(customer.id):
            self._arrivals.add(customer.id)
        return customer


def _customer(row: Row, names: NamePolicy) -> Customer | None:
    identifier = row.key("id")
    if identifier is None:
        return None
    return Customer(
        id=identifier,
        organization=names.organization(row.label("organization")),
        country=row.label("countryOrRegion") or "",
        status=row.customer_status("jobStatus"),
        owner_email=names.owner_email(row.address("ownerEmail")) if names.shows_owner else "",
    )
