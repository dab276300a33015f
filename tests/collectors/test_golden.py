"""The responses are fixed. For each collector and API version, the page must be equal to a golden file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.collectors.registry import COLLECTORS, catalogue, families
from exporter.exposition.page import PageRequest
from tests.helpers import (
    BATCH_PATH,
    CONSENT_PATH,
    GOOGLE_JOBS_PATH,
    RANSOMWARE_PATH,
    SALESFORCE_JOBS_PATH,
    SETTINGS,
    USERS_PATH,
    FakeApi,
    FakeClock,
    World,
    customer,
    customer_jobs_path,
    overview_path,
    partner,
    scan_profiles_path,
    seats_path,
    settings_routes,
    tenant,
    tenant_path,
    v3,
)
from tests.helpers import (
    canned as payload,
)

HERE = Path(__file__).parent.parent
NOW = datetime(2026, 11, 18, 10, tzinfo=UTC).timestamp()
KINDS = {"FB1": (1, 1), "FB2": (2, 3), "FB3": (1, 1)}


def jobs(name: str) -> Any:
    """Return a route that reads jobs from a payload file, and lists the jobs that match the request's filters."""
    whole = payload(name)
    rows = "data" if "data" in whole else "Jobs"

    def answer(request: httpx.Request) -> object:
        kind, workload = int(request.url.params["JobType"]), int(request.url.params["ObjectType"])
        found = [
            row
            for row in whole[rows]
            if kind in (0, KINDS[row.get("id") or row["Id"]][0])
            and workload in (0, KINDS[row.get("id") or row["Id"]][1])
        ]
        narrowed = {**whole, rows: found}
        if rows == "data":
            return {**narrowed, "metadata": {"totalCount": len(found), "nextLink": ""}}
        return {**narrowed, "TotalCount": len(found)}

    return answer


ELEMENTS = "/partner/external/v3/general"
ONE = v3([customer("c-1")])
WITH_TENANT = v3([customer("c-1", tenants=[{"id": "t-1", "name": "contoso.example.com"}])])
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"{name}-modern": (name, settings_routes()) for name in SETTINGS},
    "jobs-modern": ("jobs", {"/backup/m365/cloudbackupjobs": jobs("jobs-modern")}),
    "jobs-legacy": ("jobs", {"/cloudbackup/jobs": jobs("jobs-legacy")}),
    "google_jobs-modern": ("google_jobs", {GOOGLE_JOBS_PATH: payload("google_jobs-modern")}),
    "salesforce_jobs-modern": ("salesforce_jobs", {SALESFORCE_JOBS_PATH: payload("salesforce_jobs-modern")}),
    "license-modern": ("license", {"/backup/m365/cloudbackuplicenseconsumption": payload("license-modern")}),
    "license-legacy": ("license", {"/cloudbackup/licenseconsumption": payload("license-legacy")}),
    "customers-modern": ("customers", {BATCH_PATH: payload("customers-modern")}),
    "customers-legacy": ("customers", {"/partner/customers": payload("customers-legacy")}),
    "protected_data-modern": (
        "protected_data", {BATCH_PATH: ONE, overview_path("c-1"): payload("protected_data-modern")},
    ),
    "protected_data-bare": ("protected_data", {BATCH_PATH: ONE, overview_path("c-1"): payload("protected_data-bare")}),
    "protected_data-tenants": (
        "protected_data", {BATCH_PATH: ONE, overview_path("c-1"): payload("protected_data-tenants")},
    ),
    "protected_data-legacy": (
        "protected_data", {BATCH_PATH: ONE, "/partner/customers/c-1/protected": payload("protected_data-legacy")},
    ),
    "subscriptions-modern": (
        "subscriptions", {f"{ELEMENTS}/customers/services/batch": payload("subscriptions-modern")},
    ),
    "subscriptions-legacy": ("subscriptions", {"/partner/services": payload("subscriptions-legacy")}),
    "customer_jobs-modern": (
        "customer_jobs", {BATCH_PATH: ONE, customer_jobs_path("c-1"): payload("customer_jobs-modern")},
    ),
    "customer_jobs-legacy": (
        "customer_jobs", {BATCH_PATH: ONE, "/partner/customers/c-1/jobs": payload("customer_jobs-legacy")},
    ),
    "users-modern": (
        "users", {BATCH_PATH: WITH_TENANT, tenant_path("c-1", "t-1", USERS_PATH): payload("users-modern")},
    ),
    "scan_profiles-modern": (
        "scan_profiles", {BATCH_PATH: ONE, scan_profiles_path("c-1"): payload("scan_profiles-modern")},
    ),
    "app_consent-modern": (
        "app_consent",
        {BATCH_PATH: WITH_TENANT, tenant_path("c-1", "t-1", CONSENT_PATH): payload("app_consent-modern")},
    ),
    "ransomware-modern": (
        "ransomware",
        {BATCH_PATH: WITH_TENANT, tenant_path("c-1", "t-1", RANSOMWARE_PATH, "wm"): payload("ransomware-modern")},
    ),
    "microsoft_seats-modern": (
        "microsoft_seats", {BATCH_PATH: ONE, seats_path("c-1"): payload("microsoft_seats-modern")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_the_text_of_a_canned_response(name: str, request: pytest.FixtureRequest) -> None:
    collector, routes = CASES[name]
    world = World(FakeApi(routes), FakeClock(NOW))
    make = tenant if collector in catalogue()["tenant"] else partner
    off = {other: {"enabled": False} for other in catalogue()[make("x")["type"]] if other != collector}
    await world.apply(make(collectors={**off, collector: {}}))
    assert await world.refresh()
    kind = next(kind for kind in COLLECTORS if kind.name == collector)
    text = world.text(PageRequest(names=frozenset(family.name for family in kind.families)))
    golden = HERE / "golden" / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    await world.accounts.stop()


def test_every_collector_and_version_has_its_golden_text() -> None:
    stems = {file.stem for file in (HERE / "golden").glob("*.txt")}
    assert {f"{kind.name}-{api_version}" for kind in COLLECTORS for api_version in kind.endpoints.versions} <= stems


def test_the_three_shapes_of_protected_data_say_the_same() -> None:
    texts = {(HERE / "golden" / f"protected_data-{shape}.txt").read_text() for shape in ("modern", "bare", "legacy")}
    assert len(texts) == 1


def test_both_versions_say_the_same_of_subscriptions() -> None:
    texts = {(HERE / "golden" / f"subscriptions-{api_version}.txt").read_text() for api_version in ("modern", "legacy")}
    assert len(texts) == 1


def test_no_golden_text_holds_an_address() -> None:
    assert not any("@" in file.read_text() for file in (HERE / "golden").glob("*.txt"))


def test_every_family_says_where_it_is_from_and_its_labels_begin_with_the_account() -> None:
    for family in families():
        assert family.labels[0] == "account"
        assert family.help.endswith(".")
        assert '"' not in family.help
        assert "\\" not in family.help
        assert "cached" in family.help or family.name == "avepoint_jobs_window_seconds", family.name


LICENSE_CASES: tuple[tuple[object, dict[str, float]], ...] = (
    ({"data": {"outOfPolicyTime": None}}, {"out_of_policy": 0}),
    ({"data": {"outOfPolicyTime": "soon", "purchasedUserSeats": 0}}, {"purchased_seats": 0}),
    ({"data": {"purchasedUserSeats": "N/A", "assignedUserSeats": 1.5}}, {}),
    ({"data": {"purchasedStorageSize": "2 TB", "protectedSize": "0"}},
     {"purchased_storage_bytes": 2 * 1024**4, "protected_bytes": 0}),
)  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), LICENSE_CASES)
async def test_what_a_licence_does_not_say_has_no_sample(answer: object, expected: dict[str, float]) -> None:
    world = World(FakeApi({"/backup/m365/cloudbackuplicenseconsumption": answer}))
    await world.apply(tenant(collectors={"license": {}}))
    assert await world.refresh()
    shown = {name.removeprefix("avepoint_license_"): value for (name, _), value in world.of_avepoint().items()}
    assert shown == expected
    await world.accounts.stop()


@pytest.mark.parametrize("answer", [[], 7, None, {}, {"data": []}, {"data": None}, {"data": {"other": 1}}])
async def test_an_answer_that_says_nothing_of_the_licence_is_a_failure(answer: object) -> None:
    world = World(FakeApi({"/backup/m365/cloudbackuplicenseconsumption": httpx.Response(200, json=answer)}))
    await world.apply(tenant(collectors={"license": {}}, api="modern"))
    assert not await world.refresh()
    assert world.of_avepoint() == {}
    await world.accounts.stop()


async def test_rows_without_a_module_say_nothing_and_names_are_not_confused() -> None:
    rows = [
        {"serviceType": "a", "serviceModule": "b/c", "totalScannedObjects": 1},
        {"serviceType": "a/b", "serviceModule": "c", "totalScannedObjects": 2},
        {"serviceType": "x", "serviceModule": None, "totalScannedObjects": 3},
        {"serviceType": "x", "serviceModule": "owner@example.com", "totalScannedObjects": 4},
        {}, None, 7,
    ]  # fmt: skip
    world = World(FakeApi({BATCH_PATH: ONE, overview_path("c-1"): rows}))
    await world.apply(partner())
    assert await world.refresh()
    scanned = {value for (name, _), value in world.of_avepoint().items() if name == "avepoint_scanned_objects"}
    assert scanned == {1, 2}
    assert "@" not in world.text()
    await world.accounts.stop()
