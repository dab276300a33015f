from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from avepoint_simulator import (
    CustomerRecord,
    JobRecord,
    LicenseRecord,
    ProtectedRow,
    Simulator,
    StaticPortfolio,
    Tenant,
    unix_ns,
)

NOON = 1_780_000_000.0
TENANT_SCOPES = "microsoft365backup.jobInfo.read.all microsoft365backup.subscriptionInfo.read.all"
PARTNER_SCOPES = (
    "partner.customers.read.all partner.cbprotected.read.all elements.customers.read.all elements.cbprotected.read.all "
    "partner.license.read.all elements.license.read.all "
    "partner.jobs.read.all elements.jobs.read.all"
)


class Clock:
    def __init__(self) -> None:
        self.seconds = NOON

    def __call__(self) -> float:
        return self.seconds


class Api:
    """A client of the simulator. By default, the client's token has all permissions."""

    def __init__(self, simulator: Simulator, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.client = client
        self.headers: dict[str, str] = {}

    async def token(self, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "simulator",
            "client_secret": "open-sesame",
            "scope": f"{TENANT_SCOPES} {PARTNER_SCOPES}",
        } | changes
        return await self.client.post("/connect/token", data=form)

    async def sign_in(self, **changes: str) -> None:
        body = (await self.token(**changes)).json()
        self.headers = {"Authorization": f"Bearer {body['access_token']}"}

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params or None, headers=self.headers)

    async def json(self, path: str, **params: Any) -> Any:
        response = await self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    async def batch(self, body: Any = None, **params: Any) -> httpx.Response:
        path = "/partner/external/v3/general/customers/batch"
        return await self.client.post(path, params=params, json=body or {}, headers=self.headers)


def make_job(number: int, **changes: Any) -> JobRecord:
    values: dict[str, Any] = {
        "id": f"job-{number}",
        "job_type": 1,
        "object_type": 1,
        "state": 2,
        "start_unix_ns": unix_ns(NOON - number * 60),
        "finish_unix_ns": unix_ns(NOON - number * 60 + 51.6606001),
        "total_objects": 2430,
        "successful_objects": 2428,
        "failed_objects": 1,
        "skipped_objects": 1,
    }
    return JobRecord(**(values | changes))


def make_row(customer_id: str, **changes: Any) -> ProtectedRow:
    values: dict[str, Any] = {
        "customer_id": customer_id,
        "owner_email": "owner@example.com",
        "service_type": "Cloud Backup for Microsoft 365",
        "service_module": "Exchange Online",
        "scanned_objects": 25,
        "protected_objects": 24,
        "avepoint_bytes": int(1044.5 * 1024**3),
    }
    return ProtectedRow(**(values | changes))


def make_customer(number: int, **changes: Any) -> CustomerRecord:
    values: dict[str, Any] = {
        "id": f"customer-{number}",
        "organization": f"Organisation {number}",
        "owner_email": f"owner{number}@example.com",
        "country": "Denmark",
        "job_status": 5,
        "tenants": (Tenant(id=f"tenant-{number}", name="t.example.com"),),
    }
    return CustomerRecord(**(values | changes))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def static() -> StaticPortfolio:
    modules = ("Exchange Online", "Microsoft 365 Group", "Power BI")
    return StaticPortfolio(
        customer_list=tuple(make_customer(number) for number in range(5)),
        rows=tuple(make_row("customer-0", service_module=module) for module in modules),
        job_list=tuple(make_job(number) for number in range(25)),
        license_record=LicenseRecord(
            purchased_user_seats=100, assigned_user_seats=90, purchased_storage_gb=1024, protected_gb=77
        ),
    )


@pytest.fixture
def simulator(static: StaticPortfolio, clock: Clock) -> Simulator:
    return Simulator(static, now=clock)


@pytest.fixture
async def api(simulator: Simulator) -> AsyncIterator[Api]:
    transport = httpx.ASGITransport(app=simulator.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim.example.com") as client:
        api = Api(simulator, client)
        await api.sign_in()
        yield api
