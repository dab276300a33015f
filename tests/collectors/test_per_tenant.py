"""Collectors that send one request per Microsoft 365 tenant of a customer."""

import sys
from collections import Counter
from typing import Any

import httpx
import pytest

from exporter.avepoint.endpoints import EndpointPair
from exporter.collectors.registry import COLLECTORS
from tests.helpers import (
    BATCH_PATH,
    CONSENT_PATH,
    DAY,
    OFF,
    RANSOMWARE_PATH,
    USERS_PATH,
    FakeApi,
    World,
    canned,
    customer,
    customer_jobs_path,
    module,
    overview_path,
    partner,
    scan_profiles_path,
    seats_path,
    tenant_path,
    v3,
)

ELEMENTS = "/partner/external/v3/general"
IDS = {"customerId": "a", "tenantId": "t-a"}
ELEMENTS_ENDPOINTS = {
    value.modern
    for module_name, known in tuple(sys.modules.items())
    if module_name.startswith("exporter.")
    for value in vars(known).values()
    if isinstance(value, EndpointPair) and value.modern.is_elements
}
"""The Elements endpoint of every pair in the modules of the exporter."""
CONSENT = [{"isConsent": True}]
FORBIDDEN = httpx.Response(403)


def listed(*names: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a customer list. Customers in `names` have one tenant each, and customers in `without` have none."""
    rows = [customer(name, tenants=[{"id": f"t-{name}", "name": "x"}]) for name in names]
    return v3(rows + [customer(name, tenants=[]) for name in without])


def consents(**answers: Any) -> dict[str, Any]:
    return {tenant_path(name, f"t-{name}", CONSENT_PATH): answer for name, answer in answers.items()}


async def world_of(routes: dict[str, Any], *collectors: str, options: dict[str, Any] | None = None) -> World:
    world = World(FakeApi(routes))
    chosen = {name: options or {} for name in collectors}
    await world.apply(partner(collectors={"customers": OFF, "protected_data": OFF, **chosen}))
    return world


def entry(world: World) -> Any:
    (refresher,) = world.accounts.refreshers()
    return refresher.entry


async def test_a_missing_permission_turns_the_collector_off_whatever_customers_lack_tenants() -> None:
    routes = {BATCH_PATH: listed("a", "b", without=("c", "d")), **consents(a=FORBIDDEN, b=FORBIDDEN)}
    world = await world_of(routes, "app_consent")
    assert await world.refresh()
    assert entry(world).status.off
    assert entry(world).customer_up == {}
    world.api.routes |= consents(a=CONSENT, b=CONSENT)
    assert await world.refresh()
    assert entry(world).status.up
    assert await world.refresh()
    assert entry(world).customer_up == dict.fromkeys("abcd", True)
    assert len(world.of_avepoint()) == 2
    await world.accounts.stop()


async def test_a_customer_without_license_is_no_error_and_is_unknown() -> None:
    routes = {BATCH_PATH: listed("a", "b", "c"), **consents(a=FORBIDDEN, b=CONSENT, c=httpx.Response(404))}
    world = await world_of(routes, "app_consent")
    for _ in range(2):
        assert await world.refresh()
        assert entry(world).customer_up == {"b": True}
    world.api.routes |= consents(b=FORBIDDEN)
    await world.refresh()
    assert entry(world).customer_up == {"b": False}, "it had a license, so the refusal is an error"
    assert world.value("avepoint_app_consent", account="msp", customer_id="b", tenant_id="t-b") == 1
    await world.accounts.stop()


async def test_a_tenant_without_license_does_not_hide_the_others() -> None:
    tenants = [{"id": "t-1", "name": "x"}, {"id": "t-2", "name": "y"}]
    routes: dict[str, Any] = {
        BATCH_PATH: v3([customer("a", tenants=tenants)]),
        tenant_path("a", "t-1", CONSENT_PATH): FORBIDDEN,
        tenant_path("a", "t-2", CONSENT_PATH): CONSENT,
    }
    world = await world_of(routes, "app_consent")
    assert await world.refresh()
    assert world.labels("avepoint_app_consent", "tenant_id") == {"t-2"}
    world.api.routes[tenant_path("a", "t-2", CONSENT_PATH)] = FORBIDDEN
    world.api.routes[tenant_path("a", "t-1", CONSENT_PATH)] = CONSENT
    assert not await world.refresh(), "it was read before, so the refusal is an error"
    await world.accounts.stop()


async def test_tenants_that_no_list_contains_are_an_error() -> None:
    world = World(FakeApi({BATCH_PATH: httpx.Response(500)}))
    chosen = {"customers": OFF, "protected_data": OFF, "app_consent": {"enabled": True}}
    await world.apply(partner(collectors=chosen, customers={"include": ["a"]}))
    assert not await world.refresh()
    assert "tenants of the customer are unknown" in entry(world).customer_failures["a"].message
    await world.accounts.stop()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([{"isConsent": True}, {"isConsent": False}], 0.0),
        ([{"isConsent": "true"}, {"isConsent": None}], None),
        ([{"isConsent": None}, {"isConsent": False}], 0.0),
        ([], None),
        (httpx.Response(204), None),
        ({"data": [{"isConsent": True}]}, 1.0),
    ],
)
async def test_consent(answer: Any, expected: float | None) -> None:
    world = await world_of({BATCH_PATH: listed("a"), **consents(a=answer)}, "app_consent")
    assert await world.refresh()
    assert world.value("avepoint_app_consent", account="msp", customer_id="a", tenant_id="t-a") == expected
    await world.accounts.stop()


def person(number: int, *modules: tuple[Any, Any], **values: Any) -> dict[str, Any]:
    status = [{"module": code, "isProtected": is_protected} for code, is_protected in modules]
    name = {"id": f"u-{number}", "email": f"secret-{number}@example.com", "displayName": f"Secret {number}"}
    return {**name, "moduleStatus": status, **values}


async def users(rows: Any) -> World:
    routes = {BATCH_PATH: listed("a"), tenant_path("a", "t-a", USERS_PATH): rows}
    return await world_of(routes, "users", options={"enabled": True})


def numbers(world: World) -> dict[tuple[str, str], float]:
    return {
        (dict(labels)["workload"], dict(labels)["state"]): value
        for (name, labels), value in world.of_avepoint().items()
        if name == "avepoint_users"
    }


USER_CASES: tuple[tuple[list[Any], dict[tuple[str, str], float]], ...] = (
    ([], {}),
    ([person(1), person(2)], {}),
    ([person(1, (0, True)), person(2, (0, False))],
     {("Exchange Online", "protected"): 1, ("Exchange Online", "unprotected"): 1}),
    ([person(1, (0, True), (2, None)), person(2, (0, True), (2, False))],
     {("Exchange Online", "protected"): 2, ("Exchange Online", "unprotected"): 0}),
    ([person(1, (0, True)), person(2, moduleStatus=None)], {}),
    ([person(1, (0, True)), person(2, moduleStatus="secret@example.com")], {}),
    ([person(1, (0, True), (0, False))], {}),
    ([person(1, (0, True)), person(2, (None, True))], {}),
    ([person(1, (0, True), id=None), person(1, (0, True), id=None)],
     {("Exchange Online", "protected"): 2, ("Exchange Online", "unprotected"): 0}),
)  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), USER_CASES)
async def test_users_are_counted_by_workload(rows: list[Any], expected: dict[tuple[str, str], float]) -> None:
    world = await users(v3(rows))
    assert await world.refresh()
    assert numbers(world) == expected
    await world.accounts.stop()


async def test_all_pages_are_counted_or_none() -> None:
    rows = [person(number, (0, number % 5 > 0)) for number in range(250)]

    def page(request: httpx.Request) -> object:
        number = int(request.url.params["pageIndex"])
        return v3(rows[(number - 1) * 100 : number * 100], 250)

    world = await users(page)
    assert await world.refresh()
    assert numbers(world) == {("Exchange Online", "protected"): 200, ("Exchange Online", "unprotected"): 50}
    world.api.routes[tenant_path("a", "t-a", USERS_PATH)] = v3(rows[:100], 250)
    assert not await world.refresh()
    assert numbers(world) == {("Exchange Online", "protected"): 200, ("Exchange Online", "unprotected"): 50}
    await world.accounts.stop()


async def test_a_user_on_two_pages_counts_once_and_never_with_two_states() -> None:
    rows = [person(number, (0, True)) for number in range(100)]

    def pages(extra: dict[str, Any]) -> Any:
        return lambda request: v3(
            rows if request.url.params["pageIndex"] == "1" else [extra, person(100, (0, True))], 101
        )

    world = await users(pages(person(99, (0, True))))
    assert await world.refresh()
    assert numbers(world)["Exchange Online", "protected"] == 101
    world.api.routes[tenant_path("a", "t-a", USERS_PATH)] = pages(person(99, (0, False)))
    assert not await world.refresh()
    assert "contradict each other" in entry(world).customer_failures["a"].message
    await world.accounts.stop()


async def test_no_person_is_kept_logged_or_exposed(caplog: pytest.LogCaptureFixture) -> None:
    odd = person(3, (0, "maybe secret-3@example.com"), (7000, True))
    world = await users(v3([person(1, (0, True)), person(2, (0, False)), odd]))
    await world.refresh()
    seen = world.text() + caplog.text + repr(entry(world).view()) + repr(vars(world.accounts.refreshers()[0].collector))
    for private in ("secret", "Secret", "u-1", "u-2", "u-3"):
        assert private not in seen
    await world.accounts.stop()


async def test_signs_of_ransomware_of_a_part_of_the_workloads() -> None:
    answer = {"data": {"OneDrives": {"underPotentialRansomwareAttack": "3", "withUnusualActivities": None}}}
    routes = {BATCH_PATH: listed("a"), tenant_path("a", "t-a", RANSOMWARE_PATH, "wm"): answer}
    world = await world_of(routes, "ransomware")
    assert await world.refresh()
    labels = {"account": "msp", "customer_id": "a", "tenant_id": "t-a", "workload": "OneDrive"}
    assert world.of_avepoint() == {("avepoint_potential_ransomware_sites", frozenset(labels.items())): 3.0}
    errors = {dict(labels)["field"] for name, labels in world.samples() if name == "avepoint_parse_errors_total"}
    assert errors == {"WithUnusualActivities"}, "the field is null; workloads that are missing are not errors"
    await world.accounts.stop()


@pytest.mark.parametrize("tenants", ["N/A", None, [], [{"id": "", "name": ""}], [{"id": "N/A", "name": None}]])
async def test_a_customer_with_empty_tenants_has_no_tenant(tenants: Any) -> None:
    rows = [customer("a", tenants=[{"id": "t-a", "name": "x"}]), customer("b", tenants=tenants)]
    world = await world_of({BATCH_PATH: v3(rows), **consents(a=CONSENT)}, "app_consent")
    assert await world.refresh()
    assert entry(world).customer_up == {"a": True, "b": True}
    await world.accounts.stop()


@pytest.mark.parametrize("answer", [{}, {"data": []}, {"teamz": {}}])
async def test_a_response_without_workloads_is_an_error(answer: Any) -> None:
    routes = {BATCH_PATH: listed("a"), tenant_path("a", "t-a", RANSOMWARE_PATH, "wm"): answer}
    world = await world_of(routes, "ransomware")
    assert not await world.refresh()
    await world.accounts.stop()


@pytest.mark.parametrize("lists_customers", [True, False])
async def test_no_content_is_an_empty_success_of_every_endpoint_of_the_elements_api(*, lists_customers: bool) -> None:
    world = World()
    sent: set[str] = set()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/connect/token":
            return await world.api.answer(request)
        sent.add(request.url.path)
        if lists_customers and request.url.path == BATCH_PATH:
            return httpx.Response(200, json=listed("a"))
        return httpx.Response(204)

    world.api.handler = answer
    await world.apply(partner(collectors={kind.name: {} for kind in COLLECTORS if kind.account_type == "partner"}))
    for _ in range(2):
        assert await world.refresh()
        assert all(refresher.entry.status.up for refresher in world.accounts.refreshers())
        assert all(all(refresher.entry.customer_up.values()) for refresher in world.accounts.refreshers())
    names = {name for name, _ in world.of_avepoint()}
    assert names <= {"avepoint_customer_info", "avepoint_customer_status", "avepoint_customer_tenant_info"}
    if lists_customers:
        assert sent == {one.path(IDS) for one in ELEMENTS_ENDPOINTS}
    await world.accounts.stop()


async def test_a_refresh_of_all_collectors_sends_the_documented_requests_once() -> None:
    names = [f"c-{number}" for number in range(200)]
    pages = {str(number + 1): listed(*names[number * 100 : (number + 1) * 100]) for number in range(2)}

    def batch(request: httpx.Request) -> object:
        return {**pages[request.url.params["pageIndex"]], "metadata": {"totalCount": 200}}

    routes: dict[str, Any] = {BATCH_PATH: batch, f"{ELEMENTS}/customers/services/batch": v3([])}
    for name in names:
        tenant_id = f"t-{name}"
        routes |= {
            overview_path(name): v3([module()]),
            customer_jobs_path(name): v3([]),
            scan_profiles_path(name): v3([]),
            seats_path(name): v3([{"tenantId": tenant_id, "assignedUserSeat": 1}]),
            tenant_path(name, tenant_id, USERS_PATH): v3([person(1, (0, True))]),
            tenant_path(name, tenant_id, CONSENT_PATH): CONSENT,
            tenant_path(name, tenant_id, RANSOMWARE_PATH, "wm"): canned("ransomware-modern"),
        }
    world = World(FakeApi(routes))
    chosen: dict[str, Any] = {kind.name: {} for kind in COLLECTORS if kind.account_type == "partner"}
    await world.apply(partner(collectors=chosen))
    assert await world.refresh()
    sent = Counter((request.url.path, str(request.url.params)) for request in world.api.requests)
    assert max(sent.values()) == 1, "no request is sent twice"
    assert len(sent) == 2 + 1 + 7 * 200, "the list, the subscriptions, and one request per collector and customer"
    assert world.api.tokens == 6, "one token per permission"
    await world.accounts.stop()


def test_requests_per_day_of_a_large_portfolio() -> None:
    slow = {kind.name: kind.options_type().interval for kind in COLLECTORS if kind.account_type == "partner"}
    chosen = ("users", "scan_profiles", "app_consent", "ransomware", "microsoft_seats")
    assert sum(5000 * DAY / slow[name] for name in chosen) == 5000 * 14
