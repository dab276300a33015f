"""No label and no log line contains a person's name, address or id, whatever AvePoint returns."""

import itertools
import json
from collections.abc import Iterator

import httpx
import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.faults import Faults
from avepoint_simulator.requests import FaultOptions
from exporter.logs import setup
from tests.truth.oracle import NOW
from tests.truth.world import world

PERSONAL = ("customer", "displayName", "email", "operator", "ownerEmail", "tenantOwner")
USERS = "/users/batch"
_ENOUGH = 12  # a text leaks personal data if it contains this many leading characters of a name, id or address
FAULTS = ("truncated_json", "nulls", "missing_keys", "wrong_types", "long_text", "duplicate_row", "conflicting_row",
          "envelope_errors", "short_list", "error_field")  # fmt: skip


class Recorder(httpx.AsyncBaseTransport):
    """A transport to a simulator. The transport collects the personal data in the responses."""

    def __init__(self, simulator: Simulator) -> None:
        self.persons: set[str] = set()
        self._simulated = httpx.ASGITransport(app=simulator.asgi)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._simulated.handle_async_request(request)
        body = (await response.aread()).replace(b'"System"', b'"operator@example.com"')
        try:
            self.persons |= set(_persons(json.loads(body), USERS in request.url.path))
        except ValueError:
            pass  # damaged JSON; an earlier valid response contained the same persons
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=body)


def _persons(value: object, of_users: bool) -> Iterator[str]:
    """Yield the personal data in a response. In the list of users, ids are also personal data."""
    if isinstance(value, list):
        for each in value:
            yield from _persons(each, of_users)
    if isinstance(value, dict):
        for key, each in value.items():
            is_personal = key in PERSONAL or (of_users and key == "id")
            if is_personal and isinstance(each, str) and each:
                yield each
            yield from _persons(each, of_users)


def _leaks(persons: frozenset[str], text: str) -> list[str]:
    return [one for one in sorted(persons) if one[:_ENOUGH] in text]


@pytest.mark.parametrize("probability", [0.0, 0.3], ids=["good", "faults"])
async def test_no_person_is_in_a_label_or_a_log_line(probability: float, capsys: pytest.CaptureFixture[str]) -> None:
    setup("info", clock=itertools.count(step=3600).__next__)  # this clock is so fast that the log suppresses no line
    simulator = Simulator(now=lambda: NOW, customers=15, seed=6)
    recorder = Recorder(simulator)
    shown = ""
    async with world(simulator, transport=recorder) as seen:
        assert await seen.refresh()
        persons = frozenset(recorder.persons)  # later, faults copy personal data to other fields
        simulator.faults = Faults(probability=probability, kinds=FAULTS, options=FaultOptions(text_bytes=3000))
        for _ in range(5):
            await seen.refresh()
            shown += seen.text()
    logged = capsys.readouterr().err
    assert len(persons) > 300
    assert "avepoint_users{" in shown
    assert ("customer failed" in logged) is (probability > 0)
    assert _leaks(persons, shown) == []
    assert _leaks(persons, logged) == []
