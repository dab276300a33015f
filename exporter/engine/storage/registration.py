"""Functions that check whether stored data still matches the configuration of an account."""

import hashlib
from collections.abc import Mapping
from typing import Final

from exporter.config.schema import Account, Labels

_DEFAULT_LABELS: Final[Mapping[str, object]] = {
    **Labels().model_dump(),
    "tenant": Labels().organization,
    "geo_location": [],
}


def registration_id(account: Account) -> str:
    """Return a digest of an account's type, API URL and client ID. The digest does not depend on secrets."""
    text = "\n".join((account.type, account.api_url, account.auth.client_id))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def label_settings(account: Account) -> Mapping[str, object]:
    """Return the settings that determine label values. The keys are label names, and the settings are JSON values."""
    labels = account.labels
    return {**labels.model_dump(), "tenant": labels.organization, "geo_location": list(account.locations)}


def changed_labels(former: object, account: Account) -> frozenset[str]:
    """Return the labels whose settings changed. The caller must drop stored samples with these labels."""
    before = former if isinstance(former, Mapping) else {}
    settings = label_settings(account)
    return frozenset(name for name, value in settings.items() if before.get(name, _DEFAULT_LABELS[name]) != value)
