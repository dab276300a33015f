from __future__ import annotations

import json
import math
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from avepoint_simulator import FAULTS, FaultOptions, Faults, Simulator, StaticPortfolio, Switches
from avepoint_simulator.faults import REGISTRY
from avepoint_simulator.requests import EndpointHandler, Reply, SimulatedRequest

LEGACY = "/cloudbackup/jobs"
MODERN = "/backup/m365/cloudbackupjobs"
CUSTOMERS = "/partner/customers"
PROTECTED = "/partner/customers/customer-0/protected"
OVERVIEW = "/partner/external/v3/general/customers/customer-0/cloud-backup-m365/overview"
LICENSE = "/cloudbackup/licenseconsumption"


@pytest.fixture
def always(simulator: Simulator) -> Any:
    def set_fault(name: str, **options: Any) -> None:
        simulator.faults = Faults(always={"*": name}, options=FaultOptions(**options))

    return set_fault


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("too_many_requests_bare", 429),
        ("unavailable", 503),
        ("server_error", 500),
        ("bad_request", 400),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("not_found", 404),
    ],
)
async def test_statuses(api: Any, always: Any, name: str, status: int) -> None:
    always(name)
    response = await api.get(MODERN)
    assert (response.status_code, response.json()["statusCode"]) == (status, status)
    assert "retry-after" not in response.headers


async def test_retry_after_in_seconds_and_as_a_date(api: Any, always: Any, clock: Any) -> None:
    always("too_many_requests", retry_after_seconds=7)
    assert (await api.get(LEGACY)).headers["retry-after"] == "7"
    always("too_many_requests_date", retry_after_seconds=7)
    date = parsedate_to_datetime((await api.get(LEGACY)).headers["retry-after"])
    assert date.timestamp() == clock.seconds + 7


async def test_redirect_leads_to_the_other_host(api: Any, always: Any, simulator: Simulator) -> None:
    always("redirect")
    response = await api.get(LEGACY)
    assert (response.status_code, response.headers["location"]) == (302, f"{simulator.switches.other_host}{LEGACY}")


async def test_timeout_sleeps(api: Any, always: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("avepoint_simulator.application.asyncio.sleep", sleep)
    always("timeout", timeout_seconds=99)
    assert (await api.get(LEGACY)).status_code == 200
    assert slept == [99]


async def test_cut_raises_through_the_application(api: Any, always: Any) -> None:
    always("cut")
    with pytest.raises(ConnectionResetError):
        await api.get(LEGACY)


async def test_truncated_json(api: Any, always: Any) -> None:
    always("truncated_json")
    response = await api.get(LEGACY)
    assert response.status_code == 200
    with pytest.raises(ValueError, match="line 1"):
        response.json()


async def test_truncated_bytes(simulator: Simulator) -> None:
    call = SimulatedRequest(endpoint=None, portfolio=simulator.portfolio, switches=Switches(), now=0)  # type: ignore[arg-type]
    assert REGISTRY["truncated_json"](call, Reply(body=b"1234")).body == b"12"


async def test_html(api: Any, always: Any) -> None:
    always("html")
    response = await api.get(LEGACY)
    assert (response.status_code, response.text[:15]) == (200, "<!DOCTYPE html>")
    assert response.headers["content-type"].startswith("text/html")


async def test_gzip_bomb(api: Any, always: Any) -> None:
    always("gzip_bomb", bomb_bytes=3_000_000)
    response = await api.get(LEGACY)
    assert int(response.headers["content-length"]) < 10_000
    assert len(response.content) > 3_000_000
    assert response.json()["Jobs"] == []


async def test_envelope_faults_come_with_200(api: Any, always: Any) -> None:
    always("envelope_status")
    assert (await api.json(MODERN))["statusCode"] == 500
    always("envelope_errors")
    body = await api.json(MODERN)
    assert (body["statusCode"], len(body["errors"]), len(body["data"])) == (200, 1, 10)
    assert body["metadata"]["totalCount"] == 25
    assert (await api.json(LEGACY))["data"]["TotalCount"] == 25
    api.simulator.switches = Switches(overview_shape="bare")
    assert len((await api.json(OVERVIEW))["data"]) == 3


async def test_nulls(api: Any, always: Any) -> None:
    always("nulls")
    row = (await api.json(MODERN))["data"][0]
    assert row.pop("id") == "job-0"
    assert set(row.values()) == {None}


async def test_missing_keys(api: Any, always: Any) -> None:
    always("missing_keys")
    assert set((await api.json(CUSTOMERS))["value"][0]) == {"organization", "jobStatus"}


async def test_wrong_types(api: Any, always: Any) -> None:
    always("wrong_types")
    row = (await api.json(LEGACY))["Jobs"][0]
    assert (row["Id"], row["StartTime"], row["BackupDetails"]) == (7, ["many"], "some")


@pytest.mark.parametrize(
    ("name", "number"), [("huge_numbers", 10**30), ("negative", -26), ("nan", None)]
)  # fmt: skip
async def test_numbers(api: Any, always: Any, name: str, number: int | None) -> None:
    always(name)
    scanned = (await api.json(PROTECTED))["value"][0]["totalScannedObjects"]
    assert scanned == number or (number is None and math.isnan(scanned))
    license_number = (await api.json(LICENSE))["PurchasedUserSeats"]
    assert license_number != 100
    details = (await api.json(MODERN))["data"][0]["backupDetails"]
    assert details["totalCount"] != 2430


async def test_long_text(api: Any, always: Any) -> None:
    always("long_text", text_bytes=2_000_000)
    rows = (await api.json(CUSTOMERS))["value"]
    assert (len(rows[0]["organization"]), rows[1]["organization"]) == (2_000_000, "Organisation 1")


async def test_odd_text(api: Any, always: Any) -> None:
    always("odd_text")
    name = (await api.json(CUSTOMERS))["value"][0]["organization"]
    assert {'"', "\\", "\n", "\x00"} <= set(name)


async def test_duplicate_and_conflicting_rows(api: Any, always: Any) -> None:
    always("duplicate_row")
    rows = (await api.json(OVERVIEW))["data"]
    assert rows[0] == rows[3]
    always("conflicting_row")
    rows = (await api.json(OVERVIEW))["data"]
    assert rows[3] == rows[0] | {"totalScannedObjects": 26, "totalProtectedObjects": 25}
    rows = (await api.json(CUSTOMERS))["value"]
    assert (rows[5]["id"], rows[5]["organization"]) == ("customer-0", "Organisation 0 (2)")


async def test_foreign_link(api: Any, always: Any, simulator: Simulator) -> None:
    always("foreign_link")
    bodies = [await api.json(path) for path in (LEGACY, MODERN, CUSTOMERS)]
    links = [bodies[0]["NextLink"], bodies[1]["metadata"]["nextLink"], bodies[2]["@odata.nextLink"]]
    assert all(link.startswith("https://elsewhere.invalid/") for link in links)
    simulator.switches = Switches(legacy_key_case="camel", overview_shape="bare")
    assert (await api.json(LEGACY))["nextLink"].startswith("https://elsewhere.invalid/")
    assert len(await api.json(OVERVIEW)) == 3


async def test_endless_lists_never_repeat_a_row(api: Any, always: Any) -> None:
    always("endless")
    ids: list[str] = []
    for index in (0, 7, 1_000_000):
        body = await api.json(LEGACY, PageIndex=index)
        assert body["NextLink"]
        ids += [job["Id"] for job in body["Jobs"]]
    assert len(ids) == len(set(ids)) == 30
    body = await api.json(CUSTOMERS, **{"$skip": 400})
    assert "@odata.nextLink" in body
    assert body["value"][0]["id"] == "customer-0-400-0"
    rows = (await api.json(OVERVIEW, pageIndex=9, pageSize=4))["data"]
    assert rows[0]["serviceModule"] == "Power BI-9-0"


async def test_endless_leaves_alone_what_is_no_list(api: Any, always: Any, static: StaticPortfolio) -> None:
    always("endless")
    assert (await api.json(LICENSE))["PurchasedUserSeats"] == 100
    assert (await api.get("/partner/customers/nobody/protected")).status_code == 404
    api.simulator.portfolio = replace(static, job_list=())
    assert (await api.json(LEGACY))["Jobs"] == []


async def test_endless_rows_without_a_name_stay(api: Any, simulator: Simulator) -> None:
    endpoint = EndpointHandler(
        name="x", method="GET", prefix="", path="/", permission="", api_version="legacy",
        handle=lambda _call: Reply(body=[{"count": 1}]),
    )  # fmt: skip
    call = SimulatedRequest(endpoint=endpoint, portfolio=simulator.portfolio, switches=Switches(), now=0)
    assert REGISTRY["endless"](call, Reply(body=[])).body == [{"count": 1}]


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in {"cut", "timeout"}])
async def test_every_fault_harms_every_endpoint_without_breaking_the_simulator(
    api: Any, always: Any, name: str
) -> None:
    always(name, text_bytes=100, bomb_bytes=1_000_000)
    for path in (LEGACY, MODERN, LICENSE, CUSTOMERS, PROTECTED, OVERVIEW, "/partner/customers/nobody/protected"):
        response = await api.get(path)
        assert response.status_code != 500 or name == "server_error"
    assert (await api.batch()).status_code != 500 or name == "server_error"
    api.simulator.faults.always = {"token": name}
    assert (await api.token()).status_code != 500 or name == "server_error"


async def test_scripted_faults_come_in_order_and_then_end(api: Any, simulator: Simulator) -> None:
    simulator.faults.script("jobs_legacy", "unavailable", None, "too_many_requests")
    simulator.faults.script("*", "forbidden")
    codes = [(await api.get(LEGACY)).status_code for _ in range(5)]
    assert codes == [503, 200, 429, 403, 200]
    assert [record.fault for record in simulator.requests[-5:]] == [
        "unavailable", None, "too_many_requests", "forbidden", None,
    ]  # fmt: skip


async def test_faults_of_the_token_endpoint_are_their_own(api: Any, simulator: Simulator) -> None:
    simulator.faults = Faults(always={"*": "unavailable"}, probability=1.0)
    assert (await api.token()).status_code == 200
    simulator.faults.script("token", "unavailable")
    assert (await api.token()).status_code == 503
    assert (await api.token()).status_code == 200
    simulator.faults = Faults(probability=1.0, kinds=["server_error"], endpoints=["token"])
    assert (await api.token()).status_code == 500
    assert (await api.get(LEGACY)).status_code == 200


def test_random_faults_follow_the_seed_and_the_probability() -> None:
    def drawn(seed: int) -> list[str | None]:
        faults = Faults(probability=0.25, seed=seed)
        return [faults.pick("jobs_legacy") for _ in range(2_000)]

    assert drawn(1) == drawn(1) != drawn(2)
    hits = [name for name in drawn(1) if name]
    assert 400 < len(hits) < 600
    assert set(hits) == set(FAULTS)
    assert Faults(probability=1.0, kinds=[]).pick("jobs_legacy") is None


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault: gremlins"):
        Faults(kinds=["gremlins"])
    with pytest.raises(ValueError, match="unknown fault"):
        Faults(always={"*": "gremlins"})
    with pytest.raises(ValueError, match="unknown fault"):
        Faults().script("*", "gremlins")


async def test_given_values_are_those_of_the_faulty_answer(static: StaticPortfolio, clock: Any) -> None:
    simulator = Simulator(static, now=clock, record_values=True)
    transport = httpx.ASGITransport(app=simulator.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim.example.com") as client:
        scope = "partner.cbprotected.read.all partner.customers.read.all microsoft365backup.jobInfo.read.all"
        form = {"grant_type": "client_credentials", "client_id": "simulator", "client_secret": "open-sesame"}
        token = (await client.post("/connect/token", data=form | {"scope": scope})).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        simulator.faults.script("protected_legacy", "negative", "html")
        for path in (PROTECTED, PROTECTED, CUSTOMERS, LEGACY):
            await client.get(path, headers=headers)
    given = simulator.returned_values
    assert given is not None
    assert ("customer-0", "totalScannedObjects", -26) in given
    assert ("customer-0", "totalScannedObjects", 25) not in given
    assert ("customer-3", "organization", "Organisation 3") in given
    assert ("", "Id", "job-0") in given
    assert token not in json.dumps([list(entry) for entry in given])
    simulator.reset_log()
    assert (simulator.returned_values, simulator.requests, simulator.granted) == (set(), (), ())
