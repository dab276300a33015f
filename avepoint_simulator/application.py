"""The simulator is an ASGI application that serves AvePoint's endpoints and token service."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from random import Random
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from avepoint_simulator.data.portfolio import GeneratedPortfolio, Portfolio
from avepoint_simulator.data.scenarios import Scenario
from avepoint_simulator.endpoints import ENDPOINTS
from avepoint_simulator.faults import REGISTRY, TOKEN_ENDPOINT, Faults
from avepoint_simulator.faults.incident import IncidentFaults
from avepoint_simulator.request_log import RequestLog, RequestRecord, returned_values
from avepoint_simulator.requests import BadRequestError, EndpointHandler, Reply, SimulatedRequest, refuse
from avepoint_simulator.responses import LogMiddleware, make_response
from avepoint_simulator.switches import Switches
from avepoint_simulator.tokens import AppCredentials, TokenBook

# The token service has an EndpointHandler. Therefore, faults can affect token requests.
_TOKEN: Final = EndpointHandler(
    name=TOKEN_ENDPOINT,
    method="POST",
    prefix="/connect",
    path="/token",
    permission="",
    api_version="legacy",
    handle=lambda _call: Reply(),
)


class Simulator:
    """A simulator of AvePoint. The attributes `switches`, `faults` and `portfolio` can be replaced at any time.

    `now` returns the current Unix time. Times in the generated portfolio are relative to `start` (default: `now()`).
    `seed`, `customers`, `speed` and `scenario` configure the generated portfolio. If `faults` is not set, the scenario
    `incident` also causes faults.
    """

    def __init__(
        self,
        portfolio: Portfolio | None = None,
        *,
        now: Callable[[], float] = time.time,
        start: float | None = None,
        seed: int = 1,
        customers: int = 25,
        speed: float = 1.0,
        scenario: Scenario = "varied",
        switches: Switches | None = None,
        faults: Faults | None = None,
        credentials: AppCredentials | None = None,
        record_values: bool = False,
        log_size: int = 20_000,
    ) -> None:
        self.now = now
        self.start = now() if start is None else start
        self.portfolio: Portfolio = portfolio or GeneratedPortfolio(
            seed=seed, customers=customers, start=self.start, speed=speed, scenario=scenario
        )
        self.switches = switches or Switches()
        self.faults = faults or (IncidentFaults(now, self.start, seed) if scenario == "incident" else Faults())
        self.tokens = TokenBook(credentials or AppCredentials())
        self.returned_values: set[tuple[str, str, object]] | None = set() if record_values else None
        self._log = RequestLog(log_size)
        self._random = Random(seed)
        self.asgi = self._application()

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Completed requests, oldest first."""
        return self._log.records

    @property
    def max_in_flight(self) -> int:
        """Largest number of concurrent API requests, not counting token requests."""
        return self._log.max_in_flight

    @property
    def granted(self) -> tuple[str, ...]:
        """Scopes of the issued tokens, oldest token first."""
        return tuple(self.tokens.granted)

    def reset_log(self) -> None:
        """Clear the log of completed requests, the list of granted scopes, and the returned values."""
        self._log.reset()
        self.tokens.granted.clear()
        if self.returned_values is not None:
            self.returned_values.clear()

    def revoke_tokens(self) -> None:
        """Revoke all issued tokens."""
        self.tokens.revoke_all()

    def _application(self) -> Starlette:
        routes = [Route(_TOKEN.full_path, self._answer_token, methods=["POST"])]
        routes += [Route(one.full_path, self._answerer(one), methods=[one.method]) for one in ENDPOINTS]
        log = Middleware(LogMiddleware, log=self._log, now=self.now)
        application = Starlette(routes=routes, middleware=[log])
        application.router.redirect_slashes = False
        return application

    def _answerer(self, endpoint: EndpointHandler) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            await self._wait()
            call = await self._call(endpoint, request)
            return await self._send(request, call, self._answer(call, request))

        return answer

    async def _answer_token(self, request: Request) -> Response:
        await self._wait()
        call = await self._call(_TOKEN, request)
        form = {name: values[-1] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
        answer = self.tokens.grant(form, self.switches, call.now)
        return await self._send(request, call, answer)

    async def _wait(self) -> None:
        switches = self.switches
        seconds = switches.latency_seconds + self._random.uniform(0, switches.latency_jitter_seconds)
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def _call(self, endpoint: EndpointHandler, request: Request) -> SimulatedRequest:
        return SimulatedRequest(
            endpoint=endpoint,
            portfolio=self.portfolio,
            switches=self.switches,
            now=self.now(),
            base_url=f"{request.url.scheme}://{request.url.netloc}",
            path=request.url.path,
            params=tuple(request.query_params.multi_items()),
            customer_id=request.path_params.get("customer_id", ""),
            tenant_id=request.path_params.get("tenant_id", ""),
            content_type=request.headers.get("content-type", ""),
            body=await request.body(),
            request_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            fault_options=self.faults.options,
        )

    def _answer(self, call: SimulatedRequest, request: Request) -> Reply:
        if self.switches.api_versions not in {"both", call.endpoint.api_version}:
            return refuse(call, HTTPStatus.NOT_FOUND, "The resource does not exist.")
        scopes = self.tokens.scopes(request.headers.get("authorization", ""), call.now)
        if scopes is None:
            unknown = refuse(call, HTTPStatus.UNAUTHORIZED, "The token is missing, unknown or expired.")
            return replace(unknown, headers={"www-authenticate": "Bearer"})
        if call.endpoint.permission not in scopes:
            return refuse(call, HTTPStatus.FORBIDDEN, "The permission is missing.")
        try:
            return call.endpoint.handle(call)
        except BadRequestError as error:
            return refuse(call, error.status, error.message)

    async def _send(self, request: Request, call: SimulatedRequest, answer: Reply) -> Response:
        fault = self.faults.pick(call.endpoint.name)
        if fault is not None:
            request.scope["simulator.fault"] = fault
            answer = REGISTRY[fault](call, answer)
        if answer.delay_seconds > 0:
            await asyncio.sleep(answer.delay_seconds)
        if self.returned_values is not None and call.endpoint is not _TOKEN:
            self.returned_values |= returned_values(call.customer_id, answer.body)
        return make_response(answer, call.request_id)
