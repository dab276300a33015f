"""Write what documents take from the code: two pages, and tables in others; with --check say whether it is current."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr, StringConstraints
from pydantic.fields import FieldInfo

from exporter.collectors.base import Collector, Family
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS
from exporter.config.expectations import ExpectationException, Expectations, Limits
from exporter.config.schema import (
    Account,
    Auth,
    Config,
    CustomerFilter,
    EnvironmentVariable,
    Labels,
    Requests,
    Shown,
    Tls,
    Url,
)
from exporter.config.sections import format_duration, is_duration
from exporter.diagnose.assumptions import ASSUMPTIONS
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import STATUS_FAMILIES
from exporter.health.families import FAMILIES as VERDICT_FAMILIES

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
_WRITTEN: Final = "<!-- Written by scripts/generate_docs.py; change the code instead and run `make docs`. -->"
_NAMED: Final = {
    get_args(Url)[1]: "https:// URL",
    get_args(EnvironmentVariable)[1]: "name of an environment variable",
    get_args(Shown)[1]: "true, false or `hashed`",
}
_PLAIN: Final[dict[object, str]] = {
    str: "string", int: "integer", float: "number", bool: "true or false", Path: "file", SecretStr: "string, secret",
}  # fmt: skip
_CONFIGURATION: Final = (
    "`--config.file` names a YAML file; [config.example.yaml](../config.example.yaml) shows every key.",
    "`avepoint-exporter --config.check` checks a file without any request; each error names path, line and account.",
    (
        "A key without a value has its default. Top-level keys that begin with `x-` are ignored."
        " Relative paths count from the directory of the file."
    ),
    "Durations are written as in Prometheus: `30s`, `5m`, `1h30m`, `7d`.",
)
_ASSUMPTIONS: Final = """\
AvePoint's documents leave some properties of responses open or contradict each other. The exporter accepts every
outcome in this table. `avepoint-exporter check --report` prints the outcomes of your accounts, without names, IDs,
addresses and secrets. Please add its output to bug reports.

The source is the origin of the expected outcome. `seed` and `docs` are AvePoint's documents, `field` is a response of
the real API, and `assumed` has no source. The switch selects an outcome in the
[simulator](../avepoint_simulator/README.md).

| name | question | outcomes, the expected one first | source | switch |
| --- | --- | --- | --- | --- |"""
_METRICS: Final = (
    'Absent means "does not apply" or "not known", and is never written as 0. A label without a value is left out, as'
    " `customer_id` is on tenant accounts. Values are cached between refreshes and dropped when they are older than"
    " the collector's `max_age`."
)
_VERDICT: Final = (
    "The exporter decides from [expectations](configuration.md#expectations) and what its collectors read. A problem"
    " begins only on fresh facts, and ends only on fresh facts newer than its beginning: it stays while facts are"
    " missing, and over restarts with persistent state."
)
_PERMISSIONS: Final = ("account", "collector", "permission", "of the API's first generation", "not granted")
_MARKED: Final = re.compile(
    r"^(?P<indent> *)(?P<begin><!-- permissions of (?P<types>[a-z, ]+); written by `make docs` -->)$"
    r".*?^ *<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
_OWN_LIBRARY: Final = (
    "prometheus-client's `process_*` and `python_*` metrics are there too. No metric has a `_created` series."
)

_SOURCE: Final = re.compile("; (?:from|decided by) ")
_SERIES: Final = (
    "The column *series* gives how many there are at most: `customers` are a partner's customers (1 for a tenant),"
    " `workloads` those that the customer or tenant has, `geo locations` the configured ones of a Multi-Geo tenant,"
    " else 1."
)
_HEAD: Final = ("metric", "type", "unit", "labels", "series", "help")
_UNITS: Final = (
    ("_timestamp_seconds", "Unix seconds"), ("_seconds", "seconds"), ("_bytes", "bytes"), ("_objects", "objects"),
    ("_seats", "seats"), ("_sites", "sites"), ("_jobs", "jobs"), ("_jobs_completed", "jobs"), ("_errors", "errors"),
    ("_requests", "requests"), ("_values", "values"), ("_lists", "lists"), ("_units", "units"), ("_per_day", "a day"),
    ("_problem", "1"), ("_verdict_customers", "customers"), ("_backups_completed", "backups"),
    ("_assigned", "licences"), ("_available", "licences"), ("_info", "1"), ("_state", "1"), ("_status", "1"),
    ("_total_shards", "shards"), ("_shard", "index"),
    ("", "0 or 1"),
)  # fmt: skip
"""By how a name ends; the first that fits."""
_NOUNS: Final = {
    "account": "accounts", "customer_id": "customers", "service_type": "services", "workload": "workloads",
    "job_type": "job types", "geo_location": "geo locations", "storage": "2 storages", "state": "states",
    "result": "results", "problem": "problems", "product": "products",
    "verdict": "3 verdicts", "has_code": "2", "collector": "collectors", "path": "paths", "code": "codes",
    "field": "fields", "subscription": "subscriptions", "status": "statuses",
}  # fmt: skip
_OWN_QUERIES: Final = {
    "avepoint_api_requests_total": 'sum by (account, path) (rate(avepoint_api_requests_total{code!="200"}[15m]))',
    "avepoint_api_request_duration_seconds":
        "histogram_quantile(0.9, sum by (account, le) (rate(avepoint_api_request_duration_seconds_bucket[1h])))",
    "avepoint_api_throttled_seconds_total": "rate(avepoint_api_throttled_seconds_total[1h]) > 0.5",
    "avepoint_token_requests_total": 'increase(avepoint_token_requests_total{result!="success"}[1h])',
    "avepoint_certificate_expiry_timestamp_seconds":
        "avepoint_certificate_expiry_timestamp_seconds - time() < 21 * 86400",
    "avepoint_parse_errors_total": "increase(avepoint_parse_errors_total[6h]) > 0",
    "avepoint_unknown_values_total": "increase(avepoint_unknown_values_total[6h]) > 0",
    "avepoint_api_clock_offset_seconds": "abs(avepoint_api_clock_offset_seconds) > 300",
    "avepoint_incomplete_lists_total": "increase(avepoint_incomplete_lists_total[6h]) > 0",
    "avepoint_exporter_build_info": "count by (version) (avepoint_exporter_build_info)",
    "avepoint_exporter_shard": "sort(avepoint_exporter_shard)",
    "avepoint_exporter_total_shards":
        "max by (job) (avepoint_exporter_total_shards) - count by (job) (avepoint_exporter_shard)",
    "avepoint_exporter_config_last_reload_successful": "avepoint_exporter_config_last_reload_successful == 0",
    "avepoint_exporter_config_last_reload_success_timestamp_seconds":
        "time() - avepoint_exporter_config_last_reload_success_timestamp_seconds",
}  # fmt: skip

Rows = Iterable[Sequence[str]]


class _Described(NamedTuple):
    """One of the exporter's own metrics, described as a family of a collector is."""

    name: str
    type: str
    labels: Sequence[str]
    help: str
    query: str


def main(arguments: Sequence[str], docs: Path = DOCS) -> int:
    """Write the documents, or with --check compare them; return the exit code."""
    pages = {
        docs / "configuration.md": configuration(),
        docs / "metrics.md": metrics(),
        docs / "assumptions.md": assumptions(),
    }
    for path in (docs.parent / "README.md", *docs.glob("getting-started-*.md")):
        if path.exists():
            pages[path] = with_permissions(path.read_text(encoding="utf-8"))
    return write(pages, arguments)


def assumptions() -> str:
    """Return the page about the open questions of the API."""
    lines = ["# Assumptions about AvePoint's API", "", _WRITTEN, "", _ASSUMPTIONS]
    for one in ASSUMPTIONS:
        switches = ", ".join(f"`{switch}`" for switch in one.switches)
        lines.append(f"| {one.name} | {one.question} | {'; '.join(one.outcomes)} | {one.source} | {switches} |")
    return "\n".join(lines) + "\n"


def write(pages: Mapping[Path, str], arguments: Sequence[str]) -> int:
    """Write the pages, or with --check compare them; return the exit code."""
    if arguments == ["--check"]:
        stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
        for path in stale:
            print(f"{path} is not what the code says; run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print(f"usage: {Path(sys.argv[0]).name} [--check]", file=sys.stderr)
        return 1
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return 0


def configuration() -> str:
    """Write every key of the configuration file with its type, default, bounds and meaning."""
    parts = ["# Configuration", _WRITTEN, *_CONFIGURATION]
    sections: list[tuple[str, type[BaseModel]]] = [
        ("", Config), ("accounts[]", Account), ("accounts[].auth", Auth), ("accounts[].requests", Requests),
        ("accounts[].tls", Tls), ("accounts[].customers", CustomerFilter),
        ("accounts[].labels", Labels), ("expectations", Expectations),
        ("expectations.exceptions[]", ExpectationException),
    ]  # fmt: skip
    for path, section in sections:
        parts += [f"## `{path}`" if path else "## The file", str(section.__doc__), _section(path, section)]
    parts += ["## Collectors", "Each is on unless it says `enabled: false`."]
    for account_type, kinds in catalogue().items():
        for name, options in kinds.items():
            path = f"accounts[].collectors.{name}"
            parts += [f"### `{path}`", f"Of `{account_type}` accounts.", _section(path, options)]
    parts += ["## Environments", _environments()]
    return "\n\n".join(parts) + "\n"


def _section(path: str, section: type[BaseModel]) -> str:
    rows = [
        (
            f"`{path}.{name}`" if path else f"`{name}`",
            _type(field),
            _default(field),
            _bounds(field),
            field.description or "",
        )
        for name, field in section.model_fields.items()
        if section is not ExpectationException or name not in Limits.model_fields  # described once, by expectations
    ]
    return _table(("key", "type", "default", "bounds", "meaning"), rows)


def _environments() -> str:
    own = {environment.data_center for environment in ENVIRONMENTS.values()}
    centers = ", ".join(f"`{center}`" for center in sorted(DATA_CENTERS - own))
    rows = [
        (f"`{name}`", f"`{its.data_center}`" if its.data_center else centers, its.token_url, its.partner_url)
        for name, its in ENVIRONMENTS.items()
    ]
    return _table(("environment", "data centers of tenants", "tokens", "API of partners"), rows)


def _metadata(field: FieldInfo) -> list[Any]:
    """Collect what is said of a value besides its type, also of one that may be left out."""
    inner = [part for argument in get_args(field.annotation) for part in getattr(argument, "__metadata__", ())]
    return [
        part
        for item in [*field.metadata, *inner]
        for part in (item.metadata if isinstance(item, FieldInfo) else [item])
    ]


def _type(field: FieldInfo) -> str:
    if is_duration(field):
        return "duration"
    named = [_NAMED[part] for part in _metadata(field) if part in _NAMED]
    return named[0] if named else _plain_type(field.annotation)


def _plain_type(annotation: object) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in parts)
    if origin is tuple:
        return f"list of {_plain_type(parts[0])}"
    if origin in (Annotated, Union, UnionType):
        return _plain_type(parts[0])
    return _PLAIN.get(annotation, "mapping")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None:
        return "none"
    if is_duration(field):
        return f"`{format_duration(value)}`"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _bounds(field: FieldInfo) -> str:
    write = format_duration if is_duration(field) else "{:g}".format
    words = []
    for part in _metadata(field):
        match part:
            case Ge(ge=float() | int() as number):
                words.append(f"at least {write(number)}")
            case Gt(gt=float() | int() as number):
                words.append(f"above {write(number)}")
            case Le(le=float() | int() as number):
                words.append(f"at most {write(number)}")
            case StringConstraints(max_length=int(length)):
                words.append(f"1 to {length} characters")
            case StringConstraints(pattern=str(pattern)):
                words.append(f"`{pattern}`")
            case MinLen():
                words.append("not empty")
    return ", ".join(words)


def metrics() -> str:
    """Write every metric with its type, unit, labels, number of series, help and an example, by what it comes from."""
    parts = ["# Metrics", _WRITTEN, _METRICS, _SERIES]
    for kind in COLLECTORS:
        shown = [family for family in kind.families if not family.internal]
        source = next(one.help.partition("; from ")[2] for one in kind.families if "; from " in one.help)
        parts += [
            f"## Collector `{kind.name}`",
            f"Of `{kind.account_type}` accounts. {kind.__doc__}",
            f"Source: {source.partition(', cached')[0]}. Permission: {_permission(kind)}.",
            _table(_HEAD, map(_row, shown)),
            _examples(shown),
        ]
    parts += ["## Of the verdict", _VERDICT, _table(_HEAD, map(_row, VERDICT_FAMILIES)), _examples(VERDICT_FAMILIES)]
    parts += ["## Of every collector", _table(_HEAD, map(_row, STATUS_FAMILIES)), _examples(STATUS_FAMILIES)]
    own = tuple(_own())
    parts += ["## Of the exporter itself", _table(_HEAD, map(_row, own)), _examples(own), _OWN_LIBRARY]
    return "\n\n".join(parts) + "\n"


def _permission(kind: type[Collector[Any, Any]]) -> str:
    modern, legacy = kind.permissions["modern"], kind.permissions.get("legacy")
    if legacy is None:
        return f"`{modern}`; the legacy endpoints do not have it"
    return f"`{modern}`" if modern == legacy else f"`{modern}`, of the legacy endpoints `{legacy}`"


def with_permissions(page: str) -> str:
    """Fill the marked places of a page with the permissions of the named types of account."""
    return _MARKED.sub(_permissions, page)


def _permissions(place: re.Match[str]) -> str:
    rows = [_permission_row(kind) for kind in COLLECTORS if kind.account_type in place["types"].split(", ")]
    lines = [place["begin"], "", *_table(_PERMISSIONS, rows).splitlines(), "", "<!-- end -->"]
    return "\n".join(f"{place['indent']}{line}".rstrip() for line in lines)


def _permission_row(kind: type[Collector[Any, Any]]) -> Sequence[str]:
    modern, legacy = kind.permissions["modern"], kind.permissions.get("legacy")
    first = "not there" if legacy is None else f"`{legacy}`"
    return kind.account_type, f"`{kind.name}`", f"`{modern}`", first, "off" if kind.optional else "fails"


def _row(family: "_Described | Family") -> Sequence[str]:
    text = f"{family.help.partition('; from ')[0].rstrip('.')}."
    return f"`{family.name}`", family.type, _unit(family.name), _labels(family.labels), _series(family), text


def _unit(name: str) -> str:
    return next(unit for ending, unit in _UNITS if name.removesuffix("_total").endswith(ending))


def _series(family: "_Described | Family") -> str:
    """Return how many series there are, as a product; of a label whose other values have no series there is one."""
    one_of_many = ("state", "status") if family.help.startswith("1 for") else ()
    counted = [name for name in family.labels if name not in (*one_of_many, "severity")]
    if family.name.endswith("_info"):  # its other labels say more of the same thing
        counted = [name for name in counted if name in _NOUNS]
    return " \N{MULTIPLICATION SIGN} ".join(_NOUNS.get(name, f"{name}s") for name in counted) or "1"


def _examples(families: Iterable["_Described | Family"]) -> str:
    return "\n".join(["```promql", *(one.query for one in families if one.query), "```"])


def _own() -> Iterator["_Described"]:
    registry = OwnMetrics(with_process=False)._registry  # noqa: SLF001 - the library tells labels nowhere else
    for collector in registry._collector_to_names:  # noqa: SLF001 - as above
        if isinstance(collector, MetricWrapperBase):
            (metric,) = collector.describe()
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            yield _Described(name, metric.type, collector._labelnames, metric.documentation, _OWN_QUERIES[name])  # noqa: SLF001 - as above


def _labels(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
