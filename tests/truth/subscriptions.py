"""Create random subscriptions, and compute the expected samples from these subscriptions alone."""

from collections.abc import Iterable
from random import Random
from typing import Any

from avepoint_simulator.data.records import CustomerRecord, SubscriptionRecord

MIDNIGHT = 20_700 * 86_400
GB = 1024**3
BOUGHT: tuple[tuple[str | None, float | None], ...] = (
    (None, None), ("1024 GB", 1024.0 * GB), ("0/1 GB", 1.0 * GB), ("1.5/2.5 TB", 2.5 * 1024 * GB), ("0 GB", 0.0),
)  # fmt: skip
USED: tuple[tuple[str | None, float | None], ...] = ((None, None), ("0 GB", 0.0), ("512 MB", 512.0 * 1024**2))
SERVICES = ("Cloud Backup for Microsoft 365", "Cense", 'Opus - "Discovery" \\ analysis', "Ünïcode")
WORDS = {"package": "package", "model": "model", "source": "source", "payment_type": "payment_type",
         "storage": "storage_type", "retention": "retention"}  # fmt: skip


def random_subscriptions(seed: int, customers: Iterable[CustomerRecord]) -> tuple[SubscriptionRecord, ...]:
    """Return subscriptions for each customer. A customer often has several subscriptions to one service."""
    random = Random(f"subscriptions:{seed}")
    return tuple(_subscription(random, one.id) for one in customers for _ in range(random.randrange(6)))


def _subscription(random: Random, customer_id: str) -> SubscriptionRecord:
    def day() -> int | None:
        return random.choice([None, (MIDNIGHT + random.randrange(900) * 86_400) * 10**9])

    def some(most: int) -> int | None:
        return random.choice([None, random.randrange(most)])

    return SubscriptionRecord(
        customer_id=customer_id,
        service=random.choice(SERVICES[: random.choice([1, 4])]),
        name=random.choice([None, None, "Mail / #1"]),
        package=random.choice([None, "Standard", "Enterprise"]),
        source=random.choice(["AvePoint subscription", None]),
        storage=random.choice(["Bring your own storage", None]),
        retention=random.choice([None, "1 years"]),
        expiration_unix_ns=day(),
        contract_end_unix_ns=day(),
        user_seats=some(3000),
        units=some(9),
        purchased_capacity=random.choice(BOUGHT)[0],
        protected_capacity=random.choice(USED)[0],
        consumed_storage=random.choice(USED)[0],
        licenses_assigned=some(3000),
        licenses_available=some(10),
    )


def words_of(one: SubscriptionRecord) -> dict[str, str]:
    found = {"name": one.name, **{WORDS[word]: getattr(one, word) for word in WORDS}}
    return {word: text for word, text in found.items() if text is not None}


def numbers_of(one: SubscriptionRecord, *, only_days: bool = False) -> dict[str, float | None]:
    def unix(time: int | None) -> float | None:
        return None if time is None else time / 10**9 + (86_399 if only_days else 0)

    return {
        "expiry_timestamp_seconds": unix(one.expiration_unix_ns),
        "contract_end_timestamp_seconds": unix(one.contract_end_unix_ns),
        "purchased_seats": one.user_seats,
        "purchased_units": one.units,
        "purchased_capacity_bytes": dict(BOUGHT)[one.purchased_capacity],  # type: ignore[index] # texts only
        "protected_capacity_bytes": dict(USED)[one.protected_capacity],  # type: ignore[index] # texts only
        "consumed_storage_bytes": dict(USED)[one.consumed_storage],  # type: ignore[index] # texts only
        "microsoft_licenses_assigned": one.licenses_assigned,
        "microsoft_licenses_available": one.licenses_available,
    }


def expect_subscriptions(add: Any, subscriptions: Iterable[SubscriptionRecord], *, only_days: bool) -> None:
    """Add the samples of each subscription.

    If several subscriptions have the same text properties, they differ in the label `subscription`. If
    `only_days` is true, AvePoint's dates have no time of day. A date without a time means the end of this day.
    """
    every = list(subscriptions)
    for index, one in enumerate(every):
        rivals = [other for other in every if (other.customer_id, other.service) == (one.customer_id, one.service)]
        alike = [other for other in rivals if words_of(other) == words_of(one)]
        spoken = " / ".join(words_of(one).values()).replace("#", "")
        name = ""
        if len(rivals) > 1:
            place = 1 + sum(_goes_before(other, one) for other in alike) + every[:index].count(one)
            name = spoken if spoken and len(alike) == 1 else f"{spoken} #{place}" if spoken else f"#{place}"
        labels = {
            "account": "partner",
            "customer_id": one.customer_id,
            "service_type": one.service,
            "subscription": name,
        }
        add("subscription_info", 1, **labels, **words_of(one))
        for number, value in numbers_of(one, only_days=only_days).items():
            add(f"subscription_{number}", value, **labels)


def _goes_before(one: SubscriptionRecord, other: SubscriptionRecord) -> bool:
    for mine, its in zip(numbers_of(one).values(), numbers_of(other).values(), strict=True):
        if mine != its:
            return its is None or (mine is not None and mine < its)
    return False
