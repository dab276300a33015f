"""Parts compressed one by one are one gzip member together, for every reader."""

import gzip
import io
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.exposition.compression import compress, member
from exporter.exposition.runs import Run, Runs

TEXTS = st.lists(st.binary(max_size=50) | st.binary(min_size=1, max_size=5).map(lambda text: text * 3000), max_size=6)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_parts_together_are_one_member(texts: list[bytes]) -> None:
    body = b"".join(member(map(compress, texts)))
    assert gzip.decompress(body) == b"".join(texts)
    # A reader that knows of one member only, as those of httpx and aiohttp, reads all of it too.
    one = zlib.decompressobj(wbits=31)
    assert one.decompress(body) == b"".join(texts)
    assert (one.eof, one.unused_data) == (True, b"")
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        assert file.read() == b"".join(texts)


def test_a_damaged_part_is_found_by_its_checksum() -> None:
    parts = [compress(b"a" * 1000), compress(b"b" * 1000)]
    body = b"".join(member(parts[::-1]))
    assert gzip.decompress(body) == b"b" * 1000 + b"a" * 1000
    wrong = b"".join(member(parts))[:-8] + body[-8:]
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(wrong)


def test_gzip_itself_has_no_complaint(tmp_path: Path) -> None:
    file = tmp_path / "page.gz"
    file.write_bytes(b"".join(member(map(compress, [b"x" * 10**6, b"", b"y"]))))
    checked = subprocess.run(["gzip", "--test", "--verbose", file], capture_output=True, text=True, check=True)
    assert "OK" in checked.stderr


def _pages(runs: Runs, items: list[tuple[int, bytes]]) -> list[bytes]:
    parts = list(runs.compress("place", items, lambda item: item[0], lambda item: {"f": item[1]}))
    return [gzip.decompress(b"".join(member([part["f"]]))) for part in parts]


def test_a_run_is_compressed_again_only_if_one_of_it_changes() -> None:
    items = [(number, b"%d\n" % number) for number in range(120)]
    first = Runs({})
    assert b"".join(_pages(first, items)) == b"".join(text for _, text in items)
    items[60] = (1000, b"changed\n")
    second = Runs(first.used)
    assert b"".join(_pages(second, items)) == b"".join(text for _, text in items)
    assert [second.used[key] is first.used[key] for key in first.used] == [True, False, True]
    third = Runs(second.used)
    _pages(third, items[:50])
    assert list(third.used) == [("place", 0)], "what is gone is not kept"
    assert isinstance(third.used["place", 0], Run)
