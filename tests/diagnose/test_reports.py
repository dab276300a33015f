"""The two ways of showing a report: text for people, JSON for scripts; no secret in either."""

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
    ReadReport,
    ReadSummary,
    Report,
    ReportedError,
    Step,
)
from exporter.diagnose.report_json import document
from exporter.diagnose.report_text import text
from tests.diagnose.support import checked, partner_with, tenant_with
from tests.diagnose.test_examination import MODERN_LICENSE, NAMES, whole_portfolio, whole_tenant
from tests.helpers import SECRET, TOKEN, overview_path

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check.schema.json").read_text(encoding="utf-8"))
PERMISSION = "microsoft365backup.subscriptionInfo.read.all"
WRONG = ReportedError("/x: HTTP 403", "the app lacks p; add it", "r-1")


def report(*collectors: CollectorReport, steps: tuple[Step, ...] = (), most: int | None = None) -> Report:
    account = AccountReport("contoso", "partner", "auto", "https://graph.example.com", steps, collectors)
    return Report((account,), 1.23456, 1_795_000_000.0, most)


def collector(name: str = "license", result: Any = "ok", **more: Any) -> CollectorReport:
    return CollectorReport(name, result, "modern", 0.5, more.pop("readings", ()), **more)


def lines(*collectors: CollectorReport, width: int = 80, **more: Any) -> list[str]:
    return click.unstyle(text(report(*collectors, **more), width=width)).splitlines()


def test_the_whole_report_in_text() -> None:
    steps = (
        Step("dns", "graph.example.com", "ok", 0.012, "192.0.2.1"),
        Step("tls", "graph.example.com:443", "ok", 0.05, "TLSv1.3, certificate valid until 2027-01-31"),
        Step("token", PERMISSION, "refused", 0.1, trouble=ReportedError("no token: invalid_scope")),
    )
    reading = ReadReport("modern", PERMISSION, is_used=True, result="ok", seconds=1.0, endpoints=("/a/very/long/path",))
    spare = ReadReport("legacy", PERMISSION, is_used=False, result="failed", trouble=ReportedError("/y: HTTP 404"))
    error_cards = ((33, ReportedError("/z: HTTP 500", "ask", "r-9")), (1, ReportedError("odd")))
    seen = ReadSummary(
        customers=1234, customers_failed=34, customer_troubles=error_cards, jobs=5, workloads=2,
        series={"avepoint_x": 1000, "avepoint_y": 7},
    )  # fmt: skip
    assert lines(collector(readings=(reading, spare), seen=seen), steps=steps, most=3) == [
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
        "  Only the first 3 customers were read.",
        "",
        "  SERIES  FAMILY",
        "   1,000  avepoint_x",
        "       7  avepoint_y",
        "",
        "Some customers could not be read; --log.level warn names each:",
        "  contoso/license: 34 of 1,234",
        "    33 times: /z: HTTP 500 (request r-9)",
        "      ask",
        "    1 time: odd",
        "",
        "The collector works.",
    ]


def test_what_is_wrong_is_told_once_with_what_to_do() -> None:
    found = lines(
        collector("jobs", "failed", trouble=WRONG),
        collector("license", "failed", trouble=replace(WRONG, request_id="r-2")),
        collector("customers"), collector("seats", "off", trouble=ReportedError("/z: HTTP 403", "grant q")),
    )  # fmt: skip
    assert found[-7:] == [
        "Off, which is no mistake:",
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
        ((collector(), collector()), "2 of 2 collectors work."),
        ((collector(result="failed", trouble=ReportedError("odd")),), "  contoso/license: odd"),
        ((), "Nothing was tried: no collector is on, or all accounts are of other shards."),
    ],
)
def test_the_last_line(collectors: tuple[CollectorReport, ...], last: str) -> None:
    assert lines(*collectors)[-1] == last


def test_what_an_answer_said_moves_nothing_on_the_terminal_and_holds_no_secret() -> None:
    trouble = ReportedError("bad\n\x1b[31mred client_secret=hunter2", "a\r\nb\u202e", "r\n1")
    bad = report(collector(result="failed", trouble=trouble))
    found = click.unstyle(text(bad, width=80))
    assert all(line.isprintable() for line in found.splitlines())
    assert "hunter2" not in found + document(bad)


def test_a_permission_that_was_not_granted_to_a_collector() -> None:
    reading = ReadReport("legacy", "p.read.all", is_used=False, result="refused", trouble=ReportedError("no token: x"))
    assert "  refused       -  license, legacy: p.read.all not granted" in lines(
        collector(result="off", readings=(reading,))
    )
    assert "1 of 2 collectors does not work:" in lines(collector(result="failed"), collector())


def test_a_word_that_is_wider_than_the_terminal_stays_whole() -> None:
    path = "/" + "x" * 100
    reading = ReadReport("modern", PERMISSION, is_used=True, result="ok", endpoints=(path,))
    assert any(line.strip() == path for line in lines(collector(readings=(reading,))))


async def test_documents_are_as_their_schema_says_and_hold_no_secret() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    troubled = whole_portfolio(NAMES[:4], **{overview_path(NAMES[1]): httpx.Response(500)})
    for api, account, most in (
        (whole_tenant(), tenant_with("jobs", "license"), None),
        (whole_tenant(**{MODERN_LICENSE: httpx.Response(403)}), tenant_with("license", api="modern"), None),
        (whole_tenant(**{"/connect/token": lambda _: httpx.Response(500)}), tenant_with("license"), None),
        (troubled, partner_with("customers", "protected_data"), 3),
    ):
        found = await checked(api, account, most=most)
        shown = document(found)
        jsonschema.validate(json.loads(shown), SCHEMA, cls=jsonschema.Draft202012Validator)
        for hidden in (SECRET, TOKEN):
            assert hidden not in shown + text(found, width=80)


def test_a_document_in_full() -> None:
    steps = (Step("token", "p", "failed", 0.1239, trouble=WRONG),)
    reading = ReadReport("modern", "p", is_used=False, result="failed", endpoints=("/x",), trouble=WRONG)
    one = collector(result="failed", readings=(reading,), trouble=WRONG)
    found = json.loads(document(report(one, steps=steps)))
    trouble = {"error": "/x: HTTP 403", "hint": "the app lacks p; add it", "request_id": "r-1"}
    assert found.pop("exporter")
    assert found == {
        "version": 1, "checked_at": "2026-11-18T11:06:40Z", "ok": False, "seconds": 1.235, "customers_at_most": None,
        "accounts": [{
            "name": "contoso", "type": "partner", "api": "auto", "url": "https://graph.example.com", "ok": False,
            "steps": [{"step": "token", "target": "p", "result": "failed", "seconds": 0.124, "detail": "", **trouble}],
            "collectors": [{
                "name": "license", "result": "failed", "generation": "modern", "seconds": 0.5, "customers": None,
                "customers_failed": 0, "customer_errors": [], "jobs": None, "workloads": None, "series": {}, **trouble,
                "readings": [{
                    "generation": "modern", "permission": "p", "used": False, "result": "failed", "seconds": 0.0,
                    "endpoints": ["/x"], **trouble,
                }],
            }],
        }],
    }  # fmt: skip
