"""Functions that restore an account's state from the storage or, after a reload, from the replaced account."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from exporter.collectors.customer_list import CustomerList
from exporter.engine.refresh import Refresher
from exporter.engine.shared.takeover import merged_state, merged_states, show
from exporter.engine.snapshot import CollectorEntry
from exporter.engine.storage.codec import StoredState
from exporter.engine.storage.database import StorageError
from exporter.engine.storage.registration import changed_labels, label_settings, registration_id
from exporter.engine.verdicts import VERDICT
from exporter.logs import logger

if TYPE_CHECKING:
    from exporter.engine.running_account import RunningAccount
    from exporter.engine.storage.state import StateStore


async def restore(
    running: "RunningAccount",
    former: "RunningAccount | None",
    storage: "StateStore | None",
    *,
    merges: bool = False,
) -> None:
    """Restore the state of an account that has not started yet.

    The state comes from the stopped predecessor of the account, or from the storage. If `merges` is true, merge the
    predecessor's state with the stored state. Most of the work runs on threads, because restoring many customers would
    block the event loop.
    """
    account, customer_list = running.account, running.customer_list
    if former is not None and registration_id(former.account) != registration_id(account):
        former = None
    await _restore_verdicts(running, former, storage, merges=merges)
    changed = frozenset[str]() if former is None else changed_labels(label_settings(former.account), account)
    old = {} if former is None else {refresher.collector.name: refresher for refresher in former.refreshers}
    for refresher in running.refreshers:
        name = refresher.collector.name
        if name in old and not merges:
            await asyncio.to_thread(_copy_state, old[name], refresher, changed)
        elif storage is not None:
            stored = await _load(storage, running, name)
            refresher.entry.hides_counters = not stored.is_known
            if name in old:
                refresher.entry.hides_counters &= old[name].entry.hides_counters
                stored = await asyncio.to_thread(merged_state, old[name], stored)
            await asyncio.to_thread(_load_state, stored, refresher)
        if name in old and old[name].first_ended.is_set():
            refresher.first_ended.set()
        # Drop customers that are now excluded or in another shard. Otherwise, these customers could stay for hours,
        # until the next customer list is read.
        await asyncio.to_thread(_drop_unwanted, refresher.entry, customer_list)


async def _restore_verdicts(
    running: "RunningAccount", former: "RunningAccount | None", storage: "StateStore | None", *, merges: bool
) -> None:
    states: Mapping[str, object] = {}
    if former is not None:
        states = await asyncio.to_thread(former.verdicts.states)
    if storage is not None and (former is None or merges):
        stored = (await _load(storage, running, VERDICT)).states
        states = await asyncio.to_thread(merged_states, states, stored)
    try:
        await asyncio.to_thread(running.verdicts.load_states, states)
    except ValueError as error:
        _log_invalid(running.account.name, VERDICT, error)
    wanted = filter(running.customer_list.is_wanted, running.verdicts.customers())
    running.verdicts.keep_only(frozenset({"", *wanted}))


async def _load(storage: "StateStore", running: "RunningAccount", collector: str) -> StoredState:
    """Return the stored state of a collector. If a StorageError occurs, log the error and return an empty state."""
    try:
        return await storage.load(running.account, collector, running.customer_list.owns)
    except StorageError as error:
        log = logger(account=running.account.name, collector=collector)
        log.error("persistent state cannot be read", error=error)
        return StoredState(is_known=not storage.loads_again)


def _copy_state(old: Refresher, new: Refresher, changed: frozenset[str]) -> None:
    """Copy the state of the stopped refresher `old` to `new`. Do not copy samples that have a label in `changed`."""
    entry = new.entry
    entry.customer_up = dict(old.entry.customer_up)
    entry.customer_failures = dict(old.entry.customer_failures)
    entry.reads = {key: read.without_labels(changed) for key, read in old.entry.reads.items()}
    entry.status = old.entry.status
    entry.hides_counters = old.entry.hides_counters
    new.collector.load_state(old.collector.dump_state())


def _load_state(stored: StoredState, refresher: Refresher) -> None:
    """Restore the stored state of a collector.

    If the collector rejects the state, log a warning and restore nothing.
    """
    entry = refresher.entry
    try:
        refresher.collector.load_states(stored.states)
    except ValueError as error:
        _log_invalid(entry.account, entry.collector, error)
        return
    show(stored, entry)
    if stored.status.last_attempt is not None:
        refresher.first_ended.set()  # Another process has refreshed this collector.


def _drop_unwanted(entry: CollectorEntry, customer_list: CustomerList) -> None:
    entry.keep_only(frozenset(filter(customer_list.is_wanted, entry.customers())))


def _log_invalid(account: str, collector: str, error: ValueError) -> None:
    logger(account=account, collector=collector).warning("persistent state is invalid and was dropped", error=error)
