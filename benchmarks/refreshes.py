"""Measurements of refreshes, scrapes and starts of processes."""

import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import Client, avepoint, cpu_seconds, mebibytes, serving, value
from tests.e2e.processes import Exporter, fetch

DURATION = "avepoint_collector_duration_seconds"
# The time limit of the first refresh is 60 s plus 20 times the ideal time.
_MOST_START, _MOST_TIMES_IDEAL = 60.0, 20.0
_SCRAPERS, _SCRAPE_INTERVAL = 4, 15.0


@dataclass(slots=True)
class Refreshed:
    """The measurements of one portfolio's refreshes."""

    customers: int
    latency: float
    concurrency: int
    ideal: float
    walls: list[float] = field(default_factory=list)
    cpu: float = 0.0
    memory: float = 0.0
    calls: int = 0
    tokens: int = 0
    ratio_scraped: float = math.nan
    health: list[float] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)


def least_calls(customers: int) -> int:
    """Return the minimum number of requests: one per customer, plus one list request per 100 customers."""
    return customers + math.ceil(customers / 100)


def refresh_once(customers: int, latency: float, concurrency: int) -> Refreshed:
    """Refresh a portfolio once.

    Return the wall time, the CPU time per customer, the number of requests and the memory.
    """
    result = _expected(customers, latency, concurrency)
    with tempfile.TemporaryDirectory() as folder:
        with avepoint(customers, latency) as service:
            with _serving(folder, service.url, result, interval="1d") as running:
                result.cpu = cpu_seconds(running) / customers
                result.walls.append(value(running, DURATION))
                result.memory = mebibytes(running)
        result.calls, result.tokens = service.calls, service.tokens
    return result


def refresh_for_ever(customers: int, latency: float, concurrency: int, refreshes: int) -> Refreshed:
    """Refresh a portfolio repeatedly, first without scrapers, and then with scrapers."""
    result = _expected(customers, latency, concurrency)
    with tempfile.TemporaryDirectory() as folder, avepoint(customers, latency) as service:
        with _serving(folder, service.url, result, interval="1s") as running:
            result.walls = _walls(running, result, refreshes)
            before, began = cpu_seconds(running), time.monotonic()
            with _crowd(running, result):
                scraped = _walls(running, result, refreshes)
                elapsed = time.monotonic() - began
                result.cpu = (cpu_seconds(running) - before) / (elapsed / statistics.mean(scraped) * customers)
                result.memory = mebibytes(running)
            result.ratio_scraped = statistics.median(scraped) / statistics.median(result.walls)
    return result


def _expected(customers: int, latency: float, concurrency: int) -> Refreshed:
    return Refreshed(customers, latency, concurrency, least_calls(customers) * latency / concurrency)


def _serving(folder: str, url: str, result: Refreshed, *, interval: str) -> AbstractContextManager[Exporter]:
    within = _longest(result)
    return serving(Path(folder), url, concurrency=result.concurrency, interval=interval, ready_within=within)


def _longest(result: Refreshed) -> float:
    """Return the time limit in seconds for a refresh. A refresh that takes longer is considered hung."""
    return _MOST_START + _MOST_TIMES_IDEAL * result.ideal


def _walls(running: Exporter, result: Refreshed, count: int) -> list[float]:
    """Wait for a number of refreshes, and return their durations."""
    walls = [value(running, DURATION)]
    deadline = time.monotonic() + _longest(result) * count
    while len(walls) <= count:
        assert time.monotonic() < deadline, f"{len(walls) - 1} of {count} refreshes ended\n{running.log.read_text()}"
        time.sleep(min(1.0, walls[-1] / 10))
        if (wall := value(running, DURATION)) != walls[-1]:
            walls.append(wall)
    return walls[1:]


class _crowd:  # noqa: N801 - used as a function
    """Runs several scrapers, and one client that sends health checks. Each scraper scrapes once per 15 s."""

    def __init__(self, running: Exporter, result: Refreshed) -> None:
        self._running = running
        self._result = result
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_for_health)]
        for number in range(_SCRAPERS):
            wait = number * _SCRAPE_INTERVAL / _SCRAPERS
            self._threads.append(threading.Thread(target=self._scrape, args=(wait,)))

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_for_health(self) -> None:
        self._repeat(lambda client: client.get("/-/healthy"), 0.05, self._result.health)

    def _scrape(self, wait: float) -> None:
        self._stop.wait(wait)
        self._repeat(lambda client: client.get("/metrics", gzip=True), _SCRAPE_INTERVAL, self._result.scrapes)

    def _repeat(self, what: Callable[[Client], object], interval: float, seconds: list[float]) -> None:
        client = Client(self._running.url)
        while not self._stop.is_set():
            what(client)
            self._stop.wait(interval)
        seconds += client.seconds
        client.close()


def starts(repeats: int) -> list[float]:
    """Start the exporter several times. For each start, return the CPU time until the first response to /metrics."""
    seconds = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            nowhere = "http://127.0.0.1:9"
            with serving(Path(folder), nowhere, concurrency=8, interval="1h", ready_within=None) as running:
                headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.5"}
                assert fetch(f"{running.url}/metrics", headers=headers).status == 200
                seconds.append(cpu_seconds(running))
    return seconds
