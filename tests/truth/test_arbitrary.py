"""For any JSON response, every collector returns valid records or raises an AvePointError."""

import asyncio
import json
import math
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.collectors.base import AccountCollector, CustomerCollector, Sample
from exporter.collectors.per_tenant import PerTenantCollector
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.load import parse_config
from exporter.engine.accounts import Accounts
from exporter.engine.samples import line
from exporter.errors import AvePointError
from exporter.exposition.exporter_metrics import OwnMetrics
from tests.helpers import FakeClock

_CONFIG = """
accounts:
  - name: any
    type: {kind}
    api: {api}
    base_url: http://127.0.0.1:1
    auth: {{client_id: a, client_secret: b}}
    requests: {{per_second: 1000, retries: 0}}
"""
_KEYS = (
    "data", "value", "Jobs", "jobs", "metadata", "TotalCount", "totalCount", "NextLink", "nextLink", "@odata.nextLink",
    "statusCode", "errors", "Id", "id", "State", "state", "StartTime", "startTime", "FinishTime", "Duration",
    "BackupDetails", "backupDetails", "SuccessfulCount", "failedNumber", "serviceType", "serviceModule",
    "totalScannedObjects", "totalProtectedObjects", "dataSizeStoredInAvePoint", "dataSizeStoredInBYOS",
    "organization", "ownerEmail", "jobStatus", "countryOrRegion", "OutOfPolicyTime", "PurchasedUserSeats",
    "AssignedUserSeats", "PurchasedStorageSize", "ProtectedSize", "customerId", "products", "Products", "service",
    "package", "paymentType", "purchasedUserSeats", "purchasedCapacity", "consumedStorage", "expirationDate",
    "tenantId", "tenantOwner", "unusualActivitiesCount",
    "potentialRansomwareAttackCount", "frequency", "backupStartTime", "retentionPeriod", "servicePolicies",
    "containerPolicies", "unassignedObjectRetentionPeriod", "enableCustomizedRetentionPolicy",
    "jobType", "jobModule", "status", "jobId", "endTime", "failedCount", "jobDuration",
    "profileId", "profileName", "lastScanStatus", "lastUpdateTime", "newRegisteredContentCount", "isConsent",
    "moduleStatus", "module", "isProtected", "assignedUserSeat", "availableUserSeat", "teams", "oneDrives",
    "UnderPotentialRansomwareAttack", "WithUnusualActivities", "WithSuspiciousObjects",
)  # fmt: skip
_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["N/A", "0 GB", "1.5 TB", "Finished", "In Progress", "Teams", "Microsoft 365", "me@example.com",
                       "17m39s", "0/1 GB", "12/29/2026", "2 years", "Unlimited",
                       "2024-12-02T07:52:25Z", "638645575921780695", "/x?PageIndex=1", "https://evil.example/x?a=b"])
    | st.sampled_from([638645575921780695, 0, 2, 7, 308, -1, 200, 500, 10**30])
)  # fmt: skip
_JSON = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner),
    max_leaves=25,
)
_ROW = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=12)
_PARTS = st.lists(_ROW, max_size=4)
_ROWS = st.lists(_ROW | st.builds(dict, _ROW, products=_PARTS) | st.builds(dict, _ROW, moduleStatus=_PARTS), max_size=4)
# A body is arbitrary JSON, an object in an envelope, rows in an envelope, or only rows. The rows are almost valid.
_BODIES = (
    _JSON
    | st.fixed_dictionaries({"data": st.dictionaries(st.sampled_from(_KEYS), _JSON | _ROWS, max_size=8)})
    | st.sampled_from(["data", "value", "Jobs"]).flatmap(lambda key: st.fixed_dictionaries({key: _ROWS}))
    | _ROWS
)


class Inside:
    """A collector that receives the same body in every response."""

    def __init__(self, kind: str, api: str, name: str) -> None:
        self.body: object = None
        config = parse_config(_CONFIG.format(kind=kind, api=api), catalogue(), source="test", directory=Path())
        own = OwnMetrics()
        self.accounts = Accounts(
            clock=FakeClock(),
            observe=own.observer,
            forget=own.forget,
            transport=lambda: httpx.MockTransport(self._answer),
        )
        asyncio.run(self.accounts.apply(config, start=False))
        self.collector = next(one.collector for one in self.accounts.refreshers() if one.collector.name == name)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/connect/token"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return httpx.Response(200, content=json.dumps(self.body).encode())

    async def samples(self) -> list[Sample]:
        collector: Any = self.collector
        if isinstance(collector, PerTenantCollector):  # `read` requires a customer list
            records = {"tenant": await collector.read_tenant("customer", "tenant")}
            return list(collector.samples(records, "customer"))
        if isinstance(collector, CustomerCollector):
            return list(collector.samples(await collector.read("customer"), "customer"))
        assert isinstance(collector, AccountCollector)
        return list(collector.samples(await collector.read(), ""))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "api"),
    [(one.account_type, one.name, api) for one in COLLECTORS for api in one.endpoints.versions],
)
def test_a_read_gives_samples_or_a_typed_error(kind: str, name: str, api: str, soak: bool) -> None:
    inside, runner = Inside(kind, api, name), asyncio.Runner()

    @given(_BODIES)
    @settings(max_examples=1000 if soak else 150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def holds(body: object) -> None:
        inside.body = body
        try:
            samples = runner.run(inside.samples())
        except AvePointError:
            return
        for sample in samples:
            assert sample.value >= 0
            assert math.isfinite(sample.value) or "_retention_" in sample.family.name
            text = line(sample, "any")
            assert re.search(r"[^\s@\"]@[^\s@\"]", text) is None, "an e-mail address"
            assert text.count("\n") == 1
            text.encode()

    with runner:
        holds()
