"""Which customers and tenants this process reads, where several share a configuration."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from exporter.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` processes, counted from 0. What it owns depends on the key alone, never on the other keys."""

    index: int = 0
    total: int = 1

    def owns(self, key: str) -> bool:
        """Tell whether a customer's id, or a tenant account's name, falls to this shard."""
        digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") % self.total == self.index


WHOLE: Final = Shard()
"""The shard of a process that is alone."""


def parse_shard(shard: str, total: int) -> Shard:
    """Read --shard: a number, or a name that ends in one, as a StatefulSet's pods have; raises ConfigError."""
    match = re.fullmatch(r"(?:.+-)?(\d{1,6})", shard.strip(), re.ASCII)
    if match is None:
        raise ConfigError([f"--shard: {shard!r} is neither a number nor a name ending in -NUMBER"])
    index = int(match[1])
    if index >= total:
        raise ConfigError([f"--shard: {index} is not below --total-shards, which is {total}; the first shard is 0"])
    return Shard(index, total)
