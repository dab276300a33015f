"""The customer list that the collectors of a partner account share."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.auth.tokens import StartTask
from exporter.avepoint.endpoints import CUSTOMERS
from exporter.avepoint.hints import CHANGED
from exporter.avepoint.lists import PAGE_SIZE, ApiVersions, ListReader
from exporter.avepoint.reading.rows import Row
from exporter.clock import Clock
from exporter.collectors.customer import Customer, customer_in, merged
from exporter.collectors.distinct import normalized_id
from exporter.collectors.privacy import NamePolicy
from exporter.collectors.wanted import WantedCustomers
from exporter.config.schema import Account
from exporter.errors import AnswerError, AvePointError, IncompleteListError

_NOT_LISTED: Final = "check whether the collector customers is up, because the customer list contains the tenants"


@dataclass(frozen=True, slots=True)
class Listing:
    """The customers, keyed by id. `listed_at` is the monotonic time in seconds at which the first page was requested.

    `error` is set if rows of the same customer contradict each other, or if the id of a row cannot be read.
    """

    customers: Mapping[str, Customer]
    listed_at: float
    error: AnswerError | None = None


class _Arrivals:
    """The customers received so far from the list that is being read."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.changed = asyncio.Event()

    def add(self, customer: Customer) -> None:
        """Add a customer, or replace an earlier customer with the same id."""
        is_new = customer.id not in self.customers
        self.customers[customer.id] = customer
        if is_new:
            self.notify()

    def notify(self) -> None:
        """Wake the tasks that are waiting for more customers or for the end of the list."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


@dataclass(frozen=True, slots=True)
class _UnfinishedListing:
    """The error of an incomplete customer list, and the received ids. `at` is the monotonic time in seconds."""

    error: IncompleteListError
    ids: tuple[str, ...]
    at: float


class CustomerList:
    """The customers of one account, except the excluded customers."""

    def __init__(
        self,
        account: Account,
        client: ApiClient,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        *,
        owns: Callable[[str], bool] = lambda _: True,
        most: int | None = None,
        start_task: StartTask = asyncio.create_task,
    ) -> None:
        """Create the list. `owns` returns whether a customer belongs to this shard.

        `most` is the maximum number of customers that `ids` yields.
        """
        self.api_versions = ApiVersions(account.api)
        self.owns = owns
        self._most = most
        self._names = NamePolicy(account)
        self.wanted = WantedCustomers(account.customers, owns, log)
        self._known = {hash(key) for key in self.wanted.keys}
        self._knows_all = False
        self._customers = ListReader(client, CUSTOMERS)
        self._clock = clock
        self._start_task = start_task
        self._log = log
        self._lock = asyncio.Lock()
        self._last: Listing | None = None
        self._incomplete: _UnfinishedListing | None = None
        self._arrivals = _Arrivals()
        self._watchers: list[Callable[[Collection[str]], None]] = []

    def watch(self, watcher: Callable[[Collection[str]], None]) -> None:
        """Call `watcher` with all customer ids whenever a complete customer list has been received."""
        self._watchers.append(watcher)

    def lists(self, customer_id: str) -> bool:
        """Return whether the previous list or the list being read contains a customer.

        If no list has been read yet, return True.
        """
        return self._last is None or customer_id in self._last.customers or customer_id in self._arrivals.customers

    def listed(self) -> Collection[str] | None:
        """Return the ids in the previous list, or None if no list has been read yet."""
        return None if self._last is None else self._last.customers.keys()

    def is_wanted(self, customer_id: str) -> bool:
        """Return whether a customer is included in the configuration and belongs to this shard."""
        return customer_id in self.wanted and self.owns(customer_id)

    def has_listed(self, customer_id: str) -> bool | None:
        """Return whether AvePoint has ever listed a customer, even if the configuration excludes the customer.

        If AvePoint has never listed the customer, but the previous list may have omitted customers, return None.
        """
        return hash(normalized_id(customer_id)) in self._known or (False if self._knows_all else None)

    def tenants(self, customer_id: str) -> Collection[str]:
        """Return the ids of a customer's Microsoft 365 tenants.

        Raise AvePointError if the customer is not listed, or if an id cannot be read.
        """
        if (customer := self._customer(customer_id)) is None:
            raise AvePointError("the Microsoft 365 tenants of the customer are unknown", hint=_NOT_LISTED)
        if not customer.knows_tenants:
            raise AnswerError("the customer list contains a Microsoft 365 tenant whose id cannot be read", hint=CHANGED)
        return customer.tenants.keys()

    def has_no_tenant(self, customer_id: str) -> bool:
        """Return whether the customer is listed without a Microsoft 365 tenant."""
        customer = self._customer(customer_id)
        return customer is not None and customer.knows_tenants and not customer.tenants

    def _customer(self, customer_id: str) -> Customer | None:
        """Return a customer from the list that is being read, or else from the previous list."""
        if customer_id in self._arrivals.customers or self._last is None:
            return self._arrivals.customers.get(customer_id)
        return self._last.customers.get(customer_id)

    async def refresh(self, max_age: float = 0.0) -> Listing:
        """List the customers. Raise AvePointError if a request fails.

        If another caller is already listing the customers, wait for the result. If the previous list was incomplete and
        is younger than `max_age` seconds, raise its error again instead of sending a request.
        """
        joined, before = self._lock.locked(), self._last
        async with self._lock:
            # Another caller may have listed the customers while this caller was waiting for the lock.
            if self._last is None or not joined or self._last is before:
                last = self._incomplete
                if last is not None and self._clock.monotonic() - last.at < max_age:
                    raise last.error.with_traceback(None)
                self._last = await self._listed()
                for watcher in self._watchers:
                    watcher(self._last.customers.keys())
            return self._last

    async def _listed(self) -> Listing:
        self._incomplete = None
        try:
            return await self._list()
        except IncompleteListError as error:
            self._incomplete = _UnfinishedListing(error, tuple(self._arrivals.customers), self._clock.monotonic())
            raise
        finally:
            self._arrivals.notify()
            self._arrivals = _Arrivals()

    async def ids(self, max_age: float) -> AsyncGenerator[str, None]:
        """Yield each customer id once. If the previous list is older than `max_age` seconds, list the customers again.

        If the request fails, yield the ids in the previous list. If no list has been read yet, yield the ids in the
        configuration. If the configuration contains no ids, yield the received ids, and then raise AvePointError.
        """
        yielded = 0
        async with aclosing(self._ids(max_age)) as ids:
            async for customer_id in ids:
                if yielded == self._most:
                    return
                yielded += 1
                yield customer_id

    async def _ids(self, max_age: float) -> AsyncGenerator[str, None]:
        last, yielded = self._last, set[str]()
        if last is not None and not self._lock.locked() and self._clock.monotonic() - last.listed_at < max_age:
            for customer_id in last.customers:
                yield customer_id
            return
        listing = self._start_task(self.refresh(max_age))
        listing.add_done_callback(self._notify_end)
        try:
            async for customer_id in self._arriving(listing):
                if customer_id not in yielded:
                    yielded.add(customer_id)
                    yield customer_id
            remaining, error = await self._listed_or_known(listing, last)
        except asyncio.CancelledError:
            listing.cancel()
            raise
        for customer_id in remaining:
            if customer_id not in yielded:
                yield customer_id
        if error is not None:
            raise error

    def _notify_end(self, listing: asyncio.Task[Listing]) -> None:
        self._arrivals.notify()
        if not listing.cancelled():
            listing.exception()  # Without this call, asyncio logs a warning if no caller awaits the task.

    async def _arriving(self, listing: asyncio.Task[Listing]) -> AsyncIterator[str]:
        """Yield the received ids until `listing` ends.

        If another caller starts a new list in the meantime, also yield the ids in the new list.
        """
        arrivals, seen = self._arrivals, 0
        while True:
            changed, is_over = self._arrivals.changed, listing.done()
            if arrivals is not self._arrivals:
                arrivals, seen = self._arrivals, 0
            new = tuple(islice(arrivals.customers, seen, None))
            seen += len(new)
            for customer_id in new:
                yield customer_id
            if is_over:
                return
            await changed.wait()

    async def _listed_or_known(
        self, listing: asyncio.Task[Listing], last: Listing | None
    ) -> tuple[Collection[str], AvePointError | None]:
        """Return the ids from `listing`. If `listing` failed, return the ids from `last`.

        If `last` is None, return the configured ids. If no ids are configured, return the received ids and the error.
        """
        try:
            return (await listing).customers, None
        except AvePointError as error:
            if last is None and self.wanted.are_all:
                return self._incomplete.ids if self._incomplete is not None else (), error
            self._log.warning(
                "cannot read the customer list; the last known customers are used",
                error=error,
                **error.context(),
            )
        return (self.wanted.ids if last is None else last.customers), None

    async def _list(self) -> Listing:
        self.api_versions.begin()
        listed_at = self._clock.monotonic()
        # To save time, request only the configured customers if their ids fit on one page.
        body = {"customerIds": self.wanted.ids} if 0 < len(self.wanted.ids) <= PAGE_SIZE else {}
        found = await self._customers.read(self.api_versions, self._arrived, body=body)
        customers, error = merged((customer, row) for customer, row in found if customer is not None)
        customers = {customer_id: one for customer_id, one in customers.items() if self.is_wanted(customer_id)}
        unread = [row for customer, row in found if customer is None]
        self._knows_all = not (body or unread)
        if unread:
            # Keep the customers in the previous list, because an unreadable row may describe one of these customers.
            customers = {**(self._last.customers if self._last is not None else {}), **customers}
            error = error or unread[0].unexpected(f"rows without a readable id: {len(unread)}")
        self.wanted.check((customer.id for customer, _ in found if customer is not None), is_whole=self._knows_all)
        return Listing(customers, listed_at, error)

    def _arrived(self, row: Row) -> tuple[Customer | None, Row]:
        """Parse a row, and return the customer and the row. Pass the customer's id to the waiting tasks."""
        if (customer := customer_in(row, self._names)) is not None:
            self._known.add(hash(normalized_id(customer.id)))  # A hash needs less memory than the id.
            if self.is_wanted(customer.id):
                self._arrivals.add(customer)
        return customer, row
