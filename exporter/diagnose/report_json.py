"""The report as JSON, in the format of docs/check.schema.json.

New versions of the exporter can add keys, but never change existing keys.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from exporter import __version__
from exporter.diagnose.report import AccountReport, CollectorReport, Report, Step, VersionReport
from exporter.errors import Failure
from exporter.logs import scrub

VERSION: Final = 1


def json_report(report: Report) -> str:
    """Return the report as a JSON document."""
    return json.dumps(
        {
            "version": VERSION,
            "exporter": __version__,
            "checked_at": f"{datetime.fromtimestamp(report.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "ok": report.is_ok,
            "seconds": round(report.seconds, 3),
            "customers_at_most": report.customers_at_most,
            "accounts": [_account(account) for account in report.accounts],
        },
        indent=2,
        ensure_ascii=False,
    )


def _account(account: AccountReport) -> dict[str, Any]:
    return {
        "name": account.name,
        "type": account.type,
        "api": account.api,
        "url": account.url,
        "ok": all(collector.is_ok for collector in account.collectors),
        "steps": [_step(step) for step in account.steps],
        "collectors": [_collector(collector) for collector in account.collectors],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "step": step.kind,
        "target": step.target,
        "result": step.result,
        "seconds": round(step.seconds, 3),
        "detail": step.detail,
        **_failure(step.failure),
    }


def _collector(collector: CollectorReport) -> dict[str, Any]:
    summary = collector.summary
    return {
        "name": collector.name,
        "result": collector.result,
        "api_version": collector.api_version or None,
        "seconds": round(collector.seconds, 3),
        "customers": summary.customers,
        "customers_failed": summary.customers_failed,
        "customer_errors": [
            {"customers": customers, **_failure(failure)} for customers, failure in summary.customer_failures
        ],
        "jobs": summary.jobs,
        "workloads": summary.workloads,
        "series": dict(summary.series),
        **_failure(collector.failure),
        "api_versions": [_version(version) for version in collector.versions],
    }


def _version(version: VersionReport) -> dict[str, Any]:
    return {
        "api_version": version.api_version,
        "permission": version.permission,
        "used": version.is_used,
        "result": version.result,
        "seconds": round(version.seconds, 3),
        "endpoints": list(version.endpoints),
        **_failure(version.failure),
    }


def _failure(failure: Failure | None) -> dict[str, str]:
    failure = failure or Failure("")
    return {
        "error": scrub(failure.message), "hint": scrub(failure.hint), "request_id": scrub(failure.request_id)
    }  # fmt: skip
