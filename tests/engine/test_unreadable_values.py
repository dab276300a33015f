"""While a value is unreadable, the problems that depend on it are unknown: they neither begin nor end."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_verdicts import LICENSE, counts, problems
from tests.helpers import (
    ACTIVITY_PATH,
    BATCH_PATH,
    CONSENT_PATH,
    NOW,
    OFF,
    RANSOMWARE_PATH,
    RETENTION_PATH,
    USERS_PATH,
    FakeApi,
    World,
    config,
    customer,
    module,
    overview_path,
    partner,
    scan_profiles_path,
    tenant,
    tenant_path,
    v3,
)

ODD = {"a": 1}
MISSING = "missing"
SERVICES_PATH = "/partner/external/v3/general/customers/services/batch"
JOBS_PATH = "/backup/m365/cloudbackupjobs"
EXPECTATIONS = {
    "retention": "1y", "unprotected_after": "0s", "scan_failed_after": "0s", "status_after": "0s", "idle_after": "1h",
}  # fmt: skip
DAY = 86_400.0


def day(days: float) -> str:
    """Return a time in the format of AvePoint. `days` is the number of days from now."""
    return dt.datetime.fromtimestamp(NOW + days * DAY, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Kind:
    """A response of AvePoint. `answer` returns the response for one value."""

    account: str
    collectors: tuple[str, ...]
    path: str
    answer: Callable[[Any], Any]


def envelope(data: Any) -> dict[str, Any]:
    return {"statusCode": 200, "data": data}


def user(name: str, modules: Any) -> dict[str, Any]:
    return {"id": name, "moduleStatus": modules}


def mailbox(name: str, is_protected: Any, kind: Any = 0) -> dict[str, Any]:
    return user(name, [{"module": kind, "isProtected": is_protected}])


def attacks(sites: Any) -> dict[str, Any]:
    """Return the response for numbers of sites by workload. Omitted workloads have no attacked sites."""
    keys = ("UnderPotentialRansomwareAttack", "WithUnusualActivities", "WithSuspiciousObjects")
    numbers = {**dict.fromkeys(("teams", "sharePointSites", "oneDrives", "groups"), 0), **sites}
    found = {key: number if number is None else dict.fromkeys(keys, number) for key, number in numbers.items()}
    return {key: value for key, value in found.items() if numbers[key] != MISSING}


def product(**values: Any) -> dict[str, Any]:
    numbers = {"purchasedUserSeats": "25", "microsoftLicenseAssigned": "40"}
    sizes = {"purchasedCapacity": "1 GB", "protectedCapacity": "2 GB"}
    return {"service": "Backup", **numbers, **sizes, "expirationDate": day(3), **values}


def ample(**values: Any) -> dict[str, Any]:
    return product(purchasedUserSeats="99", purchasedCapacity="9 GB", expirationDate=day(300), **values)


def consumption(**values: Any) -> dict[str, Any]:
    used = {"assignedUserSeats": 50, "protectedSize": 50, "outOfPolicyTime": day(-1)}
    return {"purchasedUserSeats": 10, "purchasedStorageSize": 10, **used, **values}


def activity(**values: Any) -> dict[str, Any]:
    counts = {"potentialRansomwareAttackCount": 4, "unusualActivitiesCount": 5}
    return {"tenantId": "t", "serviceType": 0, **counts, **values}


def scan(status: Any, profile: Any = "p-1") -> dict[str, Any]:
    return {"profileId": profile, "profileName": "Daily", "tenantId": "t", "lastScanStatus": status}


def policy(period: Any, *services: Any) -> dict[str, Any]:
    return {"retentionPeriod": period, "enableCustomizedRetentionPolicy": True, "servicePolicies": list(services)}


def service(period: Any, kind: Any = 1) -> dict[str, Any]:
    return {"serviceType": kind, "retentionPeriod": period}


CUSTOMERS = Kind("partner", ("customers",), BATCH_PATH, lambda status: v3([customer("c", jobStatus=status)]))
OVERVIEW = Kind("partner", ("protected_data",), overview_path("c"), v3)
SCANS = Kind("partner", ("scan_profiles",), scan_profiles_path("c"), v3)
USERS = Kind("partner", ("users",), tenant_path("c", "t", USERS_PATH), v3)
CONSENTS = Kind("partner", ("app_consent",), tenant_path("c", "t", CONSENT_PATH), lambda answer: answer)
RANSOMWARE = Kind("partner", ("ransomware",), tenant_path("c", "t", RANSOMWARE_PATH, "wm"), attacks)
SERVICES = Kind("partner", ("customers", "subscriptions"), SERVICES_PATH, v3)
CONSUMPTION = Kind("tenant", ("license",), LICENSE, envelope)
ACTIVITY = Kind("tenant", ("unusual_activity",), ACTIVITY_PATH, lambda rows: envelope({"data": rows}))
RETENTION = Kind("tenant", ("retention",), RETENTION_PATH, envelope)


def of_customer(*products: Any) -> list[Any]:
    return [{"customerId": "c", "products": list(products)}]


SUBSCRIBED = ("subscription_expiring", "storage_full", "seats_exceeded")
LICENSED = ("license_out_of_policy", "storage_full", "seats_exceeded")
ATTACKED = ("ransomware_suspected",)
SCANNED: dict[str, Any] = {"totalScannedObjects": 100, "totalProtectedObjects": 10}
ODD_COUNTS: dict[str, Any] = {"totalScannedObjects": -1, "totalProtectedObjects": ODD}
UNPROTECTED = [mailbox("u1", True), mailbox("u2", False)]


@dataclass(frozen=True, slots=True)
class Case:
    """Answers of AvePoint: with a problem, with an unreadable value, and without a problem."""

    kind: Kind
    problems: tuple[str, ...]
    wrong: Any
    unreadable: Any
    fine: Any


def cases(kind: Kind, found: tuple[str, ...], wrong: Any, fine: Any, **unreadable: Any) -> Mapping[str, Case]:
    name = kind.collectors[-1]
    return {f"{name}: {what}": Case(kind, found, wrong, value, fine) for what, value in unreadable.items()}


GOOD = module(totalProtectedObjects=10)
CASES = {
    **cases(CUSTOMERS, ("customer_status_failed",), 2, 1, odd_status=ODD, unknown_status="Kaputt", new_status=77),
    **cases(CUSTOMERS, ("customer_attention",), 4, 1, odd_status_of_attention=ODD),
    **cases(
        OVERVIEW, ("objects_unprotected",), [module(**SCANNED)], [GOOD],
        odd_module=[module(**SCANNED, serviceModule=ODD)],
        odd_module_beside_another=[GOOD, module(**SCANNED, serviceModule=ODD)],
        not_an_object=[GOOD, "a module"],
        odd_counts=[module(**ODD_COUNTS)],
        odd_counts_of_one_of_two=[GOOD, module(serviceType="Express", **ODD_COUNTS)],
        odd_counts_of_the_other=[module(**SCANNED), module(serviceType="Express", **ODD_COUNTS)],
    ),
    **cases(
        SCANS, ("scan_failed",), [scan(3)], [scan(2)],
        odd_status=[scan(ODD)], no_status=[scan(None)], unknown_status=[scan("Kaputt")], no_profile=[scan(3, None)],
        odd_status_beside_another=[scan(2), scan(ODD, "p-2")],
    ),
    **cases(
        USERS, ("users_unprotected",), UNPROTECTED, [mailbox("u1", True)],
        no_modules=[*UNPROTECTED, user("u3", None)], odd_module=[*UNPROTECTED, mailbox("u3", True, ODD)],
        odd_flag=[*UNPROTECTED, mailbox("u3", "maybe")], not_an_object=[mailbox("u1", True), "a user"],
    ),
    **cases(
        CONSENTS, ("consent_missing",), [{"isConsent": False}], [{"isConsent": True}],
        odd_flag=[{"isConsent": "maybe"}], list_as_flag=[{"isConsent": []}],
        odd_flag_beside_another=[{"isConsent": ODD}, {"isConsent": True}], not_an_object=["an app"],
    ),
    **cases(
        RANSOMWARE, ATTACKED, {"oneDrives": 4}, {},
        odd_count={"oneDrives": "?"}, negative_count={"oneDrives": -4},
        null={"oneDrives": None}, missing={"oneDrives": MISSING},
    ),
    **cases(
        SERVICES, SUBSCRIBED, of_customer(product()), of_customer(ample()),
        odd_service=of_customer(product(service=ODD)),
        odd_service_beside_another=of_customer(ample(), product(service=ODD)),
        odd_service_beside_a_problem=of_customer(product(), ample(service=ODD)),
        odd_customer=[{"customerId": ODD, "products": [product()]}],
        odd_products=[{"customerId": "c", "products": "x"}], not_an_object=["a row"],
        odd_numbers=of_customer(product(**dict.fromkeys(product().keys() - {"service"}, ODD))),
        odd_numbers_beside_another=of_customer(
            ample(), ample(package="B") | dict.fromkeys(product().keys() - {"service"}, ODD)
        ),
    ),
    **cases(
        CONSUMPTION, LICENSED, consumption(),
        consumption(purchasedUserSeats=99, purchasedStorageSize=99, outOfPolicyTime=None),
        all_odd=dict.fromkeys(consumption(), ODD),
    ),
    **cases(
        CONSUMPTION, ("license_out_of_policy",), consumption(), consumption(outOfPolicyTime=None),
        odd_policy=consumption(outOfPolicyTime=ODD), policy_in_the_future=consumption(outOfPolicyTime="2199-01-01"),
        no_policy={key: value for key, value in consumption().items() if key != "outOfPolicyTime"},
    ),
    **cases(
        ACTIVITY, ATTACKED, [activity()], [activity(potentialRansomwareAttackCount=0)],
        odd_service=[activity(serviceType=ODD)], negative_count=[activity(potentialRansomwareAttackCount=-4)],
        not_an_object=["x"],
        odd_service_beside_another=[activity(potentialRansomwareAttackCount=0), activity(serviceType=ODD)],
    ),
    **cases(
        RETENTION, ("retention_too_short",),
        policy("2 years", service("1 days")), policy("2 years", service("9 years")),
        odd_period=policy("2 years", service(ODD)), unknown_period=policy("2 years", service("soon")),
        odd_service=policy("2 years", service("1 days", ODD)),
        odd_service_beside_another=policy("2 years", service("9 years"), service("1 days", ODD)),
        odd_services=policy("2 years") | {"servicePolicies": "x"},
    ),
    **cases(
        RETENTION, ("retention_too_short",), policy("1 days"), policy("2 years"),
        odd_default=policy(ODD), unknown_default=policy("soon"),
    ),
}  # fmt: skip
TESTED = [pytest.param(case, id=name) for name, case in CASES.items()]


async def world_of(kind: Kind, answer: Any, folder: Path) -> World:
    """Return a `World` after the first refresh. This refresh fails if a row cannot be read."""
    routes = {BATCH_PATH: v3([customer("c", tenants=[{"id": "t", "name": "x"}])])}
    world = World(FakeApi({**routes, kind.path: kind.answer(answer)}), folder=folder)
    await world.apply(account_of(kind))
    await world.refresh()
    return world


def account_of(kind: Kind) -> dict[str, Any]:
    make = partner if kind.account == "partner" else tenant
    off = {"customers": OFF, "protected_data": OFF} if kind.account == "partner" else {}
    return make(collectors={**off, **{name: {} for name in kind.collectors}}, expectations=EXPECTATIONS)


async def names(world: World) -> set[str]:
    return {problem for _, _, problem in await problems(world)}


@pytest.mark.parametrize("case", TESTED)
async def test_an_unreadable_value_ends_no_problem(case: Case, tmp_path: Path) -> None:
    world = await world_of(case.kind, case.wrong, tmp_path)
    assert await names(world) >= set(case.problems)

    world.api.routes[case.kind.path] = case.kind.answer(case.unreadable)
    for _ in range(3):
        world.clock.advance(1000)
        await world.refresh()
        assert await names(world) >= set(case.problems)
    world.api.routes[case.kind.path] = case.kind.answer(case.fine)
    world.clock.advance(60)
    assert await world.refresh()
    assert not set(case.problems) & await names(world)
    await world.accounts.stop()


@pytest.mark.parametrize("case", TESTED)
async def test_an_unreadable_value_begins_no_problem_and_is_not_fine(case: Case, tmp_path: Path) -> None:
    world = await world_of(case.kind, case.unreadable, tmp_path)
    expected = {problem: {"wrong": 0, "fine": 0, "unknown": 1} for problem in case.problems}
    assert {problem: await counts(world, problem) for problem in case.problems} == expected

    world.clock.advance(1000)
    assert await world.refresh()
    assert {problem: await counts(world, problem) for problem in case.problems} == expected
    await world.restart(config(account_of(case.kind)))
    assert {problem: await counts(world, problem) for problem in case.problems} == expected
    await world.accounts.stop()


@pytest.mark.parametrize("tenants", ["x", [{"id": None}], [{"id": "t"}, {"name": "y"}]], ids=str)
async def test_problems_of_a_customer_whose_tenants_are_unreadable_are_unknown(tenants: Any, tmp_path: Path) -> None:
    off = {"customers": OFF, "protected_data": OFF}
    collectors = {name: {"enabled": True} for name in ("users", "app_consent", "ransomware")}
    found = {"users_unprotected", "consent_missing", "ransomware_suspected"}
    wrong: dict[Kind, Any] = {USERS: UNPROTECTED, CONSENTS: [{"isConsent": False}], RANSOMWARE: {"teams": 4}}
    routes = {kind.path: kind.answer(answer) for kind, answer in wrong.items()}
    odd = {BATCH_PATH: v3([customer("c", tenants=tenants)])}
    world = World(FakeApi({**routes, BATCH_PATH: v3([customer("c", tenants=[{"id": "t", "name": "x"}])])}))
    await world.apply(partner(collectors={**off, **collectors}, expectations=EXPECTATIONS))
    assert await world.refresh()
    assert await names(world) >= found

    world.api.routes |= odd
    for _ in range(3):
        world.clock.advance(DAY)
        assert not await world.refresh()
        assert await names(world) >= found
    assert world.value("avepoint_customer_up", account="msp", customer_id="c", collector="users") == 0
    await world.accounts.stop()

    world = World(FakeApi({**routes, **odd}))
    await world.apply(partner(collectors={**off, **collectors, "customers": {}}, expectations=EXPECTATIONS))
    assert not await world.refresh()
    for problem in found:
        assert await counts(world, problem) == {"wrong": 0, "fine": 0, "unknown": 1}
    await world.accounts.stop()


async def test_a_readable_value_shows_a_problem_that_one_value_is_enough_for(tmp_path: Path) -> None:
    odd = activity(serviceType=ODD)
    world = await world_of(ACTIVITY, [odd, activity(serviceType=1)], tmp_path)
    world.clock.advance(1000)
    assert await world.refresh()
    assert await counts(world, "ransomware_suspected") == {"wrong": 1, "fine": 0, "unknown": 0}
    await world.accounts.stop()


async def test_an_unreadable_value_holds_no_problem_of_another_workload(tmp_path: Path) -> None:
    world = await world_of(OVERVIEW, [module(**SCANNED), module("Teams")], tmp_path)
    assert await names(world) == {"objects_unprotected"}
    world.clock.advance(60)
    world.api.routes[OVERVIEW.path] = v3([GOOD, module("Teams", **ODD_COUNTS)])
    assert await world.refresh()
    assert await names(world) == set()
    await world.accounts.stop()


async def test_an_unreadable_row_affects_only_customers_without_a_row(tmp_path: Path) -> None:
    rows = [{"customerId": ODD, "products": [product()]}, {"customerId": "b", "products": [ample()]}]
    world = World(FakeApi({BATCH_PATH: v3([customer("b"), customer("c")]), SERVICES.path: v3(rows)}))
    await world.apply(partner(collectors={"protected_data": OFF, "customers": {}, "subscriptions": {}}))
    assert await world.refresh()
    for problem in SUBSCRIBED:
        assert await counts(world, problem) == {"wrong": 0, "fine": 1, "unknown": 1}
    await world.accounts.stop()
