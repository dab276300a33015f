"""Functions that compare AvePoint's responses with the table in exporter/diagnose/assumptions.py.

Findings contain only outcomes from the table, and never values from responses.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from exporter.avepoint import endpoints
from exporter.avepoint.endpoints import Query
from exporter.avepoint.reading import vocabulary
from exporter.collectors.partner.app_consent import APPS
from exporter.collectors.registry import COLLECTORS
from exporter.diagnose import assumptions as table
from exporter.diagnose.assumptions import ASSUMPTIONS, NOT_AVAILABLE, OTHER, Assumption
from exporter.diagnose.values_seen import ObservedOutcome, key_case, state_form, value_findings, word_form

JsonRow = Mapping[str, object]

_LIST_KEYS: Final = ("value", "jobs", "data")
_JOBS: Final = tuple(endpoint.template for endpoint in endpoints.TENANT_JOBS.versions.values())
_LEGACY: Final = frozenset(
    {endpoints.TENANT_JOBS.versions["legacy"].template, endpoints.LICENSE.versions["legacy"].template}
)
_SETTINGS: Final = frozenset(
    pair.modern.template for pair in (endpoints.BACKUP_FREQUENCY, endpoints.RETENTION, endpoints.UNUSUAL_ACTIVITY)
)
_OVERVIEW: Final = endpoints.PROTECTED_DATA.modern.template
_CUSTOMERS: Final = frozenset(endpoint.template for endpoint in endpoints.CUSTOMERS.versions.values())
_CUSTOMER_JOBS: Final = frozenset(endpoint.template for endpoint in endpoints.CUSTOMER_JOBS.versions.values())
_APPS: Final = APPS.modern.template
_ACTIVITY: Final = endpoints.UNUSUAL_ACTIVITY.modern.template
_LEGACY_PATHS: Final = frozenset(
    kind.endpoints.legacy.template for kind in COLLECTORS if kind.endpoints.legacy is not None
)


class Findings:
    """Counts the outcomes of each assumption in an account's responses."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {assumption.name: Counter() for assumption in ASSUMPTIONS}
        self._first_pages: dict[object, tuple[int, frozenset[int]]] = {}

    def counts(self, assumption: Assumption) -> Mapping[str, int]:
        """Return how often each outcome of an assumption was found."""
        return self._counts[assumption.name]

    def add(self, assumption: Assumption, outcome: str) -> None:
        """Count an outcome. If the table does not contain the outcome, count "other"."""
        self._counts[assumption.name][outcome if outcome in assumption.outcomes else OTHER] += 1

    def response(self, path: str, query: Query, response: object) -> None:
        """Count the outcomes in a decoded response. `path` is the path template of the endpoint."""
        keys = _folded(response)
        rows = _rows(response)
        self.add(table.API_VERSION, "legacy" if path in _LEGACY_PATHS else "modern")
        for finding in (*_page(path, query, response, rows), *_body(path, query, response, keys)):
            self.add(*finding)
        for row in rows:
            for part in (row, *_parts(row)):
                if (case := key_case(list(part))) is not None:
                    self.add(table.KEY_CASE, case)
                for finding in (*value_findings(_folded(part)), *_names(path, _folded(part))):
                    self.add(*finding)
        if path in _CUSTOMER_JOBS:
            self._customer_jobs(rows)
        if path == _OVERVIEW and rows:
            tenants = {str(_folded(row).get("tenantid")) for row in rows} - {"None", ""}
            self.add(table.TENANTS, ("no tenant", "one tenant", "several tenants")[min(len(tenants), 2)])
        if path == _APPS:
            self.add(table.CONSENT, ("no app", "one app", "several apps")[min(len(rows), 2)])
        if path in _JOBS:
            self._page_base(path, query, rows)

    def _customer_jobs(self, rows: list[JsonRow]) -> None:
        keys = ("jobtype", "jobmodule", "name")
        modules = Counter(tuple(str(row.get(key)) for key in keys) for row in map(_folded, rows))
        if modules:
            self.add(table.CUSTOMER_JOBS, "one" if max(modules.values()) == 1 else "several")

    def _page_base(self, path: str, query: Query, rows: list[JsonRow]) -> None:
        """Compare page 0 of a list with page 1, to determine the index of the first page."""
        index = {key.lower(): value for key, value in query.items()}.get("pageindex")
        if str(index) not in ("0", "1"):
            return
        same_list = (path, *sorted((key, str(value)) for key, value in query.items() if key.lower() != "pageindex"))
        ids = frozenset(hash(str(_folded(row).get("id"))) for row in rows)
        if str(index) == "0":
            self._first_pages[same_list] = (len(rows), ids)
            if ids:
                self.add(table.PAGE_BASE, "0")
        elif ids and same_list in self._first_pages:
            count, first = self._first_pages[same_list]
            if not count:
                self.add(table.PAGE_BASE, "1 (page 0 is empty)")
            elif ids == first:
                self.add(table.PAGE_BASE, "1 (page 0 returns the same rows)")


def _folded(value: object) -> dict[str, object]:
    return {str(key).lower(): part for key, part in value.items()} if isinstance(value, dict) else {}


def _rows(response: object) -> list[JsonRow]:
    """Return the rows of a response. If the response is a single record, return only this record."""
    if isinstance(response, list):
        return [row for row in response if isinstance(row, dict)]
    keys = _folded(response)
    found = next((keys[key] for key in _LIST_KEYS if key in keys), None)
    if isinstance(found, dict):
        return _rows(found) if "data" in _folded(found) else [found]
    if isinstance(found, list):
        return _rows(found)
    return [response] if isinstance(response, dict) and not keys.keys() & {*_LIST_KEYS} else []


def _parts(row: JsonRow) -> Iterator[JsonRow]:
    for value in row.values():
        parts = value if isinstance(value, list) else [value]
        yield from (part for part in parts if isinstance(part, dict))


def _page(path: str, query: Query, response: object, rows: list[JsonRow]) -> Iterator[ObservedOutcome]:
    """Yield findings about the total, the next link and the size of a page."""
    if not isinstance(response, dict):
        return
    keys = _folded(response)
    about = {**keys, **_folded(keys.get("metadata"))}
    is_paged = path in _JOBS or "metadata" in keys or "value" in keys
    if not is_paged or path in _SETTINGS:
        return
    requested = {key.lower().lstrip("$"): value for key, value in query.items()}
    size = requested.get("pagesize", requested.get("top"))
    total_key = next((key for key in table.TOTAL_KEY.outcomes if key.lower() in about), None)
    if total_key is None:
        yield table.TOTAL, "absent"
    else:
        yield table.TOTAL_KEY, total_key
        yield from _totals(about[total_key.lower()], len(rows), size, requested.get("pageindex", requested.get("skip")))
    link = about.get("nextlink", about.get("@odata.nextlink", "missing"))
    yield table.NEXT_LINK, _link_form(link)


def _totals(total: object, rows: int, size: str | int | None, position: str | int | None) -> Iterator[ObservedOutcome]:
    if not isinstance(total, int) or isinstance(total, bool):
        yield table.TOTAL, OTHER
    elif total == rows or total in _ends(rows, size, position):
        yield table.TOTAL, "number of all rows"
    elif total < rows:
        yield table.TOTAL, "smaller than the page"
    else:
        is_full = size is not None and rows >= int(size)
        yield table.TOTAL, "larger than a full page" if is_full else "larger than a partial page"
        yield table.PAGE_SIZE, "as requested" if is_full else "smaller"


def _ends(rows: int, size: str | int | None, position: str | int | None) -> tuple[int, ...]:
    """Return the number of rows on this page and all earlier pages, for each possible meaning of `position`.

    `position` can be a zero-based page index, a one-based page index, or the number of rows before the page.
    """
    if size is None or position is None or not (str(size).isdecimal() and str(position).isdecimal()):
        return ()
    index, length = int(position), int(size)
    return index * length + rows, (index - 1) * length + rows, index + rows


def _link_form(link: object) -> str:
    if link == "missing":
        return "absent"
    if not isinstance(link, str) or not link.strip():
        return "empty"
    if "://" in link:
        return "absolute URL"
    return "path" if "?" in link else "token"


def _body(path: str, query: Query, response: object, keys: Mapping[str, object]) -> Iterator[ObservedOutcome]:
    """Yield findings about the structure of a response."""
    if path == _OVERVIEW:
        yield table.OVERVIEW_SHAPE, "bare array" if isinstance(response, list) else "paged"
    if path in _LEGACY:
        yield table.ERROR_FIELD, "absent" if "error" not in keys else "empty"
    if path == _ACTIVITY:
        yield table.ACTIVITY_SHAPE, "nested" if isinstance(keys.get("data"), dict) else "bare"
        times = [value for key, value in query.items() if key.lower() == "starttime"]
        yield table.ACTIVITY_TIMES, "times" if any("T" in str(value) for value in times) else "dates"
    if query.get("location"):
        yield table.LOCATION, "rows" if _rows(response) else "no rows"


def _names(path: str, row: JsonRow) -> Iterator[ObservedOutcome]:
    """Yield findings about the states, statuses and products in a row of a list."""
    if path in _JOBS and (state := row.get("state")) is not None:
        name, is_known = vocabulary.job_state(str(state))
        yield table.STATE, name if is_known else "unknown"
        if (form := state_form(state)) is not None:
            yield table.STATE_FORM, form
    if path in _JOBS:
        endings = {key[5:] for key in row if key.startswith("total") and key != "total"}
        yield from ((table.DETAILS_KEYS, ending.capitalize()) for ending in endings if ending in ("count", "number"))
    if path in _CUSTOMER_JOBS and (status := row.get("status")) is not None:
        yield from _customer_job(row, status)
    if path in _CUSTOMERS and (status := row.get("jobstatus")) is not None:
        found, is_known = vocabulary.customer_status(str(status))
        yield table.CUSTOMER_STATUS, "unknown" if not is_known else found or NOT_AVAILABLE
        yield table.CUSTOMER_STATUS_FORM, word_form(status)
    if path in _SETTINGS and (service := row.get("servicetype")) is not None:
        yield table.SERVICE_TYPE, word_form(service)


def _customer_job(row: JsonRow, status: object) -> Iterator[ObservedOutcome]:
    state, is_known = vocabulary.job_status(str(status))
    yield table.JOB_STATUS, "unknown" if not is_known or state is None else state
    yield table.JOB_FORM, word_form(status)
    job_type = str(row.get("jobtype", ""))
    product, is_known = vocabulary.job_service(job_type)
    if product:
        yield table.PRODUCT, product if is_known else "unknown"
    if product == vocabulary.MICROSOFT_365_SCAN or job_type == NOT_AVAILABLE:
        yield table.SCAN_ROW, "the status and the type" if product else "only the status"
