"""Problems with seats, storage, license policy, subscriptions and the customer's AvePoint status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.reading.vocabulary import CUSTOMER_STATUSES
from exporter.health.facts import Record
from exporter.health.findings import Finding, Outcome, Subject, View, next_change, outcome

LICENSE_SEATS: Final = ("avepoint_license_purchased_seats", "avepoint_license_assigned_seats")
LICENSE_STORAGE: Final = ("avepoint_license_purchased_storage_bytes", "avepoint_license_protected_bytes")
SEATS: Final = ("avepoint_subscription_purchased_seats", "avepoint_subscription_microsoft_licenses_assigned")
STORAGE: Final = ("avepoint_subscription_purchased_capacity_bytes", "avepoint_subscription_protected_capacity_bytes")
EXPIRY: Final = "avepoint_subscription_expiry_timestamp_seconds"
INFO: Final = "avepoint_subscription_info"
OUT_OF_POLICY: Final = "avepoint_license_out_of_policy"
OUT_OF_POLICY_SINCE: Final = "avepoint_license_out_of_policy_timestamp_seconds"
STATUS: Final = "avepoint_customer_status"
_KNOWN: Final = frozenset(CUSTOMER_STATUSES.values())
_ATTENTION: Final = frozenset(
    {"waiting_for_configuration", "multiple_issues_found", "finished_with_exception", "no_backup_updates"}
)


@dataclass(frozen=True, slots=True)
class _Usage:
    """The used share of purchased seats or storage.

    `ratio` is None if the used or the purchased quantity is unknown. `is_absent` is true if AvePoint does not return
    the used quantity.
    """

    subject: Subject
    collector: str
    ratio: float | None
    is_absent: bool = False
    changes_at: float = float("inf")

    def finding(self, *, wrong: bool) -> Finding:
        missing = Outcome.ABSENT if self.is_absent else Outcome.UNKNOWN
        found = missing if self.ratio is None else outcome(wrong=wrong)
        return Finding(self.subject, found, self.collector, changes_at=self.changes_at)


def seats_exceeded(view: View) -> Iterator[Finding]:
    """Find customers that use more seats than they purchased."""
    for usage in (*_of_license(view, LICENSE_SEATS), *_of_subscriptions(view, SEATS)):
        yield usage.finding(wrong=usage.ratio is not None and usage.ratio > 1)


def storage_full(view: View) -> Iterator[Finding]:
    """Find customers that use all purchased storage."""
    for usage in (*_of_license(view, LICENSE_STORAGE), *_of_subscriptions(view, STORAGE)):
        yield usage.finding(wrong=usage.ratio is not None and usage.ratio >= 1)


def storage_nearly_full(view: View) -> Iterator[Finding]:
    """Find customers that use at least `storage_ratio` of the purchased storage."""
    limit = view.limits.of().storage_ratio
    for usage in (*_of_license(view, LICENSE_STORAGE), *_of_subscriptions(view, STORAGE)):
        yield usage.finding(wrong=usage.ratio is not None and usage.ratio >= limit)


def _of_license(view: View, families: Sequence[str]) -> Iterator[_Usage]:
    for record in view.facts.records(families, ()):
        purchased, used = map(record.get, families)
        if purchased != 0:  # For example, the purchased quantity is 0 if the customer uses its own storage.
            ratio = None if purchased is None or used is None else used / purchased
            yield _Usage(Subject(), record.collector, ratio, is_absent=used is None)


def _of_subscriptions(view: View, families: Sequence[str]) -> Iterator[_Usage]:
    """Yield the usage of each service. Expired subscriptions are ignored.

    The purchased quantities of all subscriptions to the service are added up. Each subscription may report the usage of
    the whole customer, so the ratio is based on the largest used quantity.
    """
    for collector, service_type, several in _services(view, (*families, EXPIRY, INFO)):
        ends = [record.get(EXPIRY) for record in several]
        valid = [one for one, end in zip(several, ends, strict=True) if end is None or end > view.now]
        parts = [(one.get(families[0]), one.get(families[1])) for one in valid if any(map(one.get, families))]
        purchased = [number for number, _ in parts if number is not None]
        used = [number for _, number in parts if number is not None]
        if not sum(purchased):
            continue
        is_known = len(purchased) == len(used) == len(parts)
        ratio = max(used) / sum(purchased) if is_known else None
        changes_at = next_change(view.now, *(end for end in ends if end is not None))
        yield _Usage(Subject(service_type=service_type), collector, ratio, not used, changes_at)


def _services(view: View, families: Sequence[str]) -> Iterator[tuple[str, str, list[Record]]]:
    """For each service, yield the name of the collector, the name of the service and the subscriptions."""
    services: dict[tuple[str, str], list[Record]] = {}
    for record in view.facts.records(families, ("service_type", "subscription")):
        services.setdefault((record.collector, record.key[0]), []).append(record)
    for (collector, service_type), several in services.items():
        yield collector, service_type, several


def out_of_policy(view: View) -> Iterator[Finding]:
    """Find licenses that are out of policy."""
    for record in view.facts.records((OUT_OF_POLICY, OUT_OF_POLICY_SINCE), ()):
        if (value := record.get(OUT_OF_POLICY)) is not None:
            yield Finding(Subject(), outcome(wrong=value == 1), record.collector, since=record.get(OUT_OF_POLICY_SINCE))


def subscription_expired(view: View) -> Iterator[Finding]:
    """Find services whose latest subscription expiry was less than `subscription_history` ago."""
    history = view.limits.of().subscription_history
    for subject, collector, end in _last_expiries(view):
        if isinstance(end, Outcome):
            yield Finding(subject, end, collector)
        else:
            wrong, changes_at = end <= view.now < end + history, next_change(view.now, end, end + history)
            yield Finding(subject, outcome(wrong=wrong), collector, since=end, changes_at=changes_at)


def subscription_expiring(view: View) -> Iterator[Finding]:
    """Find services whose latest subscription expiry is less than `subscription_left` away."""
    left = view.limits.of().subscription_left
    for subject, collector, end in _last_expiries(view):
        if isinstance(end, Outcome):
            yield Finding(subject, end, collector)
        else:
            wrong, changes_at = end - left <= view.now < end, next_change(view.now, end - left, end)
            yield Finding(subject, outcome(wrong=wrong), collector, since=end - left, changes_at=changes_at)


def _last_expiries(view: View) -> Iterator[tuple[Subject, str, float | Outcome]]:
    """For each service, yield the expiry of the subscription that expires last.

    If only some subscriptions have an expiry, the value is UNKNOWN. If no subscription has an expiry, the value is
    ABSENT.
    """
    for collector, service_type, several in _services(view, (INFO, EXPIRY)):
        ends = [record.get(EXPIRY) for record in several]
        known = [end for end in ends if end is not None]
        missing = Outcome.UNKNOWN if known else Outcome.ABSENT
        yield Subject(service_type=service_type), collector, max(known) if len(known) == len(ends) else missing


def status_failed(view: View) -> Iterator[Finding]:
    """Find customers that have had the AvePoint status "failed" for at least `status_after`."""
    return _status(view, frozenset({"failed"}))


def attention(view: View) -> Iterator[Finding]:
    """Find customers whose AvePoint status has been in `_ATTENTION` for at least `status_after`."""
    return _status(view, _ATTENTION)


def _status(view: View, statuses: frozenset[str]) -> Iterator[Finding]:
    grace = view.limits.of().status_after
    for one in view.facts.statuses(STATUS):
        found = outcome(wrong=one.status in statuses) if one.status in _KNOWN else Outcome.UNKNOWN
        yield Finding(Subject(), found, one.collector, grace=grace)
