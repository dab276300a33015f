"""The way to AvePoint, one step after the other: names, TLS, the app's certificate, a token for each permission."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Final

from exporter.avepoint.client import Client
from exporter.clock import Clock
from exporter.config.schema import Account
from exporter.diagnose.connectivity import Host, host_of, is_ip_address, proxy_description, resolve, tls_handshake
from exporter.diagnose.progress import Watch
from exporter.diagnose.report import ReportedError, Result, Step, StepKind
from exporter.errors import AvePointError

_DAY: Final = 86_400.0
_SOON: Final = 14
"""Days before its end from which a certificate is told of."""


class Preflight:
    """Tries the steps of one account; after one that failed the others are of no use."""

    def __init__(self, account: Account, client: Client, watch: Watch, clock: Clock) -> None:
        self._account = account
        self._client = client
        self._watch = watch
        self._clock = clock

    def places(self) -> tuple[Host, ...]:
        """Give where the API and the token service are, once if they are at one place."""
        return tuple(dict.fromkeys((host_of(self._account.api_url), host_of(self._account.identity_url))))

    def length(self, permissions: Iterable[str]) -> int:
        """Give how many steps there are."""
        return 2 * len(self.places()) + len(tuple(permissions))

    async def steps(self, permissions: Iterable[str]) -> AsyncIterator[Step]:
        """Try one step after the other, and no more after one that failed."""
        for place in self.places():
            yield (step := await self._name(place))
            if step.result != "failed":
                yield (step := await self._tls(place))
            if step.result == "failed":
                return
        if self._watch.certificate_expires_at is not None:
            yield self._certificate(self._watch.certificate_expires_at)
        for permission in permissions:
            yield (step := await self._token(permission))
            if step.result == "failed":
                return

    async def _name(self, place: Host) -> Step:
        if proxy := proxy_description(self._account, place):
            return Step("dns", place.host, "skipped", detail=f"the name is looked up by {proxy}")
        if is_ip_address(place.host):
            return Step("dns", place.host, "skipped", detail="an address, not a name")
        began = self._clock.monotonic()
        try:
            addresses = await resolve(place)
        except AvePointError as error:
            return self._failed("dns", place.host, began, error)
        return self._done("dns", place.host, began, ", ".join(addresses))

    async def _tls(self, place: Host) -> Step:
        name = f"{place.host}:{place.port}"
        if not place.is_encrypted:
            return Step("tls", name, "skipped", detail="http:// on this machine, so nothing is encrypted")
        if proxy := proxy_description(self._account, place):
            return Step("tls", name, "skipped", detail=f"the connection is made by {proxy}")
        began = self._clock.monotonic()
        try:
            found = await tls_handshake(self._account, place)
        except AvePointError as error:
            return self._failed("tls", name, began, error)
        return self._done("tls", name, began, f"{found.version}, certificate {self._until(found.expires_at)}")

    def _certificate(self, expires_at: float) -> Step:
        path = str(self._account.auth.certificate_file)
        return Step("certificate", path, "ok", detail=self._until(expires_at))

    async def _token(self, permission: str) -> Step:
        began = self._clock.monotonic()
        try:
            await self._client.authorize(permission)
        except AvePointError as error:
            result: Result = "refused" if error.means_not_granted else "failed"
            return self._failed("token", permission, began, error, result)
        return self._done("token", permission, began, "")

    def _until(self, expires_at: float) -> str:
        days = int((expires_at - self._clock.time()) // _DAY)
        note = f", only {days} day{'s' * (days != 1)} more" if days < _SOON else ""
        return f"valid until {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d}{note}"

    def _done(self, kind: StepKind, target: str, began: float, detail: str) -> Step:
        return Step(kind, target, "ok", self._clock.monotonic() - began, detail)

    def _failed(
        self, kind: StepKind, target: str, began: float, error: AvePointError, result: Result = "failed"
    ) -> Step:
        trouble = ReportedError(str(error), error.hint, error.request_id)
        return Step(kind, target, result, self._clock.monotonic() - began, trouble=trouble)
