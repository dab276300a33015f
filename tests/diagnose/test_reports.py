"""Test the report of a check as text and as JSON, without secrets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import httpx
import jsonschema
import pytest

from exporter.diagnose.report import (
    AccountReport,
    CollectorReport,
    Observations,
    ReadSummary,
    Report,
    Step,
    VersionReport,
)
from exporter.diagnose.report_json import json_report
from exporter.diagnose.report_text import text_report
from exporter.errors import Failure
from tests.diagnose.support import checked, partner_with, tenant_with
from tests.diagnose.test_examination import MODERN_LICENSE, NAMES, whole_portfolio, whole_tenant
from tests.helpers import SECRET, TOKEN, overview_path

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check.schema.json").read_text(encoding="utf-8"))
PERMISSION = "microsoft365backup.subscriptionInfo.read.all"
WRONG = Failure("/x: HTTP 403", "the app lacks p; add it", "r-1")


def report(*collectors: CollectorReport, steps: tuple[Step, ...] = (), most: int | None = None) -> Report:
    account = AccountReport("contoso", "partner", "auto", "https://graph.example.com", steps, collectors)
    return Report((account,), 1.23456, 1_795_000_000.0, most)


def collector(name: str = "license", result: Any = "ok", **more: Any) -> CollectorReport:
    return CollectorReport(name, result, "modern", 0.5, more.pop("versions", ()), **more)


def lines(*collectors: CollectorReport, width: int = 80, **more: Any) -> list[str]:
    return click.unstyle(text_report(report(*collectors, **more), width=width)).splitlines()


def test_the_whole_report_in_text() -> None:
    steps = (
        Step("dns", "graph.example.com", "ok", 0.012, "192.0.2.1"),
        Step("tls", "graph.example.com:443", "ok", 0.05, "TLSv1.3, certificate valid until 2027-01-31"),
        Step("token", PERMISSION, "refused", 0.1, failure=Failure("no token: invalid_scope")),
    )
    used = VersionReport("modern", PERMISSION, is_used=True, result="ok", seconds=1.0, endpoints=("/a/very/long/path",))
    spare = VersionReport("legacy", PERMISSION, is_used=False, result="failed", failure=Failure("/y: HTTP 404"))
    failures = ((33, Failure("/z: HTTP 500", "ask", "r-9")), (1, Failure("odd")))
    summary = ReadSummary(
        customers=1234, customers_failed=34, customer_failures=failures, jobs=5, workloads=2,
        series={"avepoint_x": 1000, "avepoint_y": 7},
    )  # fmt: skip
    whole = collector(versions=(used, spare), summary=summary, is_per_customer=True)
    assert lines(whole, steps=steps, most=3) == [
        "contoso: partner, api auto, https://graph.example.com",
        "",
        "  RESULT     TOOK  STEP",
        "  ok        0.01s  dns graph.example.com: 192.0.2.1",
        "  ok        0.05s  tls graph.example.com:443: TLSv1.3, certificate valid until",
        "                     2027-01-31",
        f"  refused   0.10s  token {PERMISSION}: not",
        "                     granted",
        "  ok        1.00s  license, modern, used: /a/very/long/path",
        "  -             -  license, legacy: /y: HTTP 404",
        "",
        "  COLLECTOR  RESULT  API          CUSTOMERS  JOBS  WORKLOADS  SERIES",
        "  license    ok      modern  1,200 of 1,234     5          2   1,007",
        "  The check read only 1234 customers. To read all customers, run avepoint-exporter check.",
        "",
        "  SERIES  METRIC",
        "   1,000  avepoint_x",
        "       7  avepoint_y",
        "",
        "Some customers failed. To log each failure, use --log.level warn.",
        "  contoso/license: 34 of 1,234",
        "    33 customers: /z: HTTP 500 (request r-9)",
        "      ask",
        "    1 customer: odd",
        "",
        "The collector works.",
    ]


def test_each_failure_is_shown_once_with_its_hint() -> None:
    found = lines(
        collector("jobs", "failed", failure=WRONG),
        collector("license", "failed", failure=replace(WRONG, request_id="r-2")),
        collector("customers"), collector("seats", "off", failure=Failure("/z: HTTP 403", "grant q")),
    )  # fmt: skip
    assert found[-7:] == [
        "Optional collectors that are off because their permission is missing:",
        "  contoso/seats: /z: HTTP 403",
        "    grant q",
        "",
        "2 of 4 collectors do not work:",
        "  contoso/jobs, contoso/license: /x: HTTP 403 (request r-1)",
        "    the app lacks p; add it",
    ]


@pytest.mark.parametrize(
    ("collectors", "last"),
    [
        ((collector(),), "The collector works."),
        ((collector(), collector()), "All 2 collectors work."),
        ((collector(result="failed", failure=Failure("odd")),), "  contoso/license: odd"),
        ((collector(), collector(result="off", failure=Failure("/z"))), "1 of 2 collectors works; 1 is off."),
        (
            (collector(), collector(), *(collector(result="off", failure=Failure("/z")),) * 2),
            "2 of 4 collectors work; 2 are off.",
        ),
        (
            (collector(result="skipped", failure=Failure("not tested: token: x")),),
            "  contoso/license: not tested: token: x",
        ),
        ((), "Nothing was tested: every collector is disabled, or all accounts are in other shards."),
    ],
)
def test_the_last_line(collectors: tuple[CollectorReport, ...], last: str) -> None:
    assert lines(*collectors)[-1] == last


def test_text_from_responses_contains_no_control_character_and_no_secret() -> None:
    failure = Failure("bad\n\x1b[31mred client_secret=hunter2", "a\r\nb\u202e", "r\n1")
    bad = report(collector(result="failed", failure=failure))
    found = click.unstyle(text_report(bad, width=80))
    assert all(line.isprintable() for line in found.splitlines())
    assert "hunter2" not in found + json_report(bad)


def test_a_permission_that_was_not_granted() -> None:
    reading = VersionReport("legacy", "p.read.all", is_used=False, result="refused", failure=Failure("no token: x"))
    assert "  refused       -  license, legacy: p.read.all not granted" in lines(
        collector(result="off", versions=(reading,))
    )
    assert "1 of 2 collectors does not work:" in lines(collector(result="failed"), collector())


def test_a_word_wider_than_the_terminal_is_not_broken() -> None:
    path = "/" + "x" * 100
    reading = VersionReport("modern", PERMISSION, is_used=True, result="ok", endpoints=(path,))
    assert any(line.strip() == path for line in lines(collector(versions=(reading,))))


async def test_json_reports_match_their_schema_and_contain_no_secret() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    troubled = whole_portfolio(NAMES[:4], **{overview_path(NAMES[1]): httpx.Response(500)})
    for api, account, most in (
        (whole_tenant(), tenant_with("jobs", "license"), None),
        (whole_tenant(**{MODERN_LICENSE: httpx.Response(403)}), tenant_with("license", api="modern"), None),
        (whole_tenant(**{"/connect/token": lambda _: httpx.Response(500)}), tenant_with("license"), None),
        (troubled, partner_with("customers", "protected_data"), 3),
    ):
        found = await checked(api, account, most=most)
        shown = json_report(found)
        jsonschema.validate(json.loads(shown), SCHEMA, cls=jsonschema.Draft202012Validator)
        for hidden in (SECRET, TOKEN):
            assert hidden not in shown + text_report(found, width=80)


def test_the_whole_report_as_json() -> None:
    steps = (Step("token", "p", "failed", 0.1239, failure=WRONG),)
    reading = VersionReport("modern", "p", is_used=False, result="failed", endpoints=("/x",), failure=WRONG)
    one = collector(result="failed", versions=(reading,), failure=WRONG)
    found = json.loads(json_report(report(one, steps=steps)))
    failure = {"error": "/x: HTTP 403", "hint": "the app lacks p; add it", "request_id": "r-1"}
    assert found.pop("exporter")
    assert found == {
        "version": 1, "checked_at": "2026-11-18T11:06:40Z", "ok": False, "seconds": 1.235, "customers_at_most": None,
        "accounts": [{
            "name": "contoso", "type": "partner", "api": "auto", "url": "https://graph.example.com", "ok": False,
            "steps": [{"step": "token", "target": "p", "result": "failed", "seconds": 0.124, "detail": "", **failure}],
            "collectors": [{
                "name": "license", "result": "failed", "api_version": "modern", "seconds": 0.5, "customers": None,
                "customers_failed": 0, "customer_errors": [], "jobs": None, "workloads": None, "series": {}, **failure,
                "api_versions": [{
                    "api_version": "modern", "permission": "p", "used": False, "result": "failed", "seconds": 0.0,
                    "endpoints": ["/x"], **failure,
                }],
            }],
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("customers", "shown"), [(None, False), (0, False), (2, False), (3, True)], ids=["none", "zero", "all", "limited"]
)
def test_the_limit_of_quick_is_only_mentioned_if_it_was_reached(customers: int | None, shown: bool) -> None:
    listing = collector("customers", summary=ReadSummary(customers=250))
    per_customer = collector("protected_data", summary=ReadSummary(customers=customers), is_per_customer=True)
    found = lines(listing, per_customer, most=3)
    assert ("  The check read only 3 customers. To read all customers, run avepoint-exporter check." in found) is shown
    assert ("read only" in "".join(found)) is shown


@pytest.mark.parametrize(("offset", "shown"), [(None, ""), (299.0, ""), (301.0, "ahead of"), (-4000.0, "behind")])
def test_clocks_that_differ(offset: float | None, shown: str) -> None:
    observations = Observations(clock_offset=offset)
    account = replace(report(collector()).accounts[0], observations=observations)
    found = " ".join(text_report(Report((account,), 1.0, 1_795_000_000.0), width=200).split())
    assert ("AvePoint's clock is" in found) is bool(shown)
    if shown:
        assert f"{abs(offset or 0):,.0f} s {shown} the clock of this machine; synchronize the clock" in found
