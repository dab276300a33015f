"""From the response to the page, a customer's data size passes through only a few functions and files.

The test ignores functions that compute the customer's verdict.
"""

import json
import sys
import threading
from array import array
from collections.abc import Iterator, KeysView, Mapping, ValuesView
from pathlib import Path
from types import CodeType, FrameType

import httpx

import exporter
from exporter.engine.running_account import RunningAccount
from tests.fakes import Stream
from tests.helpers import FakeApi, World, module, overview_path, partner, portfolio, v3

SIZE = 123456789.0
TEXTS = ("123456789", "1.23456789e+08")
ROOT = Path(exporter.__file__).parent
VERDICT = (str(ROOT / "health"), str(ROOT / "engine" / "verdicts.py"))
ARCHITECTURE = ROOT.parent / "docs" / "architecture.md"
MAX_DEPTH = 7


def holds_size(value: object, depth: int = 0) -> bool:
    """Return whether a value is the size or contains the size."""
    if isinstance(value, bytes | bytearray | str):
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        return any(one in text for one in TEXTS)
    if isinstance(value, int | float):
        return value == SIZE
    if depth == MAX_DEPTH:
        return False
    if isinstance(value, Mapping):
        return any(holds_size(one, depth + 1) for one in value.values())
    if isinstance(value, tuple | list | set | array | KeysView | ValuesView):
        return any(holds_size(one, depth + 1) for one in value)
    if isinstance(value, RunningAccount):  # the search stops here, because an account refers to almost every object
        return False
    is_ours = type(value).__module__.startswith("exporter.")
    return is_ours and any(holds_size(one, depth + 1) for one in fields_of(value))


def fields_of(value: object) -> Iterator[object]:
    names = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
    yield from (getattr(value, name) for name in names if hasattr(value, name) and name != "__weakref__")
    yield from getattr(value, "__dict__", {}).values()


def is_of_verdict(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(VERDICT):
            return True
        frame = frame.f_back
    return False


class Tracer:
    """Records the functions of the exporter that have the size in an argument, a variable or the result."""

    def __init__(self) -> None:
        self.functions: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not code.co_filename.startswith(str(ROOT)) or code in self.functions:
            return
        if is_of_verdict(frame):
            return
        values = [value for name, value in frame.f_locals.items() if name not in ("self", "cls")]
        if any(map(holds_size, [*values, argument])):
            self.functions.add(code)

    @property
    def names(self) -> set[str]:
        """Return FILE:FUNCTION for each function, without comprehensions and lambdas."""
        return {f"{code.co_filename}:{code.co_qualname}" for code in self.functions if not code.co_name.startswith("<")}

    @property
    def files(self) -> set[str]:
        return {str(Path(code.co_filename).relative_to(ROOT)) for code in self.functions}


async def traced() -> Tracer:
    """Trace a customer's refresh and the next scrape. Before tracing, list the customers and request a token."""
    world, tracer = World(FakeApi(portfolio(["x"]))), Tracer()
    await world.apply(partner())
    assert await world.refresh()
    # As over a network, the body is a stream. Therefore, the exporter does not have the size until it reads the body.
    body = json.dumps(v3([module(dataSizeStoredInAvePoint=f"{SIZE:.0f} B")])).encode()
    world.api.routes[overview_path("x")] = httpx.Response(200, stream=Stream(body))
    refresher = next(one for one in world.accounts.refreshers() if one.collector.name == "protected_data")
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    try:
        assert await refresher.refresh()
        page = world.text()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert TEXTS[1] in page
    await world.accounts.stop()
    return tracer


async def test_a_size_passes_at_most_sixty_functions_in_twelve_files() -> None:
    tracer = await traced()
    assert len(tracer.names) <= 60, sorted(tracer.names)
    assert len(tracer.files) <= 12, sorted(tracer.files)


async def test_the_documents_name_every_file_on_the_path() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    missing = {file for file in (await traced()).files if file not in text}
    assert missing == set()
