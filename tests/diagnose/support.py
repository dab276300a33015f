"""A check against a fake AvePoint at an address of this machine, so that no name is looked up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from exporter.collectors.registry import COLLECTORS
from exporter.diagnose.examination import check_accounts
from exporter.diagnose.progress import Progress, Silent, Watch
from exporter.diagnose.report import CollectorReport, Report
from exporter.engine.accounts import Accounts
from exporter.engine.shard import WHOLE, Shard
from tests.helpers import FakeApi, FakeClock, config, partner, tenant

HERE = {"base_url": "http://127.0.0.1:9", "token_url": "http://127.0.0.1:9/connect/token"}


def tenant_with(*names: str, **keys: Any) -> dict[str, Any]:
    """Give a tenant's account with these collectors on."""
    return tenant(collectors=_only("tenant", names), **keys)


def partner_with(*names: str, **keys: Any) -> dict[str, Any]:
    """Give a partner's account with these collectors on."""
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
    """Check accounts that are given as the keys that differ from a plain one."""
    clock = FakeClock()

    def make(observe: Callable[[str], Watch]) -> Accounts:
        return kind(
            clock=clock, observe=observe, forget=lambda _: None, shard=shard, most_customers=most,
            transport=api.transport,
        )  # fmt: skip

    chosen = config(*({**HERE, **account} for account in accounts))
    return await check_accounts(chosen, make, clock, progress or Silent(), customers_at_most=most)


def found(report: Report, name: str) -> CollectorReport:
    """Give what was found out of one collector."""
    return next(collector for _, collector in report.collectors if collector.name == name)
