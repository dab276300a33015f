"""Variables of dashboards: data source, job, instance, account, customer, workload.

The value of each variable limits the values of the next variables.
"""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableOption, VariableRefresh, VariableSort

from grafana.dashboards_src.queries import ACCOUNT, CUSTOMER, INSTANCE, JOB

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
# These metrics have the label `workload`. With a regular expression, Prometheus needs only one lookup.
_WITH_WORKLOAD: Final = '__name__=~"avepoint_scanned_objects|avepoint_last_job_start_timestamp_seconds"'
_INFO: Final = f"avepoint_customer_info{{{JOB}, {INSTANCE}, {ACCOUNT}}}"

_QUERIES: Final = {
    "job": ("Job", "label_values(avepoint_up, job)"),
    "instance": ("Instance", f"label_values(avepoint_up{{{JOB}}}, instance)"),
    "account": ("Account", f"label_values(avepoint_up{{{JOB}, {INSTANCE}}}, account)"),
    "customer": ("Customer", f"query_result(max by (customer_id, organization) ({_INFO}))"),
    "workload": (
        "Workload",
        f"label_values({{{_WITH_WORKLOAD}, {JOB}, {INSTANCE}, {ACCOUNT}, {CUSTOMER}}}, workload)",
    ),
}
# The variable shows names, but queries use ids.
_CUSTOMER_NAMES: Final = '/customer_id="(?<value>[^"]+)"(?:.*organization="(?<text>[^"]+)")?/'
NAMES: Final = tuple(_QUERIES)


def datasource() -> DatasourceVariable:
    """Return the variable that selects the data source."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def query(name: str) -> QueryVariable:
    """Return a variable whose values are the result of a query."""
    label, text = _QUERIES[name]
    variable = (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": text, "refId": name})
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )
    return variable.regex(_CUSTOMER_NAMES) if name == "customer" else variable
