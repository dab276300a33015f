"""Subscriptions of customers: POST …/customers/services/batch, or GET /partner/services.

A subscription has no id, and a customer may have several subscriptions to one service. For example, a customer may have
two packages, or a subscription and its renewal. With the following rules for the label `subscription`, a series usually
describes the same subscription after each refresh:

- If there is only one subscription to a service, it has no label `subscription`.
- If there are several subscriptions to a service, the label consists of the text properties of a subscription (package,
  model, source, payment type, storage, …). The label does not contain numbers, dates or positions, so a third
  subscription does not change the labels of the first two.
- Subscriptions with identical text properties are numbered in the order of expiry. If such a subscription is added or
  removed, the numbers of the other subscriptions may change. Identical subscriptions are numbered too, because a
  customer may buy the same subscription several times.

If a second subscription to a service is added, the first subscription gets the label. If one of two subscriptions is
removed, the remaining subscription loses the label. The sum or minimum over all subscriptions to a service does not
depend on the label.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Final, NamedTuple

from exporter.avepoint.endpoints import SUBSCRIPTIONS
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, seconds
from exporter.collectors.base import AccountCollector, CollectorContext, Family, Sample, known_samples
from exporter.collectors.distinct import distinct
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_families, unread_samples
from exporter.config.schema import CollectorOptions
from exporter.errors import AnswerError, AvePointError

_SOURCE = "from POST …/customers/services/batch or GET /partner/services, cached between refreshes"
_LABELS = ("account", "customer_id", "service_type", "subscription")


def _family(name: str, what: str) -> Family:
    is_coming = name.endswith("_timestamp_seconds")
    return Family(f"avepoint_subscription_{name}", f"{what}; {_SOURCE}.", _LABELS, is_coming=is_coming)


INFO = Family(
    "avepoint_subscription_info",
    f"Properties of a subscription, always 1; {_SOURCE}.",
    (*_LABELS, "name", "package", "model", "source", "payment_type", "storage_type", "retention"),
)
NUMBERS: Final = (
    _family(
        "expiry_timestamp_seconds",
        "Expiry of the subscription, as Unix time",
    ),
    _family(
        "contract_end_timestamp_seconds",
        "End of the contract, as Unix time",
    ),
    _family("purchased_seats", "Purchased user seats"),
    _family(
        "purchased_units",
        "Purchased units of a service that is sold by unit or by Microsoft 365 tenant",
    ),
    _family(
        "purchased_capacity_bytes",
        "Purchased capacity in bytes",
    ),
    _family("protected_capacity_bytes", "Size of the protected data in bytes"),
    _family("consumed_storage_bytes", "Used storage in bytes"),
    _family(
        "microsoft_licenses_assigned",
        "Microsoft licenses that the customer has assigned",
    ),
    _family("microsoft_licenses_available", "Microsoft licenses that the customer has not assigned"),
)
_FIELDS: Final = (
    "expirationDate", "contractEndDate", "purchasedUserSeats", "purchasedUnits", "purchasedCapacity",
    "protectedCapacity", "consumedStorage", "microsoftLicenseAssigned", "microsoftLicenseAvailable",
)  # fmt: skip
_FAMILIES: Final = dict(zip(_FIELDS, NUMBERS, strict=True))


class Words(NamedTuple):
    """Text properties of a subscription, in the order of the labels of `INFO`. Unknown properties are ""."""

    name: str = ""
    package: str = ""
    model: str = ""
    source: str = ""
    payment_type: str = ""
    storage_type: str = ""
    retention: str = ""

    def __str__(self) -> str:
        """Join the text properties into one string. Remove "#", because "#" is reserved for numbered labels."""
        return " / ".join(filter(None, self)).replace("#", "")


class Subscription(NamedTuple):
    """A customer's subscription. `numbers` contains one value per family in `NUMBERS`. Unknown values are None.

    If the service or the customer id cannot be read, the value is "". `unread` contains the names of the families whose
    values cannot be read.
    """

    customer_id: str
    service: str = ""
    words: Words = Words()
    numbers: tuple[float | None, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of all customers. `error` is set if rows of the same customer contradict each other.

    `incomplete` contains the ids of customers with a service that cannot be read, and "" if the id of a customer cannot
    be read.
    """

    found: tuple[Subscription, ...]
    error: AnswerError | None = None
    incomplete: frozenset[str] = frozenset()


class SubscriptionsOptions(CollectorOptions):
    """Options of the collector `subscriptions`."""


class SubscriptionsCollector(AccountCollector[SubscriptionsOptions, Subscriptions]):
    """Collects the subscriptions of all customers."""

    name = "subscriptions"
    account_type = "partner"
    endpoints: ClassVar = SUBSCRIPTIONS
    options_type = SubscriptionsOptions
    families = (INFO, *NUMBERS)
    optional = True

    def __init__(self, context: CollectorContext, options: SubscriptionsOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, SUBSCRIPTIONS)

    async def read(self) -> Subscriptions:
        """Return the subscriptions of the included customers. Raise AvePointError if a request fails."""
        return _merged(await self._list.read(self.api_versions, lambda row: (row, Counter(self._of_customer(row)))))

    def _of_customer(self, row: Row) -> Iterator[Subscription]:
        customer_id = row.key("customerId")
        if customer_id is None:
            yield Subscription("")
        # Ignore customers that are not in the customer list.
        elif self._customer_list.is_wanted(customer_id) and self._customer_list.lists(customer_id):
            yield from (_subscription(customer_id, product) for product in row.each("products"))

    @classmethod
    def error(cls, records: Subscriptions) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return records.error

    @classmethod
    def samples(
        cls,
        records: Subscriptions,
        customer_id: str,  # noqa: ARG003 - all customers
    ) -> Iterable[Sample]:
        """Return the samples for all subscriptions."""
        for name, subscription in _named(records.found):
            labels = (subscription.customer_id, subscription.service, name)
            yield Sample(INFO, (*labels, *subscription.words), 1.0)
            numbers = zip(NUMBERS, subscription.numbers, strict=True)
            yield from known_samples((family, labels, number) for family, number in numbers)
        yield from _unread_samples(records)


def _unread_samples(records: Subscriptions) -> Iterator[Sample]:
    unread = {customer_id: [DROPPED_ROW] for customer_id in records.incomplete}
    for one in records.found:
        if one.unread:
            found = (Unread(name, service_type=one.service) for name in one.unread)
            unread.setdefault(one.customer_id, []).extend(found)
    return chain.from_iterable(unread_samples(found, customer_id) for customer_id, found in unread.items())


def _merged(rows: Collection[tuple[Row, Counter[Subscription]]]) -> Subscriptions:
    """Merge the rows. Ignore repeated rows, but count identical subscriptions in one row as separate purchases.

    If two different rows of a customer contain the same subscription, the number of purchases is unknown. In this case,
    drop all subscriptions of the customer to this service.
    """
    incomplete = frozenset(one.customer_id for _, counts in rows for one in counts if not one.service)
    keyed = [
        (f"{one.customer_id}\t{one.service}\t{hash(one)}", (one, counts), row)
        for row, counts in rows
        for one in counts
        if one.service
    ]
    found = distinct(keyed, "products")
    lost = {(one.customer_id, one.service) for key, (one, _), _ in keyed if key not in found.records}
    kept = (one for one, counts in found.records.values() for _ in range(counts[one]))
    certain = tuple(one for one in kept if (one.customer_id, one.service) not in lost)
    return Subscriptions(certain, found.error, incomplete)


def _subscription(customer_id: str, product: Row) -> Subscription:
    if (service := product.key("service")) is None:
        return Subscription(customer_id)
    words, numbers = _words(product), _numbers(product)
    return Subscription(customer_id, service, words, numbers, unread_families(product.unreadable, _FAMILIES))


def _words(product: Row) -> Words:
    return Words(
        name=product.word("subscriptionName") or "",
        package=product.word("package") or "",
        model=product.word("subscriptionModel") or "",
        source=product.word("source") or "",
        payment_type=product.word("paymentType") or "",
        storage_type=product.word("storage") or "",
        retention=product.word("retention") or "",
    )


def _numbers(product: Row) -> tuple[float | None, ...]:
    return (
        _unix(product.last_day("expirationDate")),
        _unix(product.last_day("contractEndDate")),
        product.count("purchasedUserSeats"),
        product.count("purchasedUnits"),
        product.purchased("purchasedCapacity"),
        product.size("protectedCapacity"),
        product.size("consumedStorage"),
        product.count("microsoftLicenseAssigned"),
        product.count("microsoftLicenseAvailable"),
    )


def _unix(ticks: Ticks | None) -> float | None:
    return None if ticks is None else seconds(ticks)


def _named(subscriptions: Iterable[Subscription]) -> Iterator[tuple[str, Subscription]]:
    services: defaultdict[tuple[str, str], list[Subscription]] = defaultdict(list)
    for subscription in subscriptions:
        services[subscription.customer_id, subscription.service].append(subscription)
    for several in services.values():
        if len(several) == 1:
            yield "", several[0]
        else:
            yield from _named_by_words(several)


def _named_by_words(several: Iterable[Subscription]) -> Iterator[tuple[str, Subscription]]:
    described: defaultdict[str, list[Subscription]] = defaultdict(list)
    for subscription in several:
        described[str(subscription.words)].append(subscription)
    for words, alike in described.items():
        if words and len(alike) == 1:
            yield words, alike[0]
        else:
            ranked = enumerate(sorted(alike, key=_rank), start=1)
            yield from ((f"{words} #{number}".strip(), subscription) for number, subscription in ranked)


def _rank(subscription: Subscription) -> tuple[list[tuple[bool, float]], Words]:
    """Return a sort key: the expiry, the other numbers and the text properties. Unknown values come last."""
    return [(number is None, number or 0) for number in subscription.numbers], subscription.words
