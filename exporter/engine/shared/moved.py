"""Add the samples of customers that moved to this shard.

Only collectors that read a whole account at once need this module.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from exporter.engine.snapshot import ReadResult, customer_of
from exporter.engine.storage.codec import StoredState


def with_moved_customers(state: StoredState, others: Sequence[StoredState], owns: Callable[[str], bool]) -> StoredState:
    """Add samples that other shards have stored for customers of this shard.

    If several shards have stored samples of a customer, use the most recent samples. The read time of the result is
    the read time of its oldest samples.
    """
    own = state.reads.get("")
    found = [own, *(other.reads.get("") for other in others)]
    parts, seen = list[ReadResult](), set[str]()
    for read in sorted((read for read in found if read is not None), key=lambda read: read.read_at, reverse=True):
        customers = {one for sample in read.samples if (one := customer_of(sample)) and owns(one)} - seen
        seen |= customers
        samples = tuple(
            sample
            for sample in read.samples
            if customer_of(sample) in customers or (read is own and not customer_of(sample))
        )
        if samples or read is own:
            parts.append(ReadResult(samples, read.read_at, read.read_at_monotonic, is_complete=read.is_complete))
    if not parts:
        return state
    merged = ReadResult(
        tuple(sample for part in parts for sample in part.samples),
        parts[-1].read_at,
        parts[-1].read_at_monotonic,
        is_complete=all(part.is_complete for part in parts),
    )
    return replace(state, reads={**state.reads, "": merged})
