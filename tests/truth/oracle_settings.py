"""Create random settings and unusual activities of a tenant, and compute the expected samples from these records."""

from collections import Counter
from dataclasses import replace
from random import Random

from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.data.records import ActivityRecord, FrequencyRecord, RetentionRecord, ServiceRetention
from tests.truth.oracle import DAY, NOW, Samples

SERVICES = (
    "Exchange Online", "SharePoint Online", "OneDrive", "Microsoft 365 Groups", "Project Online", "Public Folder",
    "Teams", "Public Folder Metadata", "Private Channel", "Viva Engage", "Teams Chat", "Power BI", "Power Automate",
    "Shared Channel", "Power Apps",
)  # fmt: skip
PERIODS = {
    "1 years": 365.0 * DAY, "2 years": 730.0 * DAY, "6 months": 180.0 * DAY, "1 months": 30.0 * DAY,
    "3 weeks": 21.0 * DAY, "45 days": 45.0 * DAY, "Unlimited": float("inf"),
}  # fmt: skip
MIDNIGHT = int(NOW) - int(NOW) % DAY
WINDOW_START = MIDNIGHT - 7 * DAY


def with_settings(portfolio: StaticPortfolio, seed: int) -> StaticPortfolio:
    """Return the portfolio with added settings and unusual activities."""
    random = Random(seed)
    frequencies = (_frequency(random, number) for number in random.sample(range(15), random.randrange(16)))
    return replace(
        portfolio,
        activity_list=tuple(_activity(random) for _ in range(random.randrange(60))),
        frequency_list=tuple(frequencies),
        retention_list=(_retention(random),),
    )


def _activity(random: Random) -> ActivityRecord:
    tenant = random.randrange(3)
    return ActivityRecord(
        tenant_id=f"tenant-{tenant}",
        tenant_owner=f"owner{tenant}@example.com",
        service_type=random.randrange(15),
        detected_unix_ns=random.choice([int(NOW), WINDOW_START, int(NOW) - random.randrange(14 * DAY)]) * 10**9,
        unusual_sites=random.randrange(1000),
        ransomware_sites=random.choice([0, 0, 0, random.randrange(50)]),
    )


def _frequency(random: Random, number: int) -> FrequencyRecord:
    times = random.randrange(7)
    starts = random.sample(range(DAY), times)
    return FrequencyRecord(
        service_type=number,
        times_a_day=times,
        starts_unix_ns=tuple((MIDNIGHT + start) * 10**9 for start in starts),
    )


def _retention(random: Random) -> RetentionRecord:
    def period() -> str:
        return random.choice(list(PERIODS))

    services = (
        ServiceRetention(
            service_type=number,
            period=period(),
            unassigned_period=random.choice([None, period()]),
            container_periods=tuple(period() for _ in range(random.choice([0, 0, 1, 4]))),
        )
        for number in random.sample(range(15), random.randrange(16))
    )
    return RetentionRecord(period=period(), customized=random.choice([True, True, False]), services=tuple(services))


def expected_settings(portfolio: StaticPortfolio) -> Samples:
    """Return all samples of settings and activities for the account "tenant".

    The legacy API returns neither settings nor activities.
    """
    samples: Samples = {}

    def add(name: str, value: float, workload: str = "") -> None:
        labels = {"account": "tenant"} | ({"workload": workload} if workload else {})
        samples[f"avepoint_{name}", frozenset(labels.items())] = value

    add("unusual_activity_window_seconds", NOW - WINDOW_START)
    unusual: Counter[str] = Counter()
    ransomware: Counter[str] = Counter()
    for one in portfolio.activity_list or ():
        if one.detected_unix_ns >= WINDOW_START * 10**9:
            unusual[SERVICES[one.service_type]] += one.unusual_sites
            ransomware[SERVICES[one.service_type]] += one.ransomware_sites
    for workload in unusual:
        add("unusual_activity_sites", unusual[workload], workload)
        add("potential_ransomware_sites", ransomware[workload], workload)
    for frequency in portfolio.frequency_list or ():
        workload = SERVICES[frequency.service_type]
        add("backups_per_day", frequency.times_a_day, workload)
        if frequency.times_a_day:
            add("backup_interval_seconds", 86_400 / frequency.times_a_day, workload)
            starts = [start // 10**9 for start in frequency.starts_unix_ns]
            coming = [start for start in (*starts, *(start + DAY for start in starts)) if start > NOW]
            add("next_scheduled_backup_timestamp_seconds", min(coming), workload)
    for policy in portfolio.retention_list or ():
        add("custom_retention", 1 if policy.customized else 0)
        add("retention_seconds", PERIODS[str(policy.period)])
        for service in policy.services if policy.customized else ():
            own, workload = PERIODS[str(service.period)], SERVICES[service.service_type]
            add("retention_seconds", own, workload)
            parts = [PERIODS[text] for text in (*service.container_periods, service.unassigned_period) if text]
            add("retention_shortest_seconds", min([own, *parts]), workload)
    return samples
