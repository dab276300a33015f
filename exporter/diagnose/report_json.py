"""The report as JSON; its schema is docs/check.schema.json, and stable: keys are added, never changed."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from exporter import __version__
from exporter.diagnose.report import AccountReport, CollectorReport, ReadReport, Report, ReportedError, Step
from exporter.logs import scrub

VERSION: Final = 1


def document(report: Report) -> str:
    """Write the report."""
    return json.dumps(
        {
            "version": VERSION,
            "exporter": __version__,
            "checked_at": f"{datetime.fromtimestamp(report.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "ok": report.is_fine,
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
        "ok": all(collector.is_fine for collector in account.collectors),
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
        **_trouble(step.trouble),
    }


def _collector(collector: CollectorReport) -> dict[str, Any]:
    seen = collector.seen
    return {
        "name": collector.name,
        "result": collector.result,
        "generation": collector.api_version or None,
        "seconds": round(collector.seconds, 3),
        "customers": seen.customers,
        "customers_failed": seen.customers_failed,
        "customer_errors": [{"customers": count, **_trouble(one)} for count, one in seen.customer_troubles],
        "jobs": seen.jobs,
        "workloads": seen.workloads,
        "series": dict(seen.series),
        **_trouble(collector.trouble),
        "readings": [_reading(reading) for reading in collector.readings],
    }


def _reading(reading: ReadReport) -> dict[str, Any]:
    return {
        "generation": reading.api_version,
        "permission": reading.permission,
        "used": reading.is_used,
        "result": reading.result,
        "seconds": round(reading.seconds, 3),
        "endpoints": list(reading.endpoints),
        **_trouble(reading.trouble),
    }


def _trouble(trouble: ReportedError) -> dict[str, str]:
    return {key: scrub(text) for key, text in asdict(trouble).items()}
