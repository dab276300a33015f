"""The steps before the first API request: DNS, TLS, the app's certificate, and one token per permission."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Final

from exporter.avepoint.client import Client
from exporter.clock import Clock
from exporter.config.schema import Account
from exporter.diagnose.connectivity import Host, host_of, is_ip_address, proxy_description, resolve, tls_handshake
from exporter.diagnose.progress import RequestMonitor
from exporter.diagnose.report import Result, Step, StepKind
from exporter.errors import AvePointError, Failure

_DAY: Final = 86_400.0
_EXPIRES_SOON_DAYS: Final = 14


class Preflight:
    """Runs the steps for one account and stops after the first step that fails."""

    def __init__(self, account: Account, client: Client, monitor: RequestMonitor, clock: Clock) -> None:
        self._account = account
        self._client = client
        self._monitor = monitor
        self._clock = clock

    def hosts(self) -> tuple[Host, ...]:
        """Return the hosts of the API and of the token service, without duplicates."""
        return tuple(dict.fromkeys((host_of(self._account.api_url), host_of(self._account.identity_url))))

    def length(self, permissions: Iterable[str]) -> int:
        """Return the number of steps, without the certificate step."""
        return 2 * len(self.hosts()) + len(tuple(permissions))

    async def steps(self, permissions: Iterable[str]) -> AsyncIterator[Step]:
        """Run the steps in order, and yield the result of each step. Stop after the first step that fails."""
        for host in self.hosts():
            yield (step := await self._dns(host))
            if step.result != "failed":
                yield (step := await self._tls(host))
            if step.result == "failed":
                return
        is_shown = False
        for permission in permissions:
            step = await self._token(permission)  # The first token request reads the certificate.
            if self._monitor.certificate_expires_at is not None and not is_shown:
                is_shown = True
                yield self._certificate(self._monitor.certificate_expires_at)
            yield step
            if step.result == "failed":
                return

    async def _dns(self, host: Host) -> Step:
        began = self._clock.monotonic()
        try:
            if proxy := proxy_description(self._account, host):
                return Step("dns", host.host, "skipped", detail=f"the proxy resolves the name ({proxy})")
            if is_ip_address(host.host):
                return Step("dns", host.host, "skipped", detail="an IP address needs no lookup")
            addresses = await resolve(host)
        except AvePointError as error:
            return self._failed("dns", host.host, began, error)
        return self._ok("dns", host.host, began, ", ".join(addresses))

    async def _tls(self, host: Host) -> Step:
        name = f"{host.host}:{host.port}"
        if not host.is_encrypted:
            return Step("tls", name, "skipped", detail="local http:// connection without TLS")
        if proxy := proxy_description(self._account, host):
            return Step("tls", name, "skipped", detail=f"the proxy opens the connection ({proxy})")
        began = self._clock.monotonic()
        try:
            handshake = await tls_handshake(self._account, host)
        except AvePointError as error:
            return self._failed("tls", name, began, error)
        return self._ok("tls", name, began, f"{handshake.version}, certificate {self._until(handshake.expires_at)}")

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
        return self._ok("token", permission, began, "")

    def _until(self, expires_at: float) -> str:
        days = int((expires_at - self._clock.time()) // _DAY)
        note = f", expires in {days} day{'s' * (days != 1)}" if days < _EXPIRES_SOON_DAYS else ""
        return f"valid until {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d}{note}"

    def _ok(self, kind: StepKind, target: str, began: float, detail: str) -> Step:
        return Step(kind, target, "ok", self._clock.monotonic() - began, detail)

    def _failed(
        self, kind: StepKind, target: str, began: float, error: AvePointError, result: Result = "failed"
    ) -> Step:
        return Step(kind, target, result, self._clock.monotonic() - began, failure=Failure.of(error))
