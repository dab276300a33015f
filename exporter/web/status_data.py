"""The input data of the status page.

The package `status` is separate, because the exporter imports it only when a client requests the page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.avepoint.throttle import LimitUsage
from exporter.engine.snapshot import SnapshotView
from exporter.exposition.exporter_metrics import Usage


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """The Unix time at which the current configuration was loaded, and the errors of a later reload that failed."""

    loaded_at: float | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusData:
    """The data for one rendering of the status page. `now` is Unix time. `monotonic` and `uptime` are in seconds.

    `views` contains one view per collector. `verdicts` contains one view per account. These views
    contain the problems of customers. `is_loading` is true until the persistent state has been loaded.
    """

    views: Sequence[SnapshotView]
    verdicts: Sequence[SnapshotView]
    limits: Mapping[str, LimitUsage]
    usage: Callable[[], Mapping[str, Usage]]
    configured: ConfigStatus
    now: float
    monotonic: float
    uptime: float
    is_loading: bool = False
