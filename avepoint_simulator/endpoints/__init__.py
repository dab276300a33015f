"""The endpoints of the API. Each endpoint has its own file and one line in the registry below."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner import (
    customer_jobs_legacy,
    customers_legacy,
    protected_legacy,
    subscriptions_legacy,
)
from avepoint_simulator.endpoints.partner_v3 import (
    app_consent,
    customer_jobs,
    customers,
    microsoft_seats,
    overview,
    ransomware,
    scan_profiles,
    subscriptions,
    users,
)
from avepoint_simulator.endpoints.tenant import (
    backup_frequency,
    google_jobs,
    jobs_legacy,
    jobs_modern,
    license_legacy,
    license_modern,
    retention,
    salesforce_jobs,
    unusual_activity,
)
from avepoint_simulator.requests import EndpointHandler

ENDPOINTS: Final[tuple[EndpointHandler, ...]] = (
    jobs_legacy.ENDPOINT,
    jobs_modern.ENDPOINT,
    license_legacy.ENDPOINT,
    license_modern.ENDPOINT,
    unusual_activity.ENDPOINT,
    backup_frequency.ENDPOINT,
    retention.ENDPOINT,
    google_jobs.ENDPOINT,
    salesforce_jobs.ENDPOINT,
    customers_legacy.ENDPOINT,
    customers.ENDPOINT,
    protected_legacy.ENDPOINT,
    overview.ENDPOINT,
    subscriptions_legacy.ENDPOINT,
    subscriptions.ENDPOINT,
    customer_jobs_legacy.ENDPOINT,
    customer_jobs.ENDPOINT,
    users.ENDPOINT,
    scan_profiles.ENDPOINT,
    app_consent.ENDPOINT,
    ransomware.ENDPOINT,
    microsoft_seats.ENDPOINT,
)
PERMISSIONS: Final = frozenset(endpoint.permission for endpoint in ENDPOINTS)
"""All permissions that the endpoints require."""
