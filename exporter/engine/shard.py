"""Shards divide the customers and tenant accounts among several processes."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from exporter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` processes among which customers and tenant accounts are divided. `index` is zero-based."""

    index: int = 0
    total: int = 1

    def owns(self, key: str) -> bool:
        """Return whether a customer or a tenant account belongs to this shard.

        `key` is the id of the customer or the name of the account.
        """
        digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        return _jump_hash(int.from_bytes(digest[:8], "big"), self.total) == self.index


WHOLE: Final = Shard()
"""The shard of an exporter that runs as a single process."""


def _jump_hash(number: int, total: int) -> int:
    """Return the shard of a hash value.

    If the number of shards increases from N to N + 1, about one in N + 1 hash values moves to the new shard. All other
    hash values stay in their shards. The algorithm is from "A Fast, Minimal Memory, Consistent Hash Algorithm" by
    Lamping and Veach.
    """
    shard, following = 0, 0
    while following < total:
        shard = following
        number = (number * 2862933555777941757 + 1) & 0xFFFF_FFFF_FFFF_FFFF
        following = int((shard + 1) * (1 << 31) / ((number >> 33) + 1))
    return shard


def parse_shard(shard: str, total: int) -> Shard:
    """Return the shard for the value of --shard. The value is an index or the name of a pod in a StatefulSet.

    Raise ConfigError if the value is invalid.
    """
    match = re.fullmatch(r"(?:.+-)?(\d{1,6})", shard.strip(), re.ASCII)
    if match is None:
        raise ConfigError([f"--shard: {shard!r} is not an index; use an integer, or a name that ends in -INDEX"])
    index = int(match[1])
    if index >= total:
        raise ConfigError(
            [f"--shard: {index} must be less than --total-shards, which is {total}; the first shard is 0"]
        )
    return Shard(index, total)
