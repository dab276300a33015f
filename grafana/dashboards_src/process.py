"""Panels for the processes of exporters. The panels do not show other programs that Prometheus scrapes."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.panels import lines
from grafana.dashboards_src.tables import Column, rows

UNREAD: Final = "No data; check that Prometheus scrapes the exporter"


def targets() -> str:
    """Return the series `up` of each exporter. Exclude other targets.

    If the Prometheus job also has other targets, return only the exporters that are up.
    """
    up, exporters = q.raw("up"), q.recorded("job:avepoint_exporters:count")
    mixed = f"(count by (job) ({up} == 1) > on (job) {exporters})"
    seen = f"{up} and on (job) {q.recorded('job:avepoint_exporter:seen')} unless on (job) {mixed}"
    return f"max by (job, instance) ({seen} or {up} and on (job, instance) {q.raw('avepoint_exporter_build_info')})"


def _of_exporters(expr: str) -> str:
    """Keep only the process metrics of exporters. Other targets have process metrics, too."""
    return f"{expr} and on (job, instance) {q.raw('avepoint_exporter_build_info')}"


def memory() -> timeseries.Panel:
    """Return the panel with the resident memory of each exporter."""
    return lines(
        "Memory",
        "Resident memory. If the memory grows continuously, report a bug with the number of customers.",
        [(_of_exporters(q.raw("process_resident_memory_bytes")), "{{instance}}")],
        unit="bytes", empty=UNREAD,
    )  # fmt: skip


def cpu() -> timeseries.Panel:
    """Return the panel with the processor time of each exporter."""
    return lines(
        "Processor",
        "CPU time per second of real time. If the value stays near 1, scrape less often or use shards.",
        [(_of_exporters(f"rate({q.raw('process_cpu_seconds_total')}[$__rate_interval])"), "{{instance}}")],
        unit="percentunit", empty=UNREAD,
    )  # fmt: skip


def instances() -> table.Panel:
    """Return the table of the exporters, with their versions."""
    start = q.raw("process_start_time_seconds")
    return rows(
        "Running exporters",
        "The version and the start time of each exporter. If an exporter restarts often, see its log.",
        [
            ("A", f"max by (job, instance, version) ({q.raw('avepoint_exporter_build_info')})"),
            ("B", f"1000 * max by (job, instance) ({_of_exporters(start)})"),
        ],
        [
            Column("instance", "Instance"),
            Column("version", "Version", width=100),
            Column("B", "Started", width=150, unit="dateTimeFromNow"),
        ],
        sort="Started",
        empty=UNREAD,
    )
