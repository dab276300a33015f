"""The HTTP endpoints for metrics, probes, the status page, health, readiness and reloads."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from exporter.clock import Clock
from exporter.engine.accounts import Accounts
from exporter.errors import ConfigError
from exporter.exposition.compression import pieces
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import OPENMETRICS, TEXT, MetricsPage, PageRequest
from exporter.web.rendering import Chunks, PageKey, Renderings
from exporter.web.status_data import ConfigStatus, StatusData

if TYPE_CHECKING:
    from exporter.web.status.page import StatusPage

Reload = Callable[[], Awaitable[None]]

_VERDICT_SECONDS: Final = 0.1
"""Maximum seconds per request for updating outdated verdicts. Later refreshes update the remaining verdicts."""
_START_SECONDS: Final = 5.0  # in this startup period, scrapes wait for the first refreshes


@dataclass(frozen=True, slots=True)
class Services:
    """The objects on which the endpoints depend. If reloads over HTTP are disabled, `reload` is None."""

    accounts: Accounts
    page: MetricsPage
    own: OwnMetrics
    clock: Clock
    configured: Callable[[], ConfigStatus]
    reload: Reload | None


class App:
    """The HTTP endpoints of the exporter."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._renderings = Renderings(self._render)
        self._started = services.clock.monotonic()
        self._status_page: StatusPage | None = None
        self._status_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="status")

    def asgi(self) -> Starlette:
        """Return the ASGI application."""
        # Paths with a trailing slash have their own routes, because the redirects of Starlette use the Host header.
        # Behind a proxy, such a redirect often leads to http:// instead of https://.
        application = Starlette(
            routes=[
                *(Route(path, self._metrics) for path in ("/metrics", "/metrics/")),
                *(Route(path, self._probe) for path in ("/probe", "/probe/")),
                Route("/", self._status),
                Route("/-/healthy", self._healthy),
                Route("/-/ready", self._ready),
                Route("/-/reload", self._reload, methods=["POST"]),
            ]
        )
        application.router.redirect_slashes = False
        return application

    def close(self) -> None:
        """Stop the rendering threads."""
        self._renderings.close()
        self._status_thread.shutdown(wait=False, cancel_futures=True)

    async def _metrics(self, request: HttpRequest) -> Response:
        return await self._exposition(request, None)

    async def _probe(self, request: HttpRequest) -> Response:
        account = request.query_params.get("account", "")
        if not await self._services.accounts.has_account(account, within=self._startup_wait(request)):
            return PlainTextResponse(
                "/probe: unknown account; set account=NAME to the name of a configured account\n", 404
            )
        return await self._exposition(request, account)

    async def _exposition(self, request: HttpRequest, account: str | None) -> Response:
        """Return the metrics page. During the startup period, wait for the first refreshes."""
        services = self._services
        await services.accounts.first_refreshes(account, within=self._startup_wait(request))
        wanted = PageRequest(
            account=account,
            names=frozenset(request.query_params.getlist("name[]")),
            openmetrics=wants_openmetrics(request.headers.get("accept", "")),
        )
        gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = {"Content-Type": OPENMETRICS if wanted.openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        if request.method == "HEAD":
            response = Response(headers=headers)
            del response.headers["content-length"]  # The length is unknown, because the page was not rendered.
            return response
        await services.accounts.settle(account, _VERDICT_SECONDS)
        chunks = await self._renderings.page(PageKey(wanted, gzip))
        headers["Content-Length"] = str(sum(map(len, chunks)))
        return StreamingResponse(_sent(chunks), headers=headers)

    def _startup_wait(self, request: HttpRequest) -> float:
        timeout = request.headers.get("x-prometheus-scrape-timeout-seconds", "")
        return first_refresh_wait(timeout, self._uptime())

    def _render(self, key: PageKey) -> Callable[[], Chunks]:
        services = self._services
        account = key.request.account
        views = (*services.accounts.snapshot.views(account), *services.accounts.verdict_views(account))
        make = services.page.gzipped if key.gzip else services.page.plain
        return partial(make, views, key.request, monotonic=services.clock.monotonic())

    async def _status(self, request: HttpRequest) -> Response:
        loop, asked = asyncio.get_running_loop(), dict(request.query_params)
        await self._services.accounts.settle(seconds=_VERDICT_SECONDS)
        return await loop.run_in_executor(self._status_thread, self._render_status, self._status_data(), asked)

    def _status_data(self) -> StatusData:
        services, now = self._services, self._services.clock.monotonic()
        return StatusData(
            views=services.accounts.snapshot.views(),
            verdicts=services.accounts.verdict_views(),
            limits=services.accounts.limits(),
            usage=services.own.usage,
            configured=services.configured(),
            now=services.clock.time(),
            monotonic=now,
            uptime=self._uptime(),
            is_loading=not services.accounts.is_configured,
        )

    def _uptime(self) -> float:
        return self._services.clock.monotonic() - self._started

    def _render_status(self, data: StatusData, asked: Mapping[str, str]) -> Response:
        """Render the status page. The status thread calls this method."""
        from exporter.web.status.page import StatusPage  # noqa: PLC0415 - importing Jinja2 takes a long time
        from exporter.web.status.query import StatusQuery  # noqa: PLC0415 - importing Jinja2 takes a long time

        if self._status_page is None:
            self._status_page = StatusPage()
        headers = {"Content-Security-Policy": self._status_page.policy, "Cache-Control": "no-store"}
        return HTMLResponse(self._status_page.html(data, StatusQuery.read(asked)), headers=headers)

    async def _healthy(self, _: HttpRequest) -> Response:
        return PlainTextResponse("healthy\n")

    async def _ready(self, _: HttpRequest) -> Response:
        if self._services.accounts.ready:
            return PlainTextResponse("ready\n")
        is_loading = not self._services.accounts.is_configured
        why = (
            "the persistent state is being loaded" if is_loading else "a collector has not completed its first refresh"
        )
        return PlainTextResponse(f"not ready: {why}\n", 503)

    async def _reload(self, _: HttpRequest) -> Response:
        if self._services.reload is None:
            return PlainTextResponse("reload is disabled; start the exporter with --web.enable-lifecycle\n", 403)
        try:
            await self._services.reload()
        except ConfigError as error:
            return PlainTextResponse(f"configuration not reloaded; the old configuration is kept:\n{error}\n", 500)
        return PlainTextResponse("reloaded\n")


def wants_openmetrics(accept: str) -> bool:
    """Return whether an Accept header accepts OpenMetrics and does not prefer the text format."""
    text = next(filter(None, (_offer(accept, kind) for kind in ("text/plain", "text/*", "*/*"))), (0.0,))
    # A wildcard selects the text format, because clients must request OpenMetrics explicitly.
    return 0 < max(_offer(accept, "application/openmetrics-text"), default=0.0) >= max(text)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip."""
    return max(_offer(accept_encoding, "gzip"), default=0.0) > 0


def _offer(header: str, name: str) -> tuple[float, ...]:
    """Return the quality values that a header contains for a name, such as a media type."""
    qualities = []
    for offer in header.lower().split(","):
        kind, _, parameters = offer.partition(";")
        if kind.strip() == name:
            match = re.search(r"(?:^|;)\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", parameters, re.ASCII)
            qualities.append(float(match[1]) if match else 1.0)
    return tuple(qualities)


def first_refresh_wait(scrape_timeout: str, uptime: float) -> float:
    """Return the maximum number of seconds that a scrape may wait for the first refreshes.

    The wait ends when the startup period ends or half of the scrape timeout has passed. Prometheus sends the scrape
    timeout in a header.
    """
    try:
        timeout = float(scrape_timeout)
    except ValueError:
        timeout = math.inf
    timeout = timeout if math.isfinite(timeout) else math.inf
    return max(0.0, min(timeout / 2, _START_SECONDS - uptime))


async def _sent(chunks: Chunks) -> AsyncIterator[bytes]:
    for piece in pieces(chunks):
        yield piece
        await asyncio.sleep(0)  # without this line, sending to a fast client would block other tasks
