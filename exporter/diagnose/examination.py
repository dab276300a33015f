"""Try every account: the way to it, each collector as a refresh reads it, the other generation by one call.

Nothing here knows a collector by name: whatever stands in the registry is tried.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

from exporter.clock import Clock
from exporter.collectors.base import AccountCollector, Collector, CollectorContext, CustomerCollector
from exporter.collectors.customer_list import CustomerList
from exporter.config.schema import Account, ApiVersion, Config
from exporter.diagnose.preflight import Preflight
from exporter.diagnose.probe import ProbeClient
from exporter.diagnose.progress import CustomersProgress, Progress, Watch
from exporter.diagnose.report import AccountReport, CollectorReport, ReadReport, Report, ReportedError, Result, Step
from exporter.diagnose.summary import seen_by
from exporter.engine.accounts import Accounts, RunningAccount
from exporter.engine.refresh import Refresher
from exporter.errors import AvePointError, EnoughError, Failure
from exporter.logs import logger

Watches = dict[str, Watch]
MakeAccounts = Callable[[Callable[[str], Watch]], Accounts]
"""Makes the accounts, with what observes the account of a name."""


async def check_accounts(
    config: Config, make_accounts: MakeAccounts, clock: Clock, progress: Progress, *, customers_at_most: int | None
) -> Report:
    """Try every account at the same time; raises ConfigError for one that cannot even be made."""
    began, watches = clock.monotonic(), Watches()
    accounts = make_accounts(lambda name: watches.setdefault(name, Watch()))
    try:
        await accounts.apply(config, start=False)
        tried = (
            _AccountCheck(one, watches[one.account.name], clock, progress, customers_at_most).run()
            for one in accounts.running()
        )
        reports = await asyncio.gather(*tried)
    finally:
        await accounts.stop()
    return Report(tuple(reports), clock.monotonic() - began, clock.time(), customers_at_most)


class _AccountCheck:
    """One account; its collectors one after the other, so that calls and seconds are each collector's own."""

    def __init__(
        self, running: RunningAccount, watch: Watch, clock: Clock, progress: Progress, most: int | None
    ) -> None:
        self._running = running
        self._account = running.account
        self._watch = watch
        self._clock = clock
        self._progress = progress
        self._most = most
        self._listed = 0
        self._steps: list[Step] = []

    async def run(self) -> AccountReport:
        """Try everything."""
        account, refreshers = self._account, self._running.refreshers
        way = Preflight(account, self._running.client, self._watch, self._clock)
        permissions = tuple(dict.fromkeys(
            one.collector.permissions[api_version] for one in refreshers for api_version in self._generations(one)
        ))  # fmt: skip
        if refreshers:
            refreshers[0].collector.watch_customers(self._note_listing)
        self._progress.expect(way.length(permissions) + len(refreshers))
        async for step in way.steps(permissions):
            self._steps.append(step)
            self._progress.advance(1, account.name)
        broken = next((step for step in self._steps if step.result == "failed"), None)
        collectors = [self._untried(one, broken) if broken else await self._collector(one) for one in refreshers]
        return AccountReport(
            account.name, account.type, account.api, account.api_url, tuple(self._steps), tuple(collectors)
        )

    def _generations(self, refresher: Refresher) -> tuple[ApiVersion, ...]:
        """Give the generations that may be asked, the one preferred in front."""
        collector = refresher.collector
        return tuple(one for one in collector.api_versions.allowed if one in collector.permissions)

    def _untried(self, refresher: Refresher, broken: Step) -> CollectorReport:
        trouble = replace(broken.trouble, error=f"not tried: {broken.kind}: {broken.trouble.error}")
        readings = tuple(
            ReadReport(api_version, refresher.collector.permissions[api_version], is_used=False, result="skipped")
            for api_version in self._generations(refresher)
        )
        return CollectorReport(refresher.collector.name, "skipped", "", 0.0, readings, trouble=trouble)

    async def _collector(self, refresher: Refresher) -> CollectorReport:
        """Refresh as ever, then see by one call whether the other generation is there."""
        collector, entry = refresher.collector, refresher.entry
        await self._refresh(refresher)
        status = entry.status
        result: Result = "ok" if status.up else "off" if status.off else "failed"
        failure = status.failure or Failure("")
        trouble = ReportedError(failure.message, failure.hint, failure.request_id if result == "failed" else "")
        api_versions = self._generations(refresher)
        # Where none answered, the error is that of the one asked first.
        used = next((one for one in api_versions if one == status.api_version), next(iter(api_versions), None))
        endpoints, readings = self._watch.taken(), list[ReadReport]()
        for api_version in api_versions:
            permission = collector.permissions[api_version]
            if api_version == used:
                read = ReadReport(
                    api_version, permission, result == "ok", result, status.duration or 0, endpoints, trouble
                )
            else:
                read = await self._other(refresher, api_version)
            readings.append(read)
        self._progress.advance(1, f"{self._account.name}/{collector.name}")
        return CollectorReport(
            collector.name, result, status.api_version, status.duration or 0.0, tuple(readings),
            seen_by(collector, entry.view()), trouble,
        )  # fmt: skip

    async def _refresh(self, refresher: Refresher) -> None:
        collector, entry = refresher.collector, refresher.entry
        of_each = isinstance(collector, CustomerCollector)
        progress = CustomersProgress(
            self._progress,
            f"{self._account.name}/{collector.name}",
            listed=lambda: self._listed if of_each else 0,
            read=lambda: len(entry.customer_up),
        )
        self._watch.on_call = progress.look
        await refresher.refresh()
        self._watch.on_call = lambda: None
        progress.end()

    def _note_listing(self, customers: Collection[str]) -> None:
        self._listed = min(len(customers), self._most or len(customers))

    async def _other(self, refresher: Refresher, api_version: ApiVersion) -> ReadReport:
        collector = refresher.collector
        reading = ReadReport(api_version, collector.permissions[api_version], is_used=False, result="ok")
        for step in self._steps:
            if step.result == "refused" and step.target == reading.permission:
                return replace(reading, result="refused", trouble=step.trouble)
        up = refresher.entry.customer_up
        customer = next((one for one, is_up in up.items() if is_up), next(iter(up), ""))
        if isinstance(collector, CustomerCollector) and not customer:
            return replace(reading, result="skipped", trouble=ReportedError("no customer is known to ask for"))
        began = self._clock.monotonic()
        try:
            await self._ask_once(collector, api_version, customer)
        except AvePointError as error:
            trouble = ReportedError(str(error), error.hint, error.request_id)
            reading = replace(reading, result="failed", trouble=trouble)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one collector must not end the check
            trouble = ReportedError(f"unexpected {type(error).__name__}", "please report this")
            reading = replace(reading, result="failed", trouble=trouble)
        return replace(reading, seconds=self._clock.monotonic() - began, endpoints=self._watch.taken())

    async def _ask_once(self, collector: Collector[Any, Any], api_version: ApiVersion, customer: str) -> None:
        """Let the collector read with one generation alone, until one call is answered."""
        account: Account = self._account.model_copy(update={"api": api_version})
        client, log = ProbeClient(self._running.client), logger(account=account.name, collector=collector.name)
        customer_list = CustomerList(account, client, self._clock, log)
        pinned = type(collector)(CollectorContext(account, client, customer_list, self._clock, log), collector.options)
        with suppress(EnoughError):
            if isinstance(pinned, AccountCollector):
                await pinned.read()
            elif isinstance(pinned, CustomerCollector):
                await pinned.read(customer)
