"""The endpoints of the API. Each endpoint has its own file and one line in the registry below."""

from __future__ import annotations

from typing import Final

from avepoint_simulator.endpoints.partner import (
    app_consent_v3,
    customer_jobs_legacy,
    customer_jobs_v3,
    customers_legacy,
    customers_v3,
    microsoft_seats_v3,
    overview_v3,
    protected_legacy,
    ransomware_v3,
    scan_profiles_v3,
    subscriptions_legacy,
    subscriptions_v3,
    users_v3,
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
    customers_v3.ENDPOINT,
    protected_legacy.ENDPOINT,
    overview_v3.ENDPOINT,
    subscriptions_legacy.ENDPOINT,
    subscriptions_v3.ENDPOINT,
    customer_jobs_legacy.ENDPOINT,
    customer_jobs_v3.ENDPOINT,
    users_v3.ENDPOINT,
    scan_profiles_v3.ENDPOINT,
    app_consent_v3.ENDPOINT,
    ransomware_v3.ENDPOINT,
    microsoft_seats_v3.ENDPOINT,
)
PERMISSIONS: Final = frozenset(endpoint.permission for endpoint in ENDPOINTS)
"""All permissions that the endpoints require."""
