"""Run the collector from docs/contributing-a-collector.md against a fake AvePoint."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from exporter.avepoint.auth.credentials import ClientSecret
from exporter.avepoint.client import Client
from exporter.collectors.base import Collector, CollectorContext
from exporter.collectors.customer_list import CustomerList
from exporter.collectors.partner.microsoft_seats import MicrosoftSeatsCollector, MicrosoftSeatsOptions
from exporter.collectors.registry import COLLECTORS
from exporter.engine.samples import line
from exporter.errors import ForbiddenError
from exporter.logs import logger
from scripts.age_limits import with_age_limits
from tests.docs.markdown import ROOT, blocks
from tests.fakes import RecordingObserver
from tests.helpers import FakeApi, FakeClock, config, partner, v3

PAGE = "docs/contributing-a-collector.md"
PATH = "/partner/external/v3/general/customers/c-1/3rd-party-products/type/0/tenants/batch"
FILE = "exporter/collectors/partner/microsoft_seats.py"
ROWS = [
    {"tenantId": "t-1", "tenantName": "contoso.example.com", "assignedUserSeat": 25, "availableUserSeat": 5},
    {"tenantId": "t-2", "tenantName": "fabrikam.example.com", "assignedUserSeat": "N/A"},
]


def block(language: str) -> str:
    (text,) = (block.text for block in blocks() if (block.page, block.language) == (PAGE, language))
    return text


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ModuleType]:
    """Import the code blocks of the page as a module."""
    file = tmp_path / "microsoft_seats.py"
    file.write_text(block("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("microsoft_seats_example", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def build(example: ModuleType, api: FakeApi) -> Any:
    (account,) = config(partner()).accounts
    clock, log = FakeClock(), logger()
    client = Client(
        account,
        ClientSecret(account.auth),
        clock=clock,
        observer=RecordingObserver(),
        log=log,
        transport=api.transport(),
    )
    context = CollectorContext(account, client, CustomerList(account, client, clock, log), clock, log)
    collector = example.MicrosoftSeatsCollector(context, example.MicrosoftSeatsOptions())
    assert isinstance(collector, Collector)
    return collector


def test_the_code_on_the_page_is_that_of_the_file() -> None:
    assert block("python") == (ROOT / FILE).read_text(encoding="utf-8")


async def test_the_code_exposes_the_sample_on_the_page(example: ModuleType) -> None:
    collector = build(example, FakeApi({PATH: v3(ROWS)}))
    records = await collector.read("c-1")
    assert "".join(line(sample, "msp") for sample in collector.samples(records, "c-1")) == block("text")


async def test_rows_that_contradict_each_other_have_no_sample(example: ModuleType) -> None:
    collector = build(example, FakeApi({PATH: v3([*ROWS, {"tenantId": "t-1", "assignedUserSeat": 26}])}))
    records = await collector.read("c-1")
    assert list(collector.samples(records, "c-1")) == []
    assert "rows with the same tenantId contradict each other: 1" in str(collector.error(records))


async def test_a_missing_permission_is_an_error_of_the_client(example: ModuleType) -> None:
    with pytest.raises(ForbiddenError, match="HTTP 403"):
        await build(example, FakeApi({PATH: httpx.Response(403)})).read("c-1")


class NewOptions(MicrosoftSeatsOptions):
    interval: float = 12 * 3600.0


class NewCollector(MicrosoftSeatsCollector):
    name = "new_one"
    options_type = NewOptions


def with_new_collector(name: str) -> str:
    return with_age_limits((ROOT / name).read_text(encoding="utf-8"), (*COLLECTORS, NewCollector))


def test_the_generated_rule_and_runbook_contain_the_age_limit_of_a_new_collector() -> None:
    rules = with_new_collector("prometheus/rules/avepoint.rules.yaml")
    assert re.search(r'\{collector!~"[a-z_|]*\bnew_one\b[a-z_|]*"\} > 3 \* 3600\n', rules)
    assert re.search(r'\{collector=~"[a-z_|]*\bnew_one\b[a-z_|]*"\} > 36 \* 3600\n', rules)
    runbook = with_new_collector("docs/runbooks/AvePointDataStale.md")
    assert re.search(r"^\|.* `new_one`.* \| 36 hours \|$", runbook, re.MULTILINE)
