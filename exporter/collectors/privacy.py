"""Names of people and organisations, as far as the configuration lets them be shown."""

import hashlib
import hmac
from typing import Final, Literal

from exporter.config.schema import Account

Shown = bool | Literal["hashed"]
_DIGITS: Final = 16


class NamePolicy:
    """What of an account's names may be seen: as it came, as a hash that only tells them apart, or nothing.

    The hash is keyed with the app's id, so that a list of known names cannot simply be hashed and compared; it is the
    same after a restart and in every shard.
    """

    def __init__(self, account: Account) -> None:
        self._labels = account.labels
        self._key = account.auth.client_id.encode()

    @property
    def shows_owner(self) -> bool:
        """Whether anything of the owner's address is shown."""
        return self._labels.owner_email is not False

    def organization(self, name: str | None) -> str:
        """Give what is shown of an organisation's name."""
        return self._shown(name, self._labels.organization)

    def owner_email(self, address: str | None) -> str:
        """Give what is shown of the owner's address."""
        return self._shown(address, self._labels.owner_email)

    def _shown(self, name: str | None, how: Shown) -> str:
        if not name or how is False:
            return ""
        return name if how is True else hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
