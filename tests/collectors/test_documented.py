"""For the sample responses in AvePoint's documentation, the exporter returns the expected values.

Each source is a file at a commit of the public repository AvePoint/cloud-api. The source "seed" stands for AvePoint's
first documents. Each sample response has a date. The date is "" if the text of the sample contains no date.
"""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import pytest

from exporter.collectors.registry import catalogue
from tests.fakes import payload
from tests.helpers import (
    BATCH_PATH,
    SETTINGS,
    FakeApi,
    FakeClock,
    World,
    customer,
    customer_jobs_path,
    overview_path,
    partner,
    tenant,
    v3,
)

M365, CB365 = "Microsoft 365", "Cloud Backup for Microsoft 365"
GB, YEAR = 1024.0**3, 365 * 86_400.0
ELEMENTS = "/partner/external/v3/general/customers"


def unix(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


class Sample(NamedTuple):
    """A documented sample response. The collector that reads this endpoint must return the expected values.

    The keys of `values` are family names without the prefix "avepoint_". The inner keys are the values of all labels
    except account and customer_id.
    """

    file: str
    source: str
    date: str
    collector: str
    path: str
    values: dict[str, dict[tuple[str, ...], float]]
    customer_id: str = ""
    refreshes: int = 1


OVERVIEW: dict[str, dict[tuple[str, ...], float]] = {
    "scanned_objects": {(CB365, "Exchange Online"): 25, (CB365, "Microsoft 365 Groups"): 7},
    "protected_objects": {(CB365, "Exchange Online"): 25, (CB365, "Microsoft 365 Groups"): 7},
    "protected_data_bytes": {(CB365, "avepoint", "Exchange Online"): 0, (CB365, "avepoint", "Microsoft 365 Groups"): 0},
    "last_run_timestamp_seconds": {},
    "customer_scanned_objects": {(): 32},
    "customer_protected_data_bytes": {("avepoint",): 0},
}
TENANT_ID = "f04d7aee-****-5f92-****-6521****e596"
EXCHANGE = ("backup", M365, "Exchange Online")

SAMPLES = (
    Sample(
        "overview-bare", "seed 002", "", "protected_data", overview_path("c-1"), OVERVIEW, customer_id="c-1"
    ),
    Sample(
        "overview-paged", "docs/elements/general/job/get-customer-cloud-backup-m365-overview.md", "",
        "protected_data", overview_path("c-1"), OVERVIEW, customer_id="c-1",
    ),
    Sample(
        "overview-tenants", "docs/elements/general/job/get-customer-cloud-backup-m365-overview.md at 13d7c83e55d9",
        "2026-09-20", "protected_data", overview_path("c-1"),
        {
            "scanned_objects": {(CB365, TENANT_ID, "Exchange Online"): 25, (CB365, "Microsoft 365 Groups"): 7},
            "last_run_timestamp_seconds": {(CB365, TENANT_ID, "Exchange Online"): unix("2026-09-20T13:00:00+00:00")},
            "customer_scanned_objects": {(): 32},
        },
        customer_id="c-1",
    ),
    Sample(
        "protected-legacy", "seed 000", "", "protected_data",
        "/partner/customers/caf94a75-2cc6-43aa-b04b-794cb9af5ea3/protected",
        {
            "scanned_objects": {(CB365, "Exchange Online"): 0, (CB365, "Microsoft 365 Groups"): 0},
            "protected_data_bytes": {
                (CB365, "avepoint", "Exchange Online"): 0, (CB365, "avepoint", "Microsoft 365 Groups"): 0,
            },
        },
        customer_id="caf94a75-2cc6-43aa-b04b-794cb9af5ea3",
    ),
    Sample(
        "customer-jobs-v3", "docs/elements/general/job/get-customer-jobs.md at 130087b96860", "2025-09-11",
        "customer_jobs", customer_jobs_path("c-1"),
        {
            "last_job_start_timestamp_seconds": {
                ("backup", M365, "Microsoft 365 Groups"): unix("2025-09-11T03:21:16+00:00"),
            },
            "last_job_duration_seconds": {("backup", M365, "Microsoft 365 Groups"): 1060},
            "last_job_state": {("backup", M365, "failed", "Microsoft 365 Groups"): 1},
            "last_job_objects": {
                ("backup", M365, result, "Microsoft 365 Groups"): count
                for result, count in (("successful", 2323), ("failed", 0), ("skipped", 0), ("warning", 0))
            },
            "last_success_timestamp_seconds": {},
        },
        customer_id="c-1",
        refreshes=3,  # the documented list has only one row, but its total is 2
    ),
    Sample(
        "customer-jobs-legacy", "docs/docs/services-and-features/elements/jobs/all-backup-jobs.md at 01782d300ad8", "",
        "customer_jobs", "/partner/customers/c-1/jobs",
        {
            "last_job_state": {
                ("backup", M365, "not_finished", "SharePoint Online"): 1,
                ("backup", M365, "not_finished", "Exchange Online"): 1,
            },
            "last_job_start_timestamp_seconds": {},
            "jobs_completed_total": {},
        },
        customer_id="c-1",
    ),
    Sample(
        "subscriptions-v3", "docs/elements/general/service subscription/get-all-services.md at 25bac7aeccf7",
        "2025-09-26", "subscriptions", f"{ELEMENTS}/services/batch",
        {
            "subscription_purchased_capacity_bytes": {("Cloud Backup for IaaS + PaaS - Unit",): GB},
            "subscription_protected_capacity_bytes": {("Cloud Backup for IaaS + PaaS - Unit",): 0},
            "subscription_expiry_timestamp_seconds": {
                ("Cloud Backup for IaaS + PaaS - Unit",): unix("2025-09-26T00:00:00+00:00"),
            },
            "subscription_purchased_seats": {},
            "subscription_consumed_storage_bytes": {},
        },
        customer_id="1c10525c-****-****-****-2e641bc13421",
    ),
    Sample(
        "subscriptions-legacy",
        "docs/docs/services-and-features/elements/services/service-subscription.md at 0e7b190f6783", "2026-12-29",
        "subscriptions", "/partner/services",
        {
            "subscription_purchased_capacity_bytes": {("Opus - Storage optimization",): 3072 * GB},
            "subscription_expiry_timestamp_seconds": {
                ("Opus - Storage optimization",): unix("2026-12-29T23:59:59+00:00"),
            },
            "subscription_microsoft_licenses_assigned": {("Opus - Storage optimization",): 0},
            "subscription_contract_end_timestamp_seconds": {},
        },
        customer_id="b521-b521-b521-b521-b521",
    ),
    Sample(
        "jobs-list-modern", "docs/docs/services-and-features/m365/jobs/list-jobs.md at 62ca5f40e1b7", "2024-12-02",
        "jobs", "/backup/m365/cloudbackupjobs",
        {
            "last_job_start_timestamp_seconds": {EXCHANGE: unix("2024-12-02T07:52:25+00:00")},
            "last_job_duration_seconds": {EXCHANGE: 39},
            "last_success_timestamp_seconds": {EXCHANGE: unix("2024-12-02T07:53:04+00:00")},
            "last_job_objects": {
                ("backup", M365, "successful", "Exchange Online"): 14,
                ("backup", M365, "failed", "Exchange Online"): 0,
                ("backup", M365, "skipped", "Exchange Online"): 2,
            },
        },
    ),
    Sample(
        "jobs-legacy", "docs/docs/services-and-features/m365/jobs.md", "2024-10-15", "jobs", "/cloudbackup/jobs",
        {
            "last_job_start_timestamp_seconds": {EXCHANGE: 1_728_960_792.1780695},
            "last_job_duration_seconds": {EXCHANGE: 51.6606001},
        },
    ),
    Sample(
        "license-modern", "docs/docs/services-and-features/m365/subscription.md at 07fce4329b04", "2025-08-20",
        "license", "/backup/m365/cloudbackuplicenseconsumption",
        {
            "license_purchased_seats": {(): 100}, "license_assigned_seats": {(): 47},
            "license_purchased_storage_bytes": {(): 0}, "license_protected_bytes": {(): 0},
            "license_out_of_policy": {(): 0}, "license_out_of_policy_timestamp_seconds": {},
        },
    ),
    Sample(
        "unusual-activity-bare", "docs/docs/services-and-features/m365/unusual-activities.md at 01782d300ad8", "",
        "unusual_activity", SETTINGS["unusual_activity"],
        {
            "unusual_activity_sites": {("SharePoint Online",): 10},
            "potential_ransomware_sites": {("SharePoint Online",): 5},
        },
    ),
    Sample(
        "backup-frequency-modern", "docs/docs/services-and-features/m365/backup-frequency.md at 1d812e3f08cd",
        "2026-02-27", "backup_frequency", SETTINGS["backup_frequency"],
        {
            "backups_per_day": {("Exchange Online",): 4, ("SharePoint Online",): 1, ("OneDrive",): 1},
            "next_scheduled_backup_timestamp_seconds": {
                ("Exchange Online",): unix("2026-02-27T15:54:22+00:00"),
                ("SharePoint Online",): unix("2026-02-28T03:54:22+00:00"),
                ("OneDrive",): unix("2026-02-28T03:54:22+00:00"),
            },
        },
    ),
    Sample(
        "retention-modern", "docs/docs/services-and-features/m365/retention-policy.md at 62ca5f40e1b7", "2026-03-18",
        "retention", SETTINGS["retention"],
        {
            "custom_retention": {(): 1},
            "retention_seconds": {
                (): YEAR, ("Exchange Online",): 2 * YEAR, ("Microsoft 365 Groups",): YEAR, ("Teams",): YEAR,
                ("OneDrive",): math.inf,
            },
            "retention_shortest_seconds": {
                ("Exchange Online",): 2 * YEAR, ("Microsoft 365 Groups",): YEAR, ("Teams",): YEAR,
                ("OneDrive",): math.inf,
            },
        },
    ),
)  # fmt: skip


def only_exchange_backups(body: Any) -> Any:
    """Return a route that lists the jobs only if the filters allow backups of Exchange Online."""
    rows = "data" if "data" in body else "Jobs"

    def answer(request: httpx.Request) -> object:
        query = request.url.params
        if query["JobType"] in ("0", "1") and query["ObjectType"] in ("0", "1"):
            return body
        return {**body, rows: [], "metadata": {"totalCount": 0}, "TotalCount": 0}

    return answer


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
async def test_the_values_that_a_person_reads(sample: Sample) -> None:
    body = payload(sample.file)
    now = datetime.fromisoformat(f"{sample.date or '2026-11-18'}T14:00:00+00:00").timestamp()
    lists = {BATCH_PATH: v3([customer(sample.customer_id)]), "/partner/customers": {"value": []}}
    route = only_exchange_backups(body) if sample.collector == "jobs" else body
    world = World(FakeApi({**lists, sample.path: route}), FakeClock(now))
    make = partner if sample.customer_id else tenant
    off = {name: {"enabled": False} for name in catalogue()[make("x")["type"]]}
    customers: dict[str, Any] = {"customers": {}} if sample.collector == "subscriptions" else {}
    await world.apply(make(collectors={**off, **customers, sample.collector: {}}))
    is_up = False
    for _ in range(sample.refreshes):
        await world.refresh("customers")
        is_up = await world.refresh(sample.collector)
    assert is_up
    shown: dict[str, dict[tuple[str, ...], float]] = {family: {} for family in sample.values}
    plain = {"account", "customer_id"}
    for (name, labels), value in world.of_avepoint().items():
        if (family := name.removeprefix("avepoint_")) in shown:
            named = sorted((key, text) for key, text in labels if key not in plain)
            shown[family][tuple(text for _, text in named)] = value
    assert shown == sample.values
    assert "@" not in world.text()
    await world.accounts.stop()
