"""The compressed parts of a page form a single gzip member. Therefore, every client can decompress the page."""

import gzip
import io
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.exposition.compression import compress, gzip_member

PIECES = st.lists(st.binary(max_size=50) | st.binary(min_size=1, max_size=5).map(lambda text: text * 3000), max_size=6)


@settings(max_examples=300, deadline=None)
@given(PIECES, st.binary(max_size=50))
def test_start_and_end_are_one_member(pieces: list[bytes], end: bytes) -> None:
    body = b"".join(gzip_member(compress(pieces), end))
    expected = b"".join(pieces) + end
    assert gzip.decompress(body) == expected
    # Clients such as httpx and aiohttp read only the first gzip member, so this member must contain the whole page.
    client = zlib.decompressobj(wbits=31)
    assert client.decompress(body) == expected
    assert (client.eof, client.unused_data) == (True, b"")
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        assert file.read() == expected


def test_the_checksum_reveals_a_damaged_page() -> None:
    kept = compress([b"a" * 1000])
    body, other = b"".join(gzip_member(kept, b"b")), b"".join(gzip_member(compress([b"c" * 1000]), b"b"))
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(body[:-8] + other[-8:])


def test_gzip_itself_accepts_a_page(tmp_path: Path) -> None:
    file = tmp_path / "page.gz"
    file.write_bytes(b"".join(gzip_member(compress([b"x" * 10**6, b"", b"y"]), b"z")))
    checked = subprocess.run(["gzip", "--test", "--verbose", file], capture_output=True, text=True, check=True)
    assert "OK" in checked.stderr


def test_without_isal_pages_are_compressed_by_zlib() -> None:
    program = """
import gzip, sys, zlib
sys.modules["isal"] = None
from exporter.exposition import compression
assert compression.zlib is zlib
body = b"".join(compression.gzip_member(compression.compress([b"a" * 1000]), b"b"))
assert gzip.decompress(body) == b"a" * 1000 + b"b"
"""
    subprocess.run([sys.executable, "-c", program], check=True)
