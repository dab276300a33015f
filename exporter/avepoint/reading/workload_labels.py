"""The known values of the label `workload`, for all products."""

from typing import Final

from exporter.avepoint.reading.product_vocabulary import AUDIT_LOG, GOOGLE_APPS, SALESFORCE, google_app
from exporter.avepoint.reading.vocabulary import MODULES, RETENTION, SERVICE_TYPES, WORKLOADS, module, service_type

KNOWN_WORKLOADS: Final = tuple(
    dict.fromkeys(
        name
        for name in (
            *(*WORKLOADS.values(), *SERVICE_TYPES.values(), *MODULES.values()),
            *(*GOOGLE_APPS.values(), SALESFORCE, AUDIT_LOG),
        )
        if name != RETENTION
    )
)


def workload_label(name: str) -> tuple[str, bool]:
    """Return the value of the label `workload` for a name, and whether the name is known.

    Accept every spelling that the API uses. Return an unknown name unchanged.
    """
    if not name.isdigit():  # The meaning of a code depends on the field.
        for known in KNOWN_WORKLOADS:
            if known.casefold() == name.casefold():
                return known, True
        for label, is_known in (module(name), service_type(name), google_app(name)):
            if is_known and label in KNOWN_WORKLOADS:
                return label, True
    return name, False
