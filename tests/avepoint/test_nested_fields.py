"""Only the fields that collectors read are kept, also in nested objects and lists."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.avepoint.endpoints import CUSTOMERS, SUBSCRIPTIONS, TENANT_JOBS, Endpoint, fields
from exporter.avepoint.pages import read_page
from exporter.avepoint.reading.rows import Row
from exporter.collectors.partner.users import USERS
from tests.fakes import ClientHarness

OTHER: Any = [{"a": 1}] * 3
CASES: list[tuple[Endpoint, dict[str, Any], dict[str, Any]]] = [
    (
        TENANT_JOBS.modern,
        {"Id": "a", "BackupDetails": {"SuccessfulCount": 1, "other": OTHER}, "jobErrors": [{"number": 1, "x": OTHER}]},
        {"id": "a", "backupdetails": {"successfulcount": 1}, "joberrors": [{"number": 1}]},
    ),
    (CUSTOMERS.modern, {"tenants": [{"ID": "t", "x": OTHER}, "y", None]}, {"tenants": [{"id": "t"}, "y", None]}),
    (SUBSCRIPTIONS.modern, {"products": {"service": "s", "x": OTHER}}, {"products": {"service": "s"}}),
    (USERS.modern, {"moduleStatus": [{"module": {"x": 1}, "y": 1}]}, {"modulestatus": [{"module": {}}]}),
    (CUSTOMERS.modern, {"id": OTHER, "organization": {"x": 1}}, {"id": [], "organization": {}}),
]


@pytest.mark.parametrize(("endpoint", "row", "kept"), CASES)
def test_nested_objects_keep_the_fields_that_are_read(
    endpoint: Endpoint, row: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert read_page({"data": [row]}, endpoint).rows == (kept,)


READERS: list[Callable[[Row], object]] = [
    lambda row: row.nested("products").count("seats"),
    lambda row: row.each("products")[0].count("seats"),
    lambda row: (row.whole_list("products") or ())[0].count("seats"),
]


@pytest.mark.parametrize("read", READERS)
def test_a_nested_field_that_the_table_lacks_cannot_be_read(read: Callable[[Row], object]) -> None:
    issues = ClientHarness(lambda _: pytest.fail("no request")).client.value_issues
    names = fields("id", products="service")
    value = [{"service": "s"}]
    row = Row({"products": value if read is not READERS[0] else value[0]}, "/x", issues, names)
    with pytest.raises(LookupError, match="seats is not a field of /x"):
        read(row)


MEMORY = """
import asyncio, httpx, re
from pathlib import Path
from exporter.avepoint.endpoints import TENANT_JOBS
from exporter.avepoint.job_lists import JobList, Span
from tests.fakes import FAST, ClientHarness, make_account

FILLER = b"[" + b",".join([b"{}"] * 1_250_000) + b"]"
PLACES = [b'"backupDetails":{"unknown":%s}', b'"jobErrors":[{"unknown":%s}]', b'"state":%s', b'"jobErrors":%s']

def respond(request):
    page = int(request.url.params["PageIndex"])
    rows = b",".join(b'{"id":"j%d"}' % number for number in range(10 * page, 10 * page + 9))
    large = b'{"id":"k%d",' % page + PLACES[page % 4] % FILLER + b"}"
    content = rows + b"," + large if page < 12 else b""
    return httpx.Response(200, content=b'{"data":[' + content + b'],"metadata":{"totalCount":120}}')

world = ClientHarness(respond, make_account("tenant", FAST))
rows = asyncio.run(JobList(world.client, TENANT_JOBS.modern).read(Span(0, 1), size=10))
# Not ru_maxrss: on Linux a new program inherits the peak of the process that started it.
print(len(rows), int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc/self/status")
def test_large_nested_values_of_a_list_of_many_pages_are_not_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 120
    assert megabytes < 300
