"""Serve a simulated AvePoint with any number of customers: `python -m benchmarks.portfolio --customers 5000`."""

import argparse
import asyncio
import itertools
import signal
import uuid
from collections.abc import Sequence
from random import randrange
from urllib.parse import parse_qs, urlsplit

import httpx

from avepoint_simulator import CustomerRecord, ProtectedRow, Simulator, StaticPortfolio
from avepoint_simulator.tokens import AppCredentials
from benchmarks.fastserver import Asked, serve

WORKLOADS = (
    "Exchange Online", "SharePoint Online", "OneDrive", "Microsoft 365 Groups", "Project Online", "Public Folder",
    "Teams", "Viva Engage", "Teams Chat", "Power BI", "Power Automate", "Power Apps",
)  # fmt: skip
SERVICE = "Cloud Backup for Microsoft 365"
_LIST = "/partner/external/v3/general/customers/batch"
_OVERVIEW = "/partner/external/v3/general/customers/{}/cloud-backup-m365/overview"
_TOKEN = "/connect/token"  # noqa: S105 - a path
_SCOPE = "elements.customers.read.all elements.cbprotected.read.all"
_PAGE_SIZE = 100
_OVERVIEWS = 499  # must not divide the number of customers; otherwise, all refreshes would return the same values
_ANY_CUSTOMER = b"0" * 36  # placeholder with the length of a real id


class Uniform(StaticPortfolio):
    """Customers with twelve workloads each. Every response contains random values."""

    def protected_rows(self, customer_id: str, _now: float, /) -> Sequence[ProtectedRow]:
        return [
            ProtectedRow(
                customer_id=customer_id, owner_email="owner@example.com",
                service_type=SERVICE, service_module=workload,
                scanned_objects=randrange(10**5), protected_objects=randrange(10**5),
                avepoint_bytes=randrange(10**13), byos_bytes=randrange(10**12),
            )
            for workload in WORKLOADS
        ]  # fmt: skip


class Answers:
    """Returns stored response bodies: a token, the pages of the customer list, and each overview in turn."""

    def __init__(self, token: bytes, pages: Sequence[bytes], overviews: Sequence[bytes]) -> None:
        self._token = token
        self._pages = pages
        self._overviews = itertools.cycle(overviews)

    def __call__(self, path: str) -> bytes | None:
        if path.partition("?")[0].endswith(_OVERVIEW.rpartition("{}")[2]):
            customer_id = path.partition("/customers/")[2].partition("/")[0]
            return next(self._overviews).replace(_ANY_CUSTOMER, customer_id.encode())
        if path.startswith(_LIST):
            query = {name.lower(): values[-1] for name, values in parse_qs(urlsplit(path).query).items()}
            return self._pages[int(query.get("pageindex", 1)) - 1]
        return self._token if path == _TOKEN else None


async def _answers(customers: int) -> Answers:
    everybody = tuple(map(_customer, range(customers)))
    application, simulator = AppCredentials(), Simulator(Uniform(customer_list=everybody))
    form = {"grant_type": "client_credentials", "scope": _SCOPE, "client_id": application.client_id,
            "client_secret": application.client_secret}  # fmt: skip
    transport = httpx.ASGITransport(app=simulator.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        token = (await client.post(_TOKEN, data=form)).raise_for_status()
        client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        pages = [
            (await client.post(_LIST, params={"PageIndex": index, "PageSize": _PAGE_SIZE}, json={})).raise_for_status()
            for index in range(1, -(-customers // _PAGE_SIZE) + 1)
        ]
        overviews = [
            (await client.get(_OVERVIEW.format(one.id)))
            .raise_for_status()
            .content.replace(one.id.encode(), _ANY_CUSTOMER)
            for one in everybody[: max(1, min(_OVERVIEWS, customers - 1))]
        ]
    return Answers(token.content, [page.content for page in pages], overviews)


def _customer(number: int) -> CustomerRecord:
    return CustomerRecord(id=str(uuid.uuid4()), organization=f"Organization {number}", owner_email="owner@example.com",
                    country="Iceland")  # fmt: skip


async def _serve(customers: int, latency: float) -> None:
    asked, stop = Asked(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(await serve(await _answers(customers), asked, latency), flush=True)
    await stop.wait()
    tokens = asked.count[_TOKEN]
    print(asked.count.total() - tokens, tokens, asked.most, flush=True)


def main() -> None:
    """Print the URL and serve until SIGTERM. Then print counters of the requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--latency", type=float, default=0.15, help="latency of each response in seconds")
    options = parser.parse_args()
    asyncio.run(_serve(options.customers, options.latency))


if __name__ == "__main__":
    main()
