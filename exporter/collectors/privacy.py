"""Shows, hashes or hides the names of people and organizations in labels."""

import hashlib
import hmac
from typing import Final

from exporter.config.schema import Account, Shown

_DIGITS: Final = 16


class NamePolicy:
    """Shows, hashes or hides names as configured in the `labels` of an account.

    Names are hashed with the client id as a key. A precomputed table of hashes therefore cannot reveal the names. The
    hash of a name is stable across restarts and shards.
    """

    def __init__(self, account: Account) -> None:
        self._labels = account.labels
        self._key = account.auth.client_id.encode()

    @property
    def shows_owner(self) -> bool:
        """Whether the e-mail addresses of owners are exposed, either in plain text or as hashes."""
        return self._labels.owner_email is not False

    def organization(self, name: str | None) -> str:
        """Return the label value for the name of an organization or a Microsoft 365 tenant."""
        return self._shown(name, self._labels.organization)

    def owner_email(self, address: str | None) -> str:
        """Return the label value for the owner's e-mail address."""
        return self._shown(address, self._labels.owner_email)

    def _shown(self, name: str | None, setting: Shown) -> str:
        if not name or setting is False:
            return ""
        return name if setting is True else hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
