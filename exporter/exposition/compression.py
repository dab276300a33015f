"""One gzip member made of parts that were compressed one by one, so that a part that stays is not compressed again.

Each part is a run of deflate blocks that ends on a byte and refers to nothing before it. The checksum of the whole is
combined from those of the parts, as zlib's crc32_combine does (RFC 1952; polynomials over GF(2), lowest power first).
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_LEVEL: Final = 1  # higher levels cost more time than the network saves
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_END: Final = b"\x03\x00"  # an empty last block
_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Part:
    """A compressed text, with its checksum and what carries a checksum over its length."""

    data: bytes
    crc: int
    size: int
    carry: int


def compress(text: bytes) -> Part:
    """Compress a part."""
    compressor = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
    data = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return Part(data, zlib.crc32(text), len(text), _carry(len(text)))


def member(parts: Iterable[Part]) -> Iterator[bytes]:
    """Give the member that holds the parts' texts one after the other, piece by piece."""
    crc = size = 0
    yield _HEADER
    for part in parts:
        crc = _product(part.carry, crc) ^ part.crc
        size += part.size
        yield part.data
    yield _END + struct.pack("<II", crc, size % 2**32)


def _product(a: int, b: int) -> int:
    """Multiply two polynomials modulo the checksum's."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares(power: int) -> Iterator[int]:
    for _ in range(64):
        yield power
        power = _product(power, power)


_BYTES: Final = tuple(_squares(_ONE >> 8))
"""x to the power of 8, 16, 32, …: what carries a checksum over 1, 2, 4, … bytes."""


def _carry(length: int) -> int:
    carry = _ONE
    for bit in range(length.bit_length()):
        if length >> bit & 1:
            carry = _product(_BYTES[bit], carry)
    return carry
