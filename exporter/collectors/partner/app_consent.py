"""Consent of each Microsoft 365 tenant to the backup app: GET …/product/Office365Backup/apps."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import ELEMENTS, Endpoint, EndpointPair, Paging, fields
from exporter.avepoint.lists import ListReader
from exporter.collectors.base import CollectorContext, Family, Sample
from exporter.collectors.per_tenant import PerTenantCollector
from exporter.collectors.unread import Unread, unread_samples
from exporter.config.schema import CollectorOptions, Interval

APPS: Final = EndpointPair(
    Endpoint(
        "GET",
        f"{ELEMENTS}/{{customerId}}/tenants/{{tenantId}}/product/Office365Backup/apps",
        "elements.customers.read.all",
        Paging.ELEMENTS,
        fields("isConsent"),
    )
)
CONSENT = Family(
    "avepoint_app_consent",
    "1 if a Microsoft 365 tenant has granted consent to the backup app, else 0; "
    "from GET …/product/Office365Backup/apps, cached between refreshes.",
    ("account", "customer_id", "tenant_id"),
)
Consents = tuple[bool | None, ...]
"""Whether each backup app of a tenant has consent. Unreadable values are None."""


class AppConsentOptions(CollectorOptions):
    """Options of the collector `app_consent`."""

    interval: Interval = Field(21_600.0, description="Time between the starts of consecutive refreshes.")


class AppConsentCollector(PerTenantCollector[AppConsentOptions, Consents]):
    """Collects the consent of each Microsoft 365 tenant to the backup app."""

    name = "app_consent"
    endpoints: ClassVar = APPS
    options_type = AppConsentOptions
    families = (CONSENT,)

    def __init__(self, context: CollectorContext, options: AppConsentOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, APPS)

    async def read_tenant(self, customer_id: str, tenant_id: str) -> Consents:
        """Return the consents of a tenant's backup apps. Raise AvePointError if a request fails."""
        rows = await self._list.rows(self.api_versions, customer_id, tenant_id)
        return tuple(row.needed_flag("isConsent") for row in rows)

    @classmethod
    def samples(cls, records: Mapping[str, Consents], customer_id: str) -> Iterable[Sample]:
        """Return the samples for the tenants of one customer. A tenant without a backup app has no samples."""
        for tenant_id, consents in records.items():
            if False in consents or (consents and None not in consents):
                yield Sample(CONSENT, (customer_id, tenant_id), float(all(consents)))
        if any(None in consents for consents in records.values()):
            yield from unread_samples([Unread(CONSENT.name)], customer_id)
