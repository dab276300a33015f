"""Functions that expose data from another process, and merge this data with the data of this process."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from exporter.engine.shared.merge import merge
from exporter.engine.snapshot import CollectorEntry
from exporter.engine.storage.codec import StoredState, StoredStatus
from exporter.errors import Failure

if TYPE_CHECKING:
    from exporter.engine.refresh import Refresher

_FAILED: Final = "the refresh failed in another process; for the reason, see the log of that process"


def merged_states(own: Mapping[str, object], stored: Mapping[str, object]) -> Mapping[str, object]:
    """Merge the states of this process with the stored states. The keys of the mappings are customer ids."""
    return {**own, **{key: merge(own.get(key), state) for key, state in stored.items()}}


def merged_state(former: "Refresher", stored: StoredState) -> StoredState:
    """Merge the stored state of a collector with the state of this process. Newer samples replace older samples."""
    collector, entry = former.collector, former.entry
    own = {key: state for key in collector.state_ids() if (state := collector.state_of(key)) is not None}
    reads = dict(stored.reads)
    for key, own_read in entry.reads.items():
        # Hidden counters are too low, because they do not include the stored counts.
        read = own_read.without_counters() if entry.hides_counters else own_read
        if key not in reads or reads[key].read_at < read.read_at:
            reads[key] = read
    status = StoredStatus(
        entry.status.up,
        entry.status.off,
        entry.status.last_attempt,
        entry.status.duration,
        [key for key, is_up in entry.customer_up.items() if not is_up],
    )
    later = _latest(status, stored.status, lambda one: one.last_attempt)
    times = (time for time in (entry.status.last_success, stored.last_success) if time is not None)
    return StoredState(reads, merged_states(own, stored.states), max(times, default=None), later)


def show(stored: StoredState, entry: CollectorEntry) -> None:
    """Expose the stored samples of a collector. If a refresh status is stored, expose this status too."""
    entry.reads = {key: _same(entry.reads.get(key), read) for key, read in stored.reads.items()}
    status = stored.status
    entry.update_status(last_success=stored.last_success)
    if status.up is None and not status.off:
        return
    failure = Failure(_FAILED, at=status.last_attempt, hides_data=True)  # the reason is not stored
    failed = [key for key in status.failed if key]
    entry.customer_up = {**{key: True for key in stored.reads if key}, **dict.fromkeys(failed, False)}
    entry.customer_failures = dict.fromkeys(failed, failure)
    entry.update_status(
        up=status.up,
        off=status.off,
        last_attempt=status.last_attempt,
        duration=status.duration,
        failure=failure if status.up is False or status.off else None,
    )


def _same(former: Any, read: Any) -> Any:  # noqa: ANN401 - reads
    """If the two results are from the same read, return `former`, because its lines may already be rendered."""
    is_same = former is not None and (former.read_at, former.is_complete) == (read.read_at, read.is_complete)
    return former if is_same else read


def _latest(own: StoredStatus, stored: StoredStatus, time: Callable[[StoredStatus], float | None]) -> StoredStatus:
    return own if (time(own) or 0.0) > (time(stored) or 0.0) else stored
