"""The exporter's own metrics. The package prometheus_client renders these metrics."""

import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as generate_text
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.avepoint.observer import Observer
from exporter.engine.shard import Shard

_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)


@dataclass(frozen=True, slots=True)
class Usage:
    """The statistics of an account's requests.

    `calls` contains the number of requests per HTTP status or error type. `throttled` is the wait time in seconds.
    `tokens` contains the number of token requests per result.
    """

    calls: Mapping[str, int]
    throttled: float
    tokens: Mapping[str, int] = field(default_factory=dict)


class _AccountMetrics:
    """The metrics about each account's requests. Only configured accounts have series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._configured: set[str] = set()
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.requests = counter(
            "avepoint_api_requests_total",
            "Requests to AvePoint, by code (HTTP status, timeout, connect or parse).",
            ("account", "path", "code"),
        )
        self.durations = Histogram(
            "avepoint_api_request_duration_seconds",
            "Duration of requests to AvePoint.",
            ("account", "path"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.throttled = counter(
            "avepoint_api_throttled_seconds_total",
            "Time that requests waited because of the rate limit or throttling.",
            ("account",),
        )
        self.tokens = counter(
            "avepoint_token_requests_total",
            "Requests for access tokens, by result (success or the type of error).",
            ("account", "result"),
        )
        self.certificates = gauge(
            "avepoint_certificate_expiry_timestamp_seconds",
            "Expiry of the account's client certificate, as Unix time.",
            ("account",),
        )
        self.parse_errors = counter(
            "avepoint_parse_errors_total",
            "Values in responses from AvePoint that could not be parsed.",
            ("account", "path", "field"),
        )
        self.unknown_values = counter(
            "avepoint_unknown_values_total",
            "Unknown states, workloads and types in responses from AvePoint.",
            ("account", "field"),
        )
        self.clock_offsets = gauge(
            "avepoint_api_clock_offset_seconds",
            "AvePoint's clock (Date header of the last response) minus the exporter's clock.",
            ("account",),
        )
        self.incomplete_lists = counter(
            "avepoint_incomplete_lists_total",
            "Lists from AvePoint that had fewer rows than AvePoint reported.",
            ("account", "path"),
        )

    def __contains__(self, account: str) -> bool:
        return account in self._configured

    def add(self, account: str) -> None:
        """Add a configured account. Drop the series for its previous certificate, if any."""
        self._configured.add(account)
        self.certificates.remove_by_labels({"account": account})
        self.throttled.labels(account)  # Start the series at 0. Otherwise, increase() would omit the first value.

    def remove(self, account: str) -> None:
        """Drop the series of an account."""
        self._configured.discard(account)
        calls = (self.requests, self.durations, self.throttled, self.tokens)
        values = (self.parse_errors, self.unknown_values, self.incomplete_lists)
        for metric in (*calls, *values, self.certificates, self.clock_offsets):
            metric.remove_by_labels({"account": account})


class OwnMetrics:
    """The exporter's own metrics, about requests, tokens, reloads and the process."""

    def __init__(self, *, with_process: bool = True) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # this function has no type hints
        registry = self._registry = CollectorRegistry()
        self._accounts = _AccountMetrics(registry)
        gauge = partial(Gauge, registry=registry)
        build = gauge("avepoint_exporter_build_info", "Always 1.", ("version", "python_version"))
        build.labels(__version__, platform.python_version()).set(1)
        self._shard = gauge("avepoint_exporter_shard", "Zero-based index of this shard.")
        self._total_shards = gauge("avepoint_exporter_total_shards", "Number of shards.")
        self.reload_successful = gauge(
            "avepoint_exporter_config_last_reload_successful",
            "1 if the last reload of the configuration succeeded, else 0.",
        )
        self.reload_time = gauge(
            "avepoint_exporter_config_last_reload_success_timestamp_seconds",
            "Time of the last successful reload, as Unix time.",
        )
        if with_process:
            prometheus_client.ProcessCollector(registry=registry)
            prometheus_client.PlatformCollector(registry=registry)
            prometheus_client.GCCollector(registry=registry)

    def set_shard(self, shard: Shard) -> None:
        """Set the metrics for the index of this shard and the number of shards."""
        self._shard.set(shard.index)
        self._total_shards.set(shard.total)

    def observer(self, account: str) -> Observer:
        """Return an observer for an account. Drop the series for the account's previous certificate, if any."""
        self._accounts.add(account)
        return _AccountObserver(self._accounts, account)

    def forget(self, account: str) -> None:
        """Drop the series of an account that a reload removed. Ignore the account's requests that are still running."""
        self._accounts.remove(account)

    def usage(self) -> dict[str, Usage]:
        """Return the request counts and the wait time of each account since its first request."""
        calls, tokens = _by_account(self._accounts.requests, "code"), _by_account(self._accounts.tokens, "result")
        # Every account has a series of this counter, even before its first request.
        waited = {labels["account"]: value for labels, value in _totals(self._accounts.throttled)}
        return {
            account: Usage(calls.get(account, {}), seconds, tokens.get(account, {}))
            for account, seconds in waited.items()
        }

    def text(self, *, account: str | None, names: Collection[str], openmetrics: bool) -> bytes:
        """Return the metrics of one account. If `account` is None, include all accounts.

        If `names` is empty, include all families.
        """
        selection = _Selection(self._registry.collect, account, names)
        generate = generate_openmetrics if openmetrics else generate_text
        return bytes(generate(selection))


class _AccountObserver:
    """Updates the metrics of one account after each request."""

    inspect = None

    def __init__(self, metrics: _AccountMetrics, account: str) -> None:
        self._metrics = metrics
        self._account = account

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        if self._account in self._metrics:
            self._metrics.requests.labels(self._account, endpoint, code).inc()
            self._metrics.durations.labels(self._account, endpoint).observe(seconds)

    def throttled(self, seconds: float) -> None:
        self._count(self._metrics.throttled, amount=seconds)

    def token(self, result: str) -> None:
        self._count(self._metrics.tokens, result)

    def certificate(self, expires_at: float) -> None:
        if self._account in self._metrics:
            self._metrics.certificates.labels(self._account).set(expires_at)

    def unreadable(self, endpoint: str, field: str) -> None:
        self._count(self._metrics.parse_errors, endpoint, field)

    def unknown(self, field: str) -> None:
        self._count(self._metrics.unknown_values, field)

    def clock_offset(self, seconds: float) -> None:
        if self._account in self._metrics:
            self._metrics.clock_offsets.labels(self._account).set(seconds)

    def incomplete_list(self, endpoint: str) -> None:
        self._count(self._metrics.incomplete_lists, endpoint)

    def _count(self, counter: Counter, *labels: str, amount: float = 1.0) -> None:
        if self._account in self._metrics:
            counter.labels(self._account, *labels).inc(amount)


def _by_account(counter: Counter, label: str) -> dict[str, dict[str, int]]:
    """Return the totals of a counter per account and label value."""
    found: dict[str, dict[str, int]] = {}
    for labels, value in _totals(counter):
        totals = found.setdefault(labels["account"], {})
        totals[labels[label]] = totals.get(labels[label], 0) + int(value)
    return found


def _totals(counter: Counter) -> Iterator[tuple[Mapping[str, str], float]]:
    for metric in counter.collect():
        for sample in metric.samples:
            yield sample.labels, sample.value


class _Selection(Collector):
    """Filters metrics by account and by family name."""

    def __init__(self, collect: Callable[[], Iterable[Metric]], account: str | None, names: Collection[str]) -> None:
        self._collect = collect
        self._account = account
        self._names = frozenset(names)

    def collect(self) -> Iterator[Metric]:
        for metric in self._collect():
            if self._names and not self._is_named(metric):
                continue
            if self._account is not None:
                mine = [sample for sample in metric.samples if sample.labels.get("account") == self._account]
                if not mine:
                    continue
                metric.samples = mine
            yield metric

    def _is_named(self, metric: Metric) -> bool:
        return bool(self._names & {metric.name, f"{metric.name}_total", *(sample.name for sample in metric.samples)})
