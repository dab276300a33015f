"""The data of the status page at one moment. The page itself is loaded only when it is requested."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.avepoint.throttle import LimitUsage
from exporter.engine.snapshot import SnapshotView
from exporter.exposition.exporter_metrics import Usage


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """When the configuration in force was loaded, in Unix seconds, and the errors of a later reload."""

    loaded_at: float | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusData:
    """Everything on the page; `now` is Unix time, `monotonic` and `uptime` are in seconds."""

    views: Sequence[SnapshotView]
    budgets: Mapping[str, LimitUsage]
    usage: Callable[[], Mapping[str, Usage]]
    configured: ConfigStatus
    now: float
    monotonic: float
    uptime: float
