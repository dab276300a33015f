"""What the status page tells of, taken at one moment; light, since the page itself loads only when asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.avepoint.throttle import LimitUsage
from exporter.engine.snapshot import SnapshotView
from exporter.exposition.exporter_metrics import Usage


@dataclass(frozen=True, slots=True)
class Configured:
    """When the configuration was last read well (Unix seconds), and the mistakes of a later attempt."""

    read_at: float | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the page shows; `now` in Unix seconds, `monotonic` and `uptime` in seconds."""

    views: Sequence[SnapshotView]
    budgets: Mapping[str, LimitUsage]
    usage: Callable[[], Mapping[str, Usage]]
    configured: Configured
    now: float
    monotonic: float
    uptime: float
