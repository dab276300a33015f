"""The exporter counts each completed job once, even if job lists omit, repeat or delay the job."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks
from exporter.avepoint.reading.vocabulary import OVER, STATES
from exporter.collectors.jobs.counter import JobCounter, completed_samples
from exporter.collectors.jobs.families import Job, JobKind

ENDED = tuple(state for state in STATES if state in OVER)
TEAMS = JobKind("Microsoft 365", "Teams", "backup")
CHAT = JobKind("Microsoft 365", "Teams Chat", "backup")


def at(seconds: float) -> Ticks:
    return Ticks(round(seconds * TICKS_PER_SECOND))


def job(key: str, start: float, finish: float | None = None, state: str = "finished") -> Job:
    """Return a job. Without a finish time, the job is running."""
    if finish is None:
        return Job(key, "in_progress", at(start), None, None, ())
    return Job(key, state, at(start), at(finish), None, ())


class Counted:
    """A counter for tests. All times are in hours."""

    def __init__(self) -> None:
        self.counter = JobCounter()

    def refresh(self, now: float, *jobs: Job, since: float | None = None, unsure: Iterable[str] = ()) -> int:
        return self.of_kinds(now, {TEAMS: jobs}, since=since, unsure=unsure)

    def of_kinds(
        self, now: float, jobs: Mapping[JobKind, Iterable[Job]], since: float | None = None, unsure: Iterable[str] = ()
    ) -> int:
        listed = {kind: list(of_kind) for kind, of_kind in jobs.items()}
        earliest = None if since is None else at(since)
        self.counter.count(listed, now=at(now), since=earliest, unsure=set(unsure))
        return sum(sum(ended.values()) for ended in self.counter.totals().values())

    def states(self, kind: JobKind = TEAMS) -> dict[str, int]:
        return {state: count for state, count in self.counter.totals().get(kind, {}).items() if count}

    def restart(self) -> None:
        remembered = json.loads(json.dumps(self.counter.dump_state()))
        self.counter = JobCounter()
        self.counter.load_state(remembered)


def test_the_first_refresh_is_the_base_and_every_state_begins_at_zero() -> None:
    one = Counted()
    assert one.refresh(10, job("a", 1, 2), job("b", 3, 4, "failed"), job("c", 9)) == 0
    assert one.counter.totals() == {TEAMS: dict.fromkeys(ENDED, 0)}
    samples = list(completed_samples(one.counter.totals(), "c-1", "NAM"))
    assert [sample.labels for sample in samples] == [("c-1", *TEAMS, "NAM", state) for state in ENDED]
    assert {sample.value for sample in samples} == {0.0}


def test_a_job_counts_once_in_the_state_in_which_it_is_first_over() -> None:
    one = Counted()
    assert one.refresh(10, job("a", 1, 2)) == 0
    assert one.refresh(20, job("a", 1, 2), job("b", 11, 12, "failed")) == 1
    assert one.refresh(30, job("a", 1, 2, "failed"), job("b", 11, 12, "finished"), job("b", 11, 12, "failed")) == 1
    assert one.states() == {"failed": 1}


def test_a_job_that_ran_counts_when_it_ends_however_long_it_ran() -> None:
    one = Counted()
    assert one.refresh(10, job("a", 1), since=0) == 0
    for day in range(1, 40):
        now = day * 24
        assert one.refresh(now, job("a", 1), job(f"day {day}", now - 2, now - 1), since=now - 3) == day
    assert one.refresh(1000, job("a", 1, 999, "stopped"), since=900) == 40
    assert one.states() == {"finished": 39, "stopped": 1}


def test_two_jobs_of_one_kind_at_once_and_out_of_order() -> None:
    one = Counted()
    one.refresh(10, since=0)
    assert one.refresh(20, job("b", 12), job("a", 11, 19), since=0) == 1
    assert one.refresh(30, job("c", 10.5, 18), job("a", 11, 19), job("b", 12, 29, "failed"), since=0) == 3
    assert one.refresh(40, job("b", 12, 29), job("c", 10.5, 18), since=0) == 3
    assert one.states() == {"finished": 2, "failed": 1}


def test_what_is_listed_late_counts_once_whenever_it_ended() -> None:
    one = Counted()
    one.refresh(10, since=0)
    assert one.refresh(20, job("a", 1, 2), job("b", 3, 11), since=0) == 2
    assert one.refresh(30, job("a", 1, 2), job("b", 3, 11), since=0) == 2


def test_a_job_that_the_first_refresh_could_not_read_counts_only_if_it_ended_later() -> None:
    one = Counted()
    one.counter.count({TEAMS: [job("a", 1, 2)]}, now=at(10), since=at(0), has_unread=True)
    assert one.refresh(20, job("a", 1, 2), job("b", 3, 4), job("c", 5, 6), job("d", 5, 11), since=0) == 1


def test_a_kind_whose_jobs_were_counted_elsewhere_begins_at_zero_too() -> None:
    one = Counted()
    one.of_kinds(10, {JobKind("Microsoft 365", "", "backup"): [job("a", 1, 2)]}, since=0)
    one.of_kinds(20, {TEAMS: [job("a", 1, 2)]}, since=0)
    assert one.counter.totals()[TEAMS] == dict.fromkeys(ENDED, 0)


def test_a_kind_that_the_first_answer_lacked_brings_no_old_jobs() -> None:
    one = Counted()
    one.refresh(10)
    assert one.refresh(20, job("a", 1, 2), job("b", 3, 11)) == 1
    assert one.refresh(30, job("c", 5, 6)) == 2, "every new job of a known kind counts"


@pytest.mark.parametrize(("start", "counted"), [(9.0, 0), (10.0, 0), (11.0, 1)])
def test_a_late_kind_counts_a_job_without_a_finish_by_its_start(start: float, counted: int) -> None:
    one = Counted()
    one.refresh(10, job("a", 1, 2))
    skipped = Job("b", "skipped", at(start), None, None, ())
    assert one.of_kinds(20, {TEAMS: [job("a", 1, 2)], CHAT: [skipped]}) == counted


def test_a_listing_that_flaps_changes_nothing() -> None:
    one = Counted()
    one.refresh(10, job("a", 1, 2))
    for _ in range(3):
        assert one.refresh(20, job("b", 11, 12)) == 1
        assert one.refresh(20) == 1
        assert one.refresh(20, job("a", 1, 2)) == 1
        assert one.refresh(20, job("c", 13)) == 1
        assert one.refresh(20, job("b", 11)) == 1  # this response is outdated: job b is still running
    assert one.refresh(30, job("c", 13, 29)) == 2
    assert one.refresh(30, job("b", 11, 12), job("c", 13, 29)) == 2


def test_what_a_larger_lookback_brings_into_view_does_not_count() -> None:
    one = Counted()
    one.refresh(100, job("a", 95, 96), since=90)
    assert one.refresh(200, job("b", 195, 196), since=190) == 1
    assert one.refresh(200, job("c", 150, 151), job("b", 195, 196), since=0) == 1
    # If a workload is new, its old jobs are not counted.
    assert one.of_kinds(200, {TEAMS: [job("b", 195, 196)], CHAT: [job("d", 150, 151)]}, since=0) == 1
    assert one.counter.totals()[CHAT] == dict.fromkeys(ENDED, 0)


def test_a_clock_that_was_ahead_costs_no_job() -> None:
    one = Counted()
    one.refresh(1000, since=990)  # the list is empty, and the clock is ahead
    assert one.refresh(10, job("a", 5, 6), since=0) == 0
    assert one.refresh(20, job("a", 5, 6), job("b", 11, 12), since=10) == 1
    assert one.refresh(1020, since=1010) == 1
    assert one.refresh(30, job("b", 11, 12), job("c", 21, 22), since=20) == 2
    assert one.refresh(40, job("odd", 4000, 4001)) == 3  # this job ends in the future, but later jobs are counted
    assert one.refresh(50, job("d", 45, 46)) == 4


@pytest.mark.parametrize("since", [None, 0.0])
def test_a_job_that_ended_before_the_first_refresh_never_counts(since: float | None) -> None:
    one = Counted()
    one.refresh(10_000, job("a", 1, 2), since=since)
    assert one.refresh(10_300, job("a", 1, 2), job("b", 9000, 9700), since=since) == 0
    assert one.refresh(10_600, job("b", 9000, 9700), job("c", 9000, 9701), since=since) == 1, "clocks may differ"
    one.restart()
    assert one.refresh(20_000, job("d", 9500, 9600), job("e", 9500, 19_000), since=since) == 2


def test_a_job_in_an_unknown_state_may_be_over_and_does_not_count_as_running() -> None:
    one = Counted()
    one.refresh(
        10_000, job("a", 1, 2), Job("b", "odd", at(9000), None, None, ()), Job("c", "odd", at(9500), None, None, ())
    )
    assert one.refresh(10_300, job("a", 1, 2), job("b", 9000, 9100), job("c", 9500, 10_200)) == 1


def test_a_job_that_changes_its_kind_is_still_one_job() -> None:
    one = Counted()
    unplaced = JobKind("Microsoft 365", "", "backup")
    one.of_kinds(10, {unplaced: [job("a", 1, 2), job("b", 3)]}, unsure="ab", since=0)
    assert one.of_kinds(20, {TEAMS: [job("a", 1, 2), job("b", 3, 15)]}, since=0) == 1
    assert one.of_kinds(30, {unplaced: [job("c", 21, 22), job("d", 23)]}, unsure="cd", since=0) == 1
    assert one.of_kinds(40, {TEAMS: [job("c", 21, 22)], CHAT: [job("d", 23, 24)]}, since=0) == 3
    assert (one.states(unplaced), one.states(), one.states(CHAT)) == ({}, {"finished": 2}, {"finished": 1})


def test_a_job_without_an_id_cannot_be_counted_and_an_unknown_state_can() -> None:
    one = Counted()
    one.refresh(10)
    assert one.refresh(20, job("", 11, 12)) == 0
    assert one.counter.totals() == {}
    assert one.refresh(20, job("a", 11, 12, "exploded")) == 1
    assert one.states() == {"exploded": 1}


def test_a_restart_without_storage_begins_again_and_with_it_goes_on() -> None:
    one, forgetful = Counted(), Counted()
    one.refresh(10, job("a", 1, 2))
    one.refresh(20, job("b", 11, 12), job("r", 13))
    one.restart()
    assert one.states() == {"finished": 1}
    for counted, total in ((one, 3), (forgetful, 0)):
        # Job c started and completed during the restart.
        assert counted.refresh(30, job("b", 11, 12), job("r", 13, 25), job("c", 22, 24)) == total
    assert forgetful.refresh(40, job("c", 22, 24), job("d", 31, 32)) == 1


def test_nothing_is_remembered_before_the_first_refresh() -> None:
    one = Counted()
    assert one.counter.dump_state() is None
    one.counter.load_state(None)  # older versions stored no counters
    assert one.refresh(10, job("a", 1, 2)) == 0


GOOD: dict[str, Any] = {"base": 1, "since": 0, "kinds": [["p", "w", "t", 1, {"a": 1}, {"b": 2}, {"finished": 3}]]}


@pytest.mark.parametrize(
    "bad",
    [
        [], 7, "text", {}, {"base": 1, "since": 0}, GOOD | {"base": None}, GOOD | {"base": -1}, GOOD | {"since": 2**63},
        GOOD | {"kinds": {}}, GOOD | {"kinds": [7]}, GOOD | {"kinds": [["w", "t"]]},
        GOOD | {"kinds": [[7, "t", 1, {}, {}, {}]]}, GOOD | {"kinds": [["w", "\ud800", 1, {}, {}, {}]]},
        GOOD | {"kinds": [["w", "t", "1", {}, {}, {}]]}, GOOD | {"kinds": [["w", "t", 1, [], {}, {}]]},
        GOOD | {"kinds": [["w", "t", 1, {}, {"a": None}, {}]]}, GOOD | {"kinds": [["w", "t", 1, {}, {}, 7]]},
        GOOD | {"kinds": [["w", "t", 1, {}, {}, {"finished": -1}]]},
        GOOD | {"kinds": [["w", "t", 1, {}, {}, {"\udfff": 1}]]},
    ],
)  # fmt: skip
def test_only_what_was_remembered_is_recalled(bad: Any) -> None:
    one = Counted()
    one.counter.load_state(GOOD)
    with pytest.raises(ValueError, match=r"not |expected |surrogates"):
        one.counter.load_state(bad)
    assert one.counter.dump_state() == GOOD


def test_memory_does_not_grow_with_time() -> None:
    one = Counted()
    sizes = []
    for day in range(1, 400):
        # AvePoint lists only the latest jobs. Therefore, no later list shows that a running job has ended.
        one.refresh(day * 24, job(f"r{day:04}", day * 24 - 2), job(f"f{day:04}", day * 24 - 3, day * 24 - 1))
        sizes.append(len(json.dumps(one.counter.dump_state())))
    assert max(sizes[100:]) < 1200


@dataclass
class Ideal:
    """A simple job counter that stores all job ids. Tests compare the exporter's counter with this counter."""

    base: float | None = None
    floor: float = 0.0
    since: dict[JobKind, float] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    counts: Counter[tuple[JobKind, str]] = field(default_factory=Counter)

    def refresh(
        self, now: float, jobs: Mapping[JobKind, list[tuple[str, float, float | None]]], since: float | None
    ) -> None:
        first = self.base is None or now < self.base
        self.base = now if first else self.base
        known = {*self.since}
        for kind, of_kind in jobs.items():
            begin = self.since.setdefault(kind, self.floor)
            for key, start, finish in of_kind:
                if key in self.over:
                    continue
                if finish is None:
                    self.ran.add(key)
                    continue
                self.over.add(key)
                is_base = first or (
                    since is None and kind not in known and self.base is not None and finish <= self.base
                )
                if key in self.ran or (not is_base and start >= begin):
                    self.counts[kind, "finished"] += 1
        starts = {kind: [start for _, start, _ in of_kind] for kind, of_kind in jobs.items() if of_kind}
        if since is not None and starts:
            self.floor = max(self.floor, min(since, now, max(map(max, starts.values()))))
        for kind in self.since:
            listed = self.floor if since is not None else min(starts.get(kind, [self.since[kind]]))
            self.since[kind] = max(self.since[kind], min(listed, now))


HISTORIES = st.lists(
    st.tuples(st.sampled_from([TEAMS, CHAT]), st.integers(0, 60), st.integers(1, 40)), min_size=1, max_size=12
)
# Each tuple contains the elapsed time, the clock error, one bit per visible job, and whether the exporter restarts.
REFRESHES = st.lists(
    st.tuples(st.integers(0, 15), st.integers(-30, 30), st.integers(0, 2**12 - 1), st.booleans()),
    min_size=1, max_size=15,
)  # fmt: skip


def visible(
    history: Any, time: int, bits: int, earliest: float
) -> dict[JobKind, list[tuple[str, float, float | None]]]:
    jobs: dict[JobKind, list[tuple[str, float, float | None]]] = {}
    for number, (kind, start, length) in enumerate(history):
        if bits >> number & 1 and earliest <= start <= time:
            jobs.setdefault(kind, []).append((f"j{number}", start, start + length if start + length <= time else None))
    return jobs


@given(HISTORIES, REFRESHES, st.sampled_from([None, 20, 1000]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_it_counts_what_a_memory_without_end_would(
    history: Any, refreshes: Any, lookback: int | None, is_clock_right: bool
) -> None:
    one, ideal, time, before = Counted(), Ideal(), 0, Counter[Any]()
    for passes, wrong, bits, restarts in refreshes:
        time += passes
        now = time if is_clock_right else max(1, time + wrong)
        since = None if lookback is None else max(0, now - lookback)
        jobs = visible(history, time, bits, 0 if since is None else since)
        one.of_kinds(now, {kind: [job(*of) for of in of_kind] for kind, of_kind in jobs.items()}, since)
        ideal.refresh(now, jobs, since)
        if restarts:
            one.restart()
        counts = {(kind, state): n for kind, of in one.counter.totals().items() for state, n in of.items() if n}
        assert counts == ideal.counts
        assert all(counts.get(key, 0) >= count for key, count in before.items())
        before = Counter(counts)
    assert sum(before.values()) <= len(ideal.over)


@given(HISTORIES, REFRESHES, st.sampled_from([20, 1000]))
@settings(max_examples=400, deadline=None)
def test_every_job_first_seen_over_after_the_base_counts(history: Any, refreshes: Any, lookback: int) -> None:
    one, time, known = Counted(), 0, set[str]()
    expected = set[str]()
    for number, (passes, _, bits, _) in enumerate(refreshes):
        time += passes
        jobs = visible(history, time, bits, time - lookback)
        over = {key for of_kind in jobs.values() for key, _, finish in of_kind if finish is not None}
        if number:
            expected |= over - known
        known |= over
        listed = {kind: [job(*of) for of in of_kind] for kind, of_kind in jobs.items()}
        assert one.of_kinds(time, listed, time - lookback) == len(expected)
