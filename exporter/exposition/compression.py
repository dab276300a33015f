"""Functions that compress a page into one gzip member (RFC 1952). Several pages can share one compressed beginning."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

try:
    from isal import isal_zlib as zlib  # isal is several times faster than zlib
except ImportError:  # there is no wheel of isal for this platform
    import zlib  # type: ignore[no-redef] # both modules have the same interface

_LEVEL: Final = 1  # higher levels cost more compression time than they save in transfer time
_PIECE: Final = 128 * 1024
_RAW: Final = -15  # selects a deflate stream without a header or checksum
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@dataclass(frozen=True, slots=True)
class Compressed:
    """Compressed data. The DEFLATE blocks end at a byte boundary. `crc` and `size` describe the uncompressed data."""

    blocks: tuple[bytes, ...]
    crc: int
    size: int


def compress(text: Iterable[bytes]) -> Compressed:
    """Compress text piece by piece. Join small blocks to save memory."""
    compressor, blocks, crc, size = zlib.compressobj(_LEVEL, wbits=_RAW), list[bytes](), 0, 0
    for piece in text:
        blocks.append(compressor.compress(piece))
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    blocks.append(compressor.flush(zlib.Z_SYNC_FLUSH))
    return Compressed(tuple(pieces(blocks)), crc, size)


def pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join chunks into pieces of at least 128 KiB. The server sends one piece at a time."""
    pending, size = [], 0
    for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)


def gzip_member(start: Compressed, end: bytes) -> Iterator[bytes]:
    """Yield a gzip member that contains `start` and `end`, in pieces. `start` is already compressed."""
    compressor = zlib.compressobj(_LEVEL, wbits=_RAW)
    yield _HEADER
    yield from start.blocks
    yield compressor.compress(end) + compressor.flush()
    yield struct.pack("<II", zlib.crc32(end, start.crc), (start.size + len(end)) % 2**32)
