"""What customers have subscribed to: POST …/customers/services/batch, or GET /partner/services.

AvePoint gives a subscription no id, and a customer may have several to one service: two packages, or a renewal beside
what runs out. A series must then go on being about the same one, or an alert on its expiry would be about another:

- The only subscription to a service has no label `subscription`.
- Of several, each is named by all the words that AvePoint has for it (package, model, source, payment, storage, …),
  never by a number, a date or its place in the list. That name depends on the subscription itself alone, so a third
  one changes nothing for two.
- Those that the same words describe are numbered in the order in which they expire: #1 is the next to expire. That is
  a rank and not a name, and all that can be said truthfully where nothing tells them apart.

When a second subscription to a service appears, the first one's series ends and goes on under its words; when one of
two goes, the other's loses them again. To leave the label away from one of them would mean to choose which, and the
series could silently become the other's. `min by (account, customer_id, service_type)` is the same through all of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import ClassVar, Final, NamedTuple

from exporter.avepoint.endpoints import SUBSCRIPTIONS
from exporter.avepoint.lists import ListReader
from exporter.avepoint.pages import RawRow, folded
from exporter.avepoint.rows import Row
from exporter.avepoint.values import Ticks, seconds
from exporter.collectors.base import AccountCollector, CollectorContext, Family, Sample
from exporter.config.schema import CollectorOptions

_SOURCE = "from POST …/customers/services/batch or GET /partner/services, cached between refreshes"
_LABELS = ("account", "customer_id", "service_type", "subscription")


def _family(name: str, what: str, query: str) -> Family:
    full = f"avepoint_subscription_{name}"
    return Family(full, f"{what}; {_SOURCE}.", _LABELS, query=query.format(full))


INFO = Family(
    "avepoint_subscription_info",
    "A customer's subscription to a service in AvePoint's words, always 1; where there are several to one service, "
    f"subscription tells them apart, numbered by expiry where the words are the same; {_SOURCE}.",
    (*_LABELS, "name", "package", "model", "source", "payment_type", "storage_type", "retention"),
    query="count by (service_type, package) (avepoint_subscription_info)",
)
NUMBERS: Final = (
    _family(
        "expiry_timestamp_seconds",
        "When the subscription expires, in Unix seconds; a date means its midnight UTC",
        "{} - time() < 30 * 86400",
    ),
    _family(
        "contract_end_timestamp_seconds",
        "When the subscription's contract ends, in Unix seconds; a date means its midnight UTC",
        "{} - time() < 90 * 86400",
    ),
    _family("purchased_seats", "User seats bought", "sum by (account, service_type) ({})"),
    _family(
        "purchased_units",
        "Units bought, of services that are sold by unit or by Microsoft 365 tenant",
        "sum by (account, service_type) ({})",
    ),
    _family(
        "purchased_capacity_bytes",
        "Size bought, in bytes (of AvePoint's used/bought the second)",
        "avepoint_subscription_protected_capacity_bytes / {} > 0.9",
    ),
    _family("protected_capacity_bytes", "Size of the protected data, in bytes", "topk(10, {})"),
    _family("consumed_storage_bytes", "Storage in use, in bytes", "sum by (account, service_type) ({})"),
    _family(
        "microsoft_licenses_assigned",
        "Microsoft licences that the customer has assigned",
        "{} > avepoint_subscription_purchased_seats",
    ),
    _family("microsoft_licenses_available", "Microsoft licences that the customer has left", "topk(10, {})"),
)


class Words(NamedTuple):
    """How AvePoint describes a subscription, in the order of INFO's labels; "" for what it does not say."""

    name: str
    package: str
    model: str
    source: str
    payment_type: str
    storage_type: str
    retention: str

    def __str__(self) -> str:
        """Join them; without any "#", so that no text looks like a numbered one."""
        return " / ".join(filter(None, self)).replace("#", "")


class Subscription(NamedTuple):
    """A customer's subscription; its numbers in the order and the units of NUMBERS, None for what is not said."""

    customer_id: str
    service: str
    words: Words
    numbers: tuple[float | None, ...]


class SubscriptionsOptions(CollectorOptions):
    """Options of the collector."""


class SubscriptionsCollector(AccountCollector[SubscriptionsOptions, tuple[Subscription, ...]]):
    """Reads what all customers have subscribed to, of all of AvePoint's services, in one list."""

    name = "subscriptions"
    account_type = "partner"
    permissions: ClassVar = SUBSCRIPTIONS.permissions
    options_type = SubscriptionsOptions
    families = (INFO, *NUMBERS)
    optional = True

    def __init__(self, context: CollectorContext, options: SubscriptionsOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, SUBSCRIPTIONS, _identity)

    async def read(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of the customers that this process reads; raises AvePointError."""
        # Page by page, because a long list's JSON is large.
        found = await self._list.read(self.api_versions, lambda row: tuple(self._of_customer(row)))
        return tuple(chain.from_iterable(found))

    def _of_customer(self, row: Row) -> Iterator[Subscription]:
        customer_id = row.key("customerId")
        # Who has left the customers' list would come and go with every listing of either.
        if customer_id is None or not (
            self._customer_list.is_wanted(customer_id) and self._customer_list.lists(customer_id)
        ):
            return
        for product in row.each("products"):
            service = product.key("service")
            if service is not None:
                yield Subscription(customer_id, service, _words(product), _numbers(product))

    @classmethod
    def samples(
        cls,
        records: tuple[Subscription, ...],
        customer_id: str,  # noqa: ARG003 - of all customers
    ) -> Iterable[Sample]:
        """Make the samples of each subscription; what AvePoint did not say has none."""
        for name, subscription in _named(records):
            labels = (subscription.customer_id, subscription.service, name)
            yield Sample(INFO, (*labels, *subscription.words), 1.0)
            for family, number in zip(NUMBERS, subscription.numbers, strict=True):
                if number is not None:
                    yield Sample(family, labels, float(number))


def _identity(raw: RawRow) -> str | None:
    """Tell rows apart by what cannot change while pages are walked; a customer may have two."""
    row = folded(raw)
    customer_id, products = row.get("customerid"), row.get("products")
    if customer_id is None:
        return None
    folds = map(folded, products) if isinstance(products, list) else ()
    return f"{customer_id}\t{sorted(str((one.get('service'), one.get('expirationdate'))) for one in folds)}"


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
        _unix(product.time("expirationDate")),
        _unix(product.time("contractEndDate")),
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
    """Name each among those of its customer and service; one that is told twice, alike in everything, is one."""
    services: defaultdict[tuple[str, str], list[Subscription]] = defaultdict(list)
    for subscription in dict.fromkeys(subscriptions):
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
    """Order by expiry, then by every other number, whatever the order of the list; what is not said comes last."""
    return [(number is None, number or 0) for number in subscription.numbers], subscription.words
