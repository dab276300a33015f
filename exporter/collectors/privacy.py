"""Show, hash or hide the names of people and organizations, as configured."""

import hashlib
import hmac
from typing import Final, Literal

from exporter.config.schema import Account

Shown = bool | Literal["hashed"]
_DIGITS: Final = 16


class NamePolicy:
    """The `labels` setting of an account: it shows names, replaces them with a hash, or hides them.

    The client id of the app is the key of the hash, so a list of hashes of common names does not reveal a name. The
    hash of a name stays the same after a restart and in every shard.
    """

    def __init__(self, account: Account) -> None:
        self._labels = account.labels
        self._key = account.auth.client_id.encode()

    @property
    def shows_owner(self) -> bool:
        """Whether the owner's e-mail address, or its hash, is shown."""
        return self._labels.owner_email is not False

    def organization(self, name: str | None) -> str:
        """Return the label value for the name of an organization or of a Microsoft 365 tenant."""
        return self._shown(name, self._labels.organization)

    def owner_email(self, address: str | None) -> str:
        """Return the label value for the owner's e-mail address."""
        return self._shown(address, self._labels.owner_email)

    def _shown(self, name: str | None, setting: Shown) -> str:
        if not name or setting is False:
            return ""
        return name if setting is True else hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
