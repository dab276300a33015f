"""The world of a test: accounts, a fake clock, and a transport to a fake AvePoint or a simulator."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
import zlib
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from exporter.collectors.registry import COLLECTORS, catalogue, families, stored_families
from exporter.config.load import parse_config
from exporter.config.schema import Config
from exporter.engine.accounts import Accounts
from exporter.engine.refresh import refresh_all
from exporter.engine.shard import WHOLE, Shard
from exporter.engine.storage.sqlite import SqliteDatabase, open_directory
from exporter.engine.storage.state import StateStore
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.logs import logger

NOW = 1_795_000_000.0
DAY = 86_400.0
RETRIES = (30.0, 60.0, 120.0, 240.0, 449.0)
"""Seconds between a failed refresh and the next refreshes. The sum is one second less than 15 minutes."""
TOKEN = "the-token-of-"
SECRET = "a-secret-that-nobody-sees"

OFF = {"enabled": False}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class FakeClock:
    """A clock that changes only in `advance`, `step` and `sleep`. With `stands_still`, the wall time is constant."""

    def __init__(self, now: float = NOW, *, stands_still: bool = False) -> None:
        self.wall = now
        self.steady = 1000.0
        self.elapsed = 0.0
        self.slept: list[float] = []
        self._stands_still = stands_still

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run, then advance to the end of the sleep. Concurrent sleeps overlap."""
        self.slept.append(seconds)
        until = self.steady + seconds
        await asyncio.sleep(0)
        self.advance(max(0.0, until - self.steady))

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.steady += seconds
        if not self._stands_still:
            self.wall += seconds

    def step(self, seconds: float) -> None:
        """Change the wall time suddenly, like a corrected system clock."""
        self.wall += seconds


Route = Callable[[httpx.Request], httpx.Response | object]


class FakeApi:
    """A fake API with one route per path. The result of a route is JSON, a response, or an exception to raise."""

    def __init__(self, routes: Mapping[str, Route | object] | None = None) -> None:
        self.routes: dict[str, Any] = dict(routes or {})
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.handler: Callable[[httpx.Request], Awaitable[httpx.Response]] = self.answer

    def transport(self) -> httpx.MockTransport:
        async def handle(request: httpx.Request) -> httpx.Response:
            return await self.handler(request)

        return httpx.MockTransport(handle)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path == "/connect/token":
            return self._token(request)
        self.requests.append(request)
        route = self.routes.get(request.url.path)
        if route is None:
            return httpx.Response(404)
        answer = route(request) if callable(route) else route
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, content=json.dumps(answer))

    def _token(self, request: httpx.Request) -> httpx.Response:
        self.tokens += 1
        if "/connect/token" in self.routes:
            answer = self.routes["/connect/token"](request)
            assert isinstance(answer, httpx.Response)
            return answer
        return httpx.Response(200, json={"access_token": f"{TOKEN}{self.tokens}", "expires_in": 3600})

    def calls(self, part: str = "") -> int:
        return sum(part in request.url.path for request in self.requests)


def config(*accounts: Mapping[str, Any]) -> Config:
    """Return a configuration with accounts.

    Each argument contains the non-default keys of one account.
    """
    plain = {
        "base_url": "https://api.example.com",
        "token_url": "https://api.example.com/connect/token",
        "auth": {"client_id": "app", "client_secret": SECRET},
        "requests": {"per_second": 1000, "retries": 0, "concurrency": 4},
    }
    text = json.dumps({"accounts": [{**plain, **account} for account in accounts]})
    return parse_config(text, catalogue(), source="test", directory=Path())


def tenant(name: str = "contoso", *, collectors: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """Return a tenant account. Only these collectors are enabled."""
    chosen = dict.fromkeys(catalogue()["tenant"], OFF) | dict(collectors or {"jobs": {}})
    return {"name": name, "type": "tenant", "collectors": chosen, **keys}


def partner(name: str = "msp", *, collectors: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """Return a partner account. Only these optional collectors are enabled."""
    optional = {kind.name: OFF for kind in COLLECTORS if kind.account_type == "partner" and kind.optional}
    return {"name": name, "type": "partner", "collectors": optional | dict(collectors or {}), **keys}


def sqlite(folder: Path, clock: FakeClock | None = None) -> SqliteDatabase:
    """Open the database in a directory."""
    database = open_directory(folder, clock or FakeClock(), logger())
    assert database is not None
    return database


def storage(folder: Path, clock: FakeClock | None = None) -> StateStore:
    """Return the persistent state in a directory."""
    clock = clock or FakeClock()
    return StateStore(sqlite(folder, clock), stored_families(), clock, logger())


@dataclass
class World:
    """The accounts of an exporter. Requests go to a fake API, another transport or the network."""

    api: FakeApi = field(default_factory=FakeApi)
    clock: FakeClock = field(default_factory=FakeClock)
    folder: Path | None = None
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    uses_network: bool = False
    shard: Shard = WHOLE
    shared: Callable[[FakeClock], StateStore] | None = None

    def __post_init__(self) -> None:
        self.own = OwnMetrics(with_process=False)
        self.page = MetricsPage(families(), self.own)
        self.accounts = self.fresh()

    def fresh(self) -> Accounts:
        """Return new accounts, as a restarted process would create them."""
        self.storage = None if self.folder is None else storage(self.folder, self.clock)
        if self.shared is not None:
            self.storage = self.shared(self.clock)
        return Accounts(
            clock=self.clock,
            observe=self.own.observer,
            forget=self.own.forget,
            storage=self.storage,
            transport=None if self.uses_network else self.transport or self.api.transport,
            shard=self.shard,
        )

    async def restart(self, configuration: Config) -> None:
        await self.accounts.stop()
        self.clock.steady = 5.0  # simulates another machine with another monotonic clock
        self.accounts = self.fresh()
        await self.accounts.apply(configuration, start=False)

    async def apply(self, *accounts: Mapping[str, Any], start: bool = False) -> None:
        await self.accounts.apply(config(*accounts), start=start)

    async def refresh(self, collector: str = "") -> bool:
        chosen = [one for one in self.accounts.refreshers() if collector in one.collector.name]
        return await refresh_all(chosen)

    def text(self, request: PageRequest | None = None) -> str:
        request = request or PageRequest()
        views = self.accounts.snapshot.views(request.account)
        return b"".join(self.page.plain(views, request, monotonic=self.clock.monotonic())).decode()

    def samples(self, request: PageRequest | None = None) -> Samples:
        return parsed(self.text(request))

    def of_avepoint(self) -> Samples:
        names = {family.name for family in families()}
        return {key: value for key, value in self.samples().items() if key[0] in names}

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples().get((name, frozenset(labels.items())))

    def labels(self, name: str, label: str) -> set[str]:
        return {dict(labels).get(label, "") for found, labels in self.samples() if found == name}


def stored_text(folder: Path) -> str:
    """Return all text in the database of an exporter, with decompressed samples and histories."""
    with tempfile.TemporaryDirectory() as copy:  # a running exporter locks its database, so this function reads a copy
        for file in folder.iterdir():
            shutil.copy(file, copy)
        with closing(sqlite3.connect(Path(copy) / "state.sqlite")) as database:
            rows = database.execute("SELECT labels, samples, state FROM customer").fetchall()
    assert rows
    return "\n".join(f"{labels} {unpacked_samples(samples)} {unpacked_state(state)}" for labels, samples, state in rows)


def unpacked_samples(samples: bytes | None) -> str:
    return "" if samples is None else zlib.decompress(samples).decode()


def unpacked_state(state: str | None) -> str:
    value = json.loads(state or "null")
    return zlib.decompress(b64decode(value)).decode() if isinstance(value, str) else json.dumps(value)


def parsed(text: str) -> Samples:
    """Return the samples on a page, and check that no series occurs twice.

    prometheus_client is slow, and most series occur on many pages. Therefore, each series is parsed only once.
    """
    samples: Samples = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            key = _series(series)
            assert key not in samples, key
            samples[key] = float(value)
    return samples


@lru_cache(200_000)
def _series(text: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return the name and the labels of a series in the exposition format."""
    (family,) = text_string_to_metric_families(f"{text} 0\n")
    (sample,) = family.samples
    return sample.name, frozenset(sample.labels.items())


def expected_samples(rows: Iterable[tuple[str, float, Mapping[str, str]]]) -> Iterator[tuple[Any, float]]:
    for name, value, labels in rows:
        yield (f"avepoint_{name}", frozenset((key, text) for key, text in labels.items() if text)), value


def overview_path(customer: str) -> str:
    return f"/partner/external/v3/general/customers/{customer}/cloud-backup-m365/overview"


def canned(name: str) -> Any:
    """Return a fixed response."""
    return json.loads((Path(__file__).parent / "payloads" / f"{name}.json").read_text(encoding="utf-8"))


ACTIVITY_PATH = "/backup/m365/cloudbackupunusualactivitydata"
FREQUENCY_PATH = "/backup/m365/settings/backup/frequency"
RETENTION_PATH = "/backup/m365/settings/retention-policy"
GOOGLE_JOBS_PATH = "/backup/google/admin/jobs"
SALESFORCE_JOBS_PATH = "/backup/sfbapi/jobs"
SETTINGS = {"unusual_activity": ACTIVITY_PATH, "backup_frequency": FREQUENCY_PATH, "retention": RETENTION_PATH}
"""The paths of the tenant collectors that require the modern API version, by collector name."""


def settings_routes() -> dict[str, Any]:
    """Return the routes of a tenant's settings."""
    return {path: canned(f"{name}-modern") for name, path in SETTINGS.items()}


def customer_jobs_path(customer: str) -> str:
    return f"/partner/external/v3/general/customers/{customer}/avpt-products/jobs/batch"


def tenant_path(customer: str, tenant_id: str, rest: str, family: str = "general") -> str:
    return f"/partner/external/v3/{family}/customers/{customer}/tenants/{tenant_id}/{rest}"


USERS_PATH = "cloud-backup-m365/users/batch"
CONSENT_PATH = "product/Office365Backup/apps"
RANSOMWARE_PATH = "overview/data-protection/ransomware-detection"


def scan_profiles_path(customer: str) -> str:
    return f"/partner/external/v3/general/customers/{customer}/scan-profiles/batch"


def seats_path(customer: str) -> str:
    return f"/partner/external/v3/general/customers/{customer}/3rd-party-products/type/0/tenants/batch"


BATCH_PATH = "/partner/external/v3/general/customers/batch"


def module(name: str = "Exchange Online", **values: Any) -> dict[str, Any]:
    return {
        "customerId": "masked",
        "customer": "owner@example.com",
        "serviceType": "Cloud Backup for Microsoft 365",
        "serviceModule": name,
        "totalScannedObjects": 10,
        "totalProtectedObjects": 9,
        "dataSizeStoredInAvePoint": "1 GB",
        "dataSizeStoredInBYOS": "N/A",
        **values,
    }


def v3(rows: list[Any], total: int | None = None) -> dict[str, Any]:
    size = len(rows) if total is None else total
    return {"data": rows, "metadata": {"pageIndex": 1, "pageSize": 100, "totalCount": size}}


def customer(identifier: str, **values: Any) -> dict[str, Any]:
    plain = {"organization": f"Org {identifier}", "ownerEmail": "owner@example.com", "jobStatus": 1}
    return {"id": identifier, **plain, "countryOrRegion": "Iceland", **values}


def portfolio(ids: Iterable[str]) -> dict[str, Any]:
    """Return the routes of a partner with these customers. Each customer has one module."""
    names = list(ids)

    def batch(request: httpx.Request) -> object:
        number = int(request.url.params["pageIndex"])
        return v3([customer(name) for name in names[(number - 1) * 100 : number * 100]], len(names))

    return {BATCH_PATH: batch, **{overview_path(name): v3([module()]) for name in names}}
