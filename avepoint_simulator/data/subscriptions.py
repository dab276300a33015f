"""Subscriptions, generated from the seed, the customer's number and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from avepoint_simulator.data.customers import WITHOUT_PRODUCT
from avepoint_simulator.data.records import SubscriptionRecord, unix_ns
from avepoint_simulator.data.scenarios import Scenario, conditions
from avepoint_simulator.data.timeline import DAY, Timeline
from avepoint_simulator.data.vocabulary import CLOUD_BACKUP, CLOUD_BACKUP_EXPRESS

_GIB: Final = 1024**3
_EARLIEST_DAYS: Final = -30.0
_MANY: Final = 20
# The keys are customer numbers modulo `_MANY`. The values are the days until the subscription expires.
_EXPIRES_SOON: Final = {4: 20, 8: -3, 11: 5, 15: 12}
_EXPIRING_DAYS: Final = 12
_TWO_PACKAGES: Final = 7
_RENEWED: Final = 15
_OWN: Final = "AvePoint subscription"
_POOLED: Final = "AvePoint pooled subscription"


def subscriptions_of(
    seed: int, number: int, customer_id: str, timeline: Timeline, now: float, scenario: Scenario = "varied"
) -> Sequence[SubscriptionRecord]:
    """Return the subscriptions of customer `number`. The expiry dates do not depend on the speed."""
    if number == WITHOUT_PRODUCT:
        return ()
    source = Random(f"{seed}:subscriptions:{number}")
    days = max(timeline.schedule_seconds(now) / DAY, _EARLIEST_DAYS)
    main = _cloud_backup(source, customer_id, timeline.start, days)
    if (left := _days_left(seed, number, scenario)) is not None:
        main = replace(main, expiration_unix_ns=_day(timeline.start, left))
    found = [main]
    if number % _MANY == _TWO_PACKAGES:
        found.append(replace(main, package="Enterprise", user_seats=12, retention="Unlimited"))
    if scenario == "varied" and number % _MANY == _RENEWED:
        found.append(replace(main, expiration_unix_ns=_day(timeline.start, _EXPIRES_SOON[_RENEWED] + 365)))
    if number % 9 == 1:
        found.append(replace(main, service=CLOUD_BACKUP_EXPRESS, package=None, user_seats=25))
    others = _others(source, customer_id, timeline.start, days)
    found += source.sample(others, source.choice((0, 0, 1, 2)))
    return found if scenario == "varied" else [_within_seats(one) for one in found]


def _within_seats(one: SubscriptionRecord) -> SubscriptionRecord:
    if one.licenses_assigned is None or one.user_seats is None:
        return one
    return replace(one, licenses_assigned=min(one.licenses_assigned, one.user_seats))


def _days_left(seed: int, number: int, scenario: Scenario) -> int | None:
    """Return the number of days until a customer's main subscription expires. None means a random expiry date."""
    if scenario == "varied":
        return _EXPIRES_SOON.get(number % _MANY)
    return _EXPIRING_DAYS if "expiring" in conditions(scenario, seed, number) else None


def _cloud_backup(source: Random, customer_id: str, start: float, days: float) -> SubscriptionRecord:
    seats = int(source.lognormvariate(4, 0.9)) + 5
    consumed = int(seats * source.uniform(4, 30) * (1 + 0.004 * days) * _GIB)
    byos = source.random() < 0.2
    expires = _day(start, source.randint(45, 700))
    return SubscriptionRecord(
        customer_id=customer_id,
        service=CLOUD_BACKUP,
        package="Standard",
        model=source.choice(("Per user", "Per user", "Capacity")),
        source=source.choice((_OWN, _POOLED)),
        payment_type=source.choice(("Prepaid", "Postpaid")),
        storage="Bring your own storage" if byos else "AvePoint storage",
        retention=source.choice(("1 years", "3 years", "Unlimited")),
        expiration_unix_ns=expires,
        contract_end_unix_ns=expires if source.random() < 0.5 else None,
        user_seats=seats,
        licenses_assigned=int(seats * source.uniform(0.6, 1.05)),
        licenses_available=int(seats * source.uniform(0, 0.3)),
        protected_capacity=int(consumed * 0.8),
        consumed_storage=consumed,
    )


def _others(source: Random, customer_id: str, start: float, days: float) -> Sequence[SubscriptionRecord]:
    expires = _day(start, source.randint(90, 700))
    plain = SubscriptionRecord(
        customer_id=customer_id, service="Cense", source=_OWN, payment_type="Prepaid", expiration_unix_ns=expires
    )
    used = int(3 * (1 + 0.004 * days))
    return (
        replace(plain, user_seats=10, licenses_assigned=0, licenses_available=0),
        replace(plain, service="Fly Migration to Google", name="Mailboxes", payment_type=None, user_seats=2),
        replace(plain, service="Opus - Storage optimization", model="Action and store", purchased_capacity=3072 * _GIB),
        replace(plain, service="Cloud Backup for IaaS + PaaS - Unit", source=_POOLED, units=3,
                purchased_capacity=f"{used}/10 GB", protected_capacity=used * _GIB, expiration_unix_ns=None),
    )  # fmt: skip


def _day(start: float, days: int) -> int:
    """Return midnight UTC of the day that is `days` days after the start."""
    return unix_ns((start // DAY + days) * DAY)
