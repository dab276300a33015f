"""The tests of an account: the preflight, a refresh per collector, and a request per unused API version."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CollectorContext, CustomerCollector
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account, ApiVersion, Config
from exporter.diagnose.preflight import Preflight
from exporter.diagnose.probe import ProbeClient
from exporter.diagnose.progress import CollectorProgress, Progress, RequestMonitor
from exporter.diagnose.report import AccountReport, CollectorReport, Report, Result, Step, VersionReport
from exporter.diagnose.summary import summarize
from exporter.engine.accounts import Accounts
from exporter.engine.refresh import Refresher
from exporter.engine.running_account import RunningAccount
from exporter.errors import AvePointError, Failure
from exporter.logs import logger

Monitors = dict[str, RequestMonitor]
MakeAccounts = Callable[[Callable[[str], RequestMonitor]], Accounts]
"""A function that creates the accounts. Its argument is a function that returns the monitor for an account name."""

_CUSTOMERS_STEPS: Final = 10
"""Number of progress steps for a collector that sends requests per customer."""


async def check_accounts(
    config: Config, make_accounts: MakeAccounts, clock: Clock, progress: Progress, *, customers_at_most: int | None
) -> Report:
    """Test all accounts concurrently. Raise ConfigError if an account cannot be created."""
    began, monitors = clock.monotonic(), Monitors()
    accounts = make_accounts(lambda name: monitors.setdefault(name, RequestMonitor()))
    try:
        await accounts.apply(config, start=False)
        checks = [
            _AccountCheck(running, monitors[running.account.name], clock, progress, customers_at_most)
            for running in accounts.running()
        ]
        progress.begin(sum(check.steps for check in checks))
        reports = await asyncio.gather(*(check.run() for check in checks))
    finally:
        await accounts.stop()
    return Report(tuple(reports), clock.monotonic() - began, clock.time(), customers_at_most)


class _AccountCheck:
    """Tests one account. The collectors run one at a time, so each request can be attributed to one collector."""

    def __init__(
        self,
        running: RunningAccount,
        monitor: RequestMonitor,
        clock: Clock,
        progress: Progress,
        customers_at_most: int | None,
    ) -> None:
        self._running = running
        self._account = running.account
        self._monitor = monitor
        self._clock = clock
        self._progress = progress
        self._customers_at_most = customers_at_most
        self._customers = 0
        self._preflight_steps: list[Step] = []
        self._preflight = Preflight(running.account, running.client, monitor, clock)
        self._permissions = tuple(dict.fromkeys(
            one.collector.endpoints.permissions[version] for one in running.refreshers for version in _api_versions(one)
        ))  # fmt: skip
        self.steps = self._preflight.length(self._permissions) + sum(_steps(one) for one in running.refreshers)

    async def run(self) -> AccountReport:
        """Run the preflight and test the collectors. If a preflight step fails, skip the collectors."""
        account, refreshers = self._account, self._running.refreshers
        if refreshers:
            refreshers[0].collector.watch_customers(self._count_customers)
        async for step in self._preflight.steps(self._permissions):
            self._preflight_steps.append(step)
            if step.kind != "certificate":
                self._progress.advance(1, account.name)
        failed = next((step for step in self._preflight_steps if step.result == "failed"), None)
        collectors = [self._skipped(one, failed) if failed else await self._collector(one) for one in refreshers]
        return AccountReport(
            account.name,
            account.type,
            account.api,
            account.api_url,
            tuple(self._preflight_steps),
            tuple(collectors),
            self._monitor.observations(),
            tuple(self._running.customer_list.wanted.unlisted),
            self._running.customer_list.wanted.are_none_listed,
        )

    def _skipped(self, refresher: Refresher, failed: Step) -> CollectorReport:
        cause = failed.failure or Failure("")
        versions = tuple(
            VersionReport(version, refresher.collector.endpoints.permissions[version], is_used=False, result="skipped")
            for version in _api_versions(refresher)
        )
        failure = replace(cause, message=f"not tested: {failed.kind}: {cause.message}")
        return CollectorReport(
            refresher.collector.name, "skipped", "", 0.0, versions, failure=failure,
            is_per_customer=isinstance(refresher.collector, CustomerCollector),
        )  # fmt: skip

    async def _collector(self, refresher: Refresher) -> CollectorReport:
        """Refresh a collector, and then send one request with the other API version."""
        collector, entry = refresher.collector, refresher.entry
        progress = self._collector_progress(refresher)
        self._monitor.on_request = progress.update
        await refresher.refresh()
        self._monitor.on_request = lambda: None
        status = entry.status
        result: Result = "ok" if status.up else "off" if status.off else "failed"
        failure = _without_times(status.failure, result)
        api_versions = _api_versions(refresher)
        # If both versions fail, the report contains the failure of the preferred version.
        used = next((one for one in api_versions if one == status.api_version), next(iter(api_versions), None))
        paths, versions = self._monitor.take_paths(), list[VersionReport]()
        for version in api_versions:
            if version != used:
                versions.append(await self._other_version(refresher, version))
                continue
            permission, is_used = collector.endpoints.permissions[version], result == "ok"
            versions.append(VersionReport(version, permission, is_used, result, status.duration or 0.0, paths, failure))
        progress.end()
        return CollectorReport(
            collector.name, result, status.api_version, status.duration or 0.0, tuple(versions),
            summarize(collector, entry.view()), failure, isinstance(collector, CustomerCollector),
        )  # fmt: skip

    def _collector_progress(self, refresher: Refresher) -> CollectorProgress:
        collector, entry = refresher.collector, refresher.entry
        is_per_customer = isinstance(collector, CustomerCollector)
        return CollectorProgress(
            self._progress,
            f"{self._account.name}/{collector.name}",
            _steps(refresher),
            listed=lambda: self._customers if is_per_customer else 0,
            read=lambda: len(entry.customer_up),
        )

    def _count_customers(self, customers: Collection[str]) -> None:
        self._customers = min(len(customers), self._customers_at_most or len(customers))

    async def _other_version(self, refresher: Refresher, version: ApiVersion) -> VersionReport:
        collector = refresher.collector
        report = VersionReport(version, collector.endpoints.permissions[version], is_used=False, result="ok")
        for step in self._preflight_steps:
            if step.result == "refused" and step.target == report.permission:
                return replace(report, result="refused", failure=step.failure)
        up = refresher.entry.customer_up
        customer = next((one for one, is_up in up.items() if is_up), next(iter(up), ""))
        if isinstance(collector, CustomerCollector) and not customer:
            return replace(report, result="skipped", failure=Failure("not tested: no customer was read"))
        began = self._clock.monotonic()
        try:
            await self._probe(collector, version, customer)
        except AvePointError as error:
            report = replace(report, result="failed", failure=Failure.of(error))
        except Exception as error:  # noqa: BLE001 - a bug in one collector must not end the check
            failure = Failure(f"unexpected {type(error).__name__}", "please report this")
            report = replace(report, result="failed", failure=failure)
        return replace(report, seconds=self._clock.monotonic() - began, endpoints=self._monitor.take_paths())

    async def _probe(self, collector: Collector[Any, Any], version: ApiVersion, customer: str) -> None:
        """Call the method `read` of a collector with an API version, and stop after the first successful response."""
        account: Account = self._account.model_copy(update={"api": version})
        client, log = ProbeClient(self._running.client), logger(account=account.name, collector=collector.name)
        customer_list = CustomerList(account, client, self._clock, log)
        context = CollectorContext(account, client, customer_list, self._clock, log)
        pinned = type(collector)(context, collector.options)
        if isinstance(pinned, AccountCollector):
            await client.read_once(pinned.read())
        elif isinstance(pinned, CustomerCollector):
            await client.read_once(pinned.read(customer))


def _api_versions(refresher: Refresher) -> tuple[ApiVersion, ...]:
    """Return the API versions that a collector can use, starting with the preferred version."""
    collector = refresher.collector
    return tuple(version for version in collector.api_versions.allowed if version in collector.endpoints.versions)


def _without_times(failure: Failure | None, result: Result) -> Failure | None:
    """Return a copy of a failure without timestamps. If the result is not "failed", also omit the request id."""
    request_id = failure.request_id if failure and result == "failed" else ""
    return Failure(failure.message, failure.hint, request_id) if failure else None


def _steps(refresher: Refresher) -> int:
    return _CUSTOMERS_STEPS if isinstance(refresher.collector, CustomerCollector) else 1
