"""Run checks against a fake API on a loopback address. These checks need no DNS lookup."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exporter.collectors.registry import COLLECTORS
from exporter.diagnose.examination import check_accounts
from exporter.diagnose.progress import Progress, RequestMonitor, SilentProgress
from exporter.diagnose.report import CollectorReport, Report, VersionReport
from exporter.engine.accounts import Accounts
from exporter.engine.shard import WHOLE, Shard
from exporter.errors import Failure
from tests.helpers import FakeApi, FakeClock, config, partner, tenant

HERE = {"base_url": "http://127.0.0.1:9", "token_url": "http://127.0.0.1:9/connect/token"}


def tenant_with(*names: str, **keys: Any) -> dict[str, Any]:
    """Return a tenant account with these collectors enabled."""
    return tenant(collectors=_only("tenant", names), **keys)


def partner_with(*names: str, **keys: Any) -> dict[str, Any]:
    """Return a partner account with these collectors enabled."""
    return partner(collectors=_only("partner", names), **keys)


def _only(kind: str, names: Sequence[str]) -> dict[str, Any]:
    every = [one.name for one in COLLECTORS if one.account_type == kind]
    return {name: {} if name in names else {"enabled": False} for name in every}


async def checked(
    api: FakeApi,
    *accounts: Mapping[str, Any],
    most: int | None = None,
    progress: Progress | None = None,
    kind: type[Accounts] = Accounts,
    shard: Shard = WHOLE,
) -> Report:
    """Check several accounts. Each argument contains the non-default keys of one account."""
    clock = FakeClock()

    def make(observe: Callable[[str], RequestMonitor]) -> Accounts:
        return kind(
            clock=clock, observe=observe, forget=lambda _: None, shard=shard, most_customers=most,
            transport=api.transport,
        )  # fmt: skip

    chosen = config(*({**HERE, **account} for account in accounts))
    return await check_accounts(chosen, make, clock, progress or SilentProgress(), customers_at_most=most)


def found(report: Report, name: str) -> CollectorReport:
    """Return the report of one collector."""
    return next(collector for _, collector in report.collectors if collector.name == name)


def failure_of(report: VersionReport | CollectorReport) -> Failure:
    """Return the failure of a report."""
    assert report.failure is not None
    return report.failure
