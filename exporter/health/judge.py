"""Compute the verdict on a customer from the facts, the expectations, the current time and the saved state.

A problem begins when recent facts confirm it. A problem ends when facts that were read later refute the
problem. After a change of the expectations, older facts can also end a problem.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from exporter.avepoint.reading.vocabulary import MICROSOFT_365
from exporter.collectors.unread import DROPPED_ROW
from exporter.config.expectations import ProblemName
from exporter.health.backups import due_times
from exporter.health.findings import Finding, Outcome, Subject, View, next_change
from exporter.health.memory import HeldProblem, Memory, ProblemKey, shared
from exporter.health.registry import PROBLEMS, Problem

_LONG_AGO: Final = 0.0
"""The assumed start of a condition if the condition may be older than the saved state."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The inputs that are the same for all customers of an account.

    `fingerprint` identifies the limits. `collectors` maps each problem to the collectors that the problem depends on.
    `started` is the Unix time at which the process started.
    """

    fingerprint: str
    collectors: Mapping[ProblemName, frozenset[str]]
    started: float


@dataclass(frozen=True, slots=True)
class CustomerVerdict:
    """The problems of one customer. If no new facts arrive, the verdict remains valid until `valid_until`.

    `applicable` contains all problems that the account's collectors can find. `unknown` contains the problems that
    the exporter cannot rule out because facts are missing or stale.
    """

    problems: tuple[HeldProblem, ...]
    unknown: frozenset[ProblemName]
    applicable: frozenset[ProblemName]
    due: tuple[tuple[Subject, float], ...]
    valid_until: float
    memory: Memory

    def outcomes(self) -> Iterator[tuple[ProblemName, str]]:
        """Return the outcome (wrong, fine or unknown) for each applicable problem."""
        wrong = {held.key.problem for held in self.problems}
        for problem in self.applicable:
            yield problem, "wrong" if problem in wrong else "unknown" if problem in self.unknown else "fine"

    def of_absent_customer(self, gone_from: float) -> "CustomerVerdict":
        """Return a copy of the verdict for a customer that is no longer listed.

        The copy contains only the current problems, and is valid until `gone_from`.
        """
        wrong = frozenset(held.key.problem for held in self.problems)
        return replace(self, applicable=wrong, unknown=frozenset(), due=(), valid_until=gone_from)


def judge(view: View, memory: Memory, rules: Rules) -> CustomerVerdict:
    """Return the verdict on a customer at `view.now`."""
    decisions = [
        _Decision(problem, view, memory, rules).decide()
        for problem in PROBLEMS
        if not rules.collectors[problem.name].isdisjoint(view.sources)
    ]
    found = {key: held for decision in decisions for key, held in decision.held.items()}
    shown = {key: held for key, held in found.items() if not _is_hidden(key, found)}
    fresh = {name for name, source in view.sources.items() if source.fresh_until > view.now}
    times = [view.sources[name].fresh_until for name in fresh] + [decision.changes_at for decision in decisions]
    wrong = {key.problem for key in shown}
    return CustomerVerdict(
        problems=tuple(shown.values()),
        unknown=shared(frozenset(decision.problem.name for decision in decisions if decision.is_unknown) - wrong),
        applicable=shared(frozenset(decision.problem.name for decision in decisions)),
        due=tuple(due_times(view)),
        valid_until=min(times, default=inf),
        memory=Memory(
            shown,
            {key: time for decision in decisions for key, time in decision.first_seen.items()},
            shared(memory.judged | fresh),
        ),
    )


_HIDDEN_BY: Final = {problem.name: problem.hidden_by for problem in PROBLEMS}


def _is_hidden(key: ProblemKey, found: Mapping[ProblemKey, HeldProblem]) -> bool:
    return any(ProblemKey(problem, key.subject) in found for problem in _HIDDEN_BY[key.problem])


class _Decision:
    """Decides which subjects have `problem`, and collects the data to save for the next verdict."""

    def __init__(self, problem: Problem, view: View, memory: Memory, rules: Rules) -> None:
        self.problem = problem
        self.held: dict[ProblemKey, HeldProblem] = {}
        self.first_seen: dict[ProblemKey, float] = {}
        self.changes_at = inf
        self.is_unknown = False
        self._view = view
        self._memory = memory
        self._rules = rules

    def decide(self) -> "_Decision":
        """Check every subject that has a finding or already has the problem, and return this decision."""
        sources = [self._view.sources.get(name) for name in self._rules.collectors[self.problem.name]]
        present = [source for source in sources if source is not None]
        # If only some collectors are off, assume that the customer does not have the products of these collectors.
        working = [source for source in present if not source.off]
        is_stale = not working or any(source.fresh_until <= self._view.now for source in working)
        self.is_unknown = is_stale
        groups = self._findings()
        for subject, findings in groups.items():
            self._decide_subject(shared(ProblemKey(self.problem.name, subject)), findings)
        unclassified = [one for findings in groups.values() for one in findings if one.is_unclassified]
        for key, held in self._memory.held.items():
            if key.problem == self.problem.name and key.subject not in groups:
                own = [one for one in unclassified if one.subject.product == key.subject.product]
                if self._stays_without_findings(held, own):
                    self._hold(held, own)
        for key, time in self._memory.first_seen.items():
            if key.problem == self.problem.name and key.subject not in groups and (is_stale or unclassified):
                self.first_seen[key] = time
        return self

    def _findings(self) -> Mapping[Subject, list[Finding]]:
        groups: dict[Subject, list[Finding]] = {}
        unreadable = tuple(self._unreadable()) if self._view.facts.unreadable else ()
        found = (one for one in self.problem.find(self._view) if not self._is_off(one.subject))
        for finding in (*found, *unreadable):
            groups.setdefault(finding.subject, []).append(finding)
            if finding.changes_at > self._view.now:
                self.changes_at = min(self.changes_at, finding.changes_at)
        for findings in groups.values() if unreadable else ():
            findings.extend(one for one in unreadable if one.is_unclassified)
        return groups

    def _unreadable(self) -> Iterator[Finding]:
        """Yield an unknown finding for each value that cannot be read. A dropped row may describe any subject."""
        for collector, unread in self._view.facts.unreadable:
            is_dropped = unread == DROPPED_ROW and collector in self._rules.collectors[self.problem.name]
            if is_dropped or unread.family in self.problem.families:
                subject = Subject("", unread.workload, "", unread.geo_location, unread.service_type)
                if not (self._is_off_everywhere() if is_dropped else self._is_off(subject)):
                    yield Finding(subject, Outcome.UNKNOWN, collector, is_unclassified=is_dropped)

    def _is_off(self, subject: Subject) -> bool:
        # A subject with a workload but without a product belongs to Microsoft 365.
        product = subject.product or (MICROSOFT_365 if subject.workload else "")
        return self._view.limits.of(product, subject.workload).is_off(self.problem.name)

    def _is_off_everywhere(self) -> bool:
        return all(limits.is_off(self.problem.name) for limits in self._view.limits.possible())

    def _is_fresh(self, collector: str) -> bool:
        return self._view.sources[collector].fresh_until > self._view.now

    def _decide_subject(self, key: ProblemKey, findings: list[Finding]) -> None:
        wrong = [one for one in findings if one.outcome is Outcome.WRONG and self._is_fresh(one.collector)]
        is_partial = self.problem.needs_all and any(one.outcome is Outcome.UNKNOWN for one in findings)
        if wrong and not is_partial:
            self._decide_wrong(key, min(wrong, key=lambda one: self._begins(key, one)))
            return
        self._keep_first_seen(key, findings)
        held = self._memory.held.get(key)
        self.is_unknown |= any(one.outcome is Outcome.UNKNOWN for one in findings)
        if held is not None and self._stays(held, findings):
            self._hold(held, findings)

    def _hold(self, held: HeldProblem, findings: Iterable[Finding]) -> None:
        self.held[held.key] = held
        ends = (held.start + one.held_for for one in findings)
        self.changes_at = min(self.changes_at, next_change(self._view.now, *ends))

    def _decide_wrong(self, key: ProblemKey, finding: Finding) -> None:
        """Record a problem if the grace period of the finding has passed."""
        now, rules, held = self._view.now, self._rules.fingerprint, self._memory.held.get(key)
        seen, begins = self._seen_since(key, finding), self._begins(key, finding)
        if finding.grace:
            self.first_seen[key] = seen
        if now < begins:
            self.changes_at = min(self.changes_at, begins)
            if held is None or held.rules != rules:
                return
        if held is None:
            known = begins if finding.grace and seen > _LONG_AGO else now
            start = known if finding.since is None else finding.since
            held = HeldProblem(key, min(now, start), now, finding.collector, rules)
        self.held[key] = replace(held, collector=finding.collector, rules=rules)

    def _begins(self, key: ProblemKey, finding: Finding) -> float:
        return self._seen_since(key, finding) + finding.grace if finding.grace else _LONG_AGO

    def _seen_since(self, key: ProblemKey, finding: Finding) -> float:
        remembered = self._memory.first_seen.get(key)
        if remembered is not None:
            return remembered if finding.seen_since is None else min(remembered, finding.seen_since)
        if finding.seen_since is not None:
            return min(self._view.now, finding.seen_since)
        if finding.collector in self._memory.judged:
            return self._view.now
        return _LONG_AGO if self.problem.is_loud else self._rules.started

    def _keep_first_seen(self, key: ProblemKey, findings: Iterable[Finding]) -> None:
        """Keep the time when a condition was first seen until fresh facts show that the condition is over."""
        if key in self._memory.first_seen and not all(self._refutes(one) for one in findings):
            self.first_seen[key] = self._memory.first_seen[key]

    def _refutes(self, finding: Finding) -> bool:
        return finding.outcome is Outcome.FINE and self._is_fresh(finding.collector)

    def _stays(self, held: HeldProblem, findings: Iterable[Finding]) -> bool:
        """Return whether a problem remains active although no recent facts confirm it."""
        if held.rules != self._rules.fingerprint:
            return not all(self._is_over(held, one) for one in findings)
        return not all(
            self._is_over(held, one) and self._is_fresh(one.collector) and self._is_newer(one.collector, held)
            for one in findings
        )

    def _is_over(self, held: HeldProblem, finding: Finding) -> bool:
        return finding.outcome is Outcome.FINE or self._view.now >= held.start + finding.held_for

    def _stays_without_findings(self, held: HeldProblem, unclassified: Iterable[Finding]) -> bool:
        """Return whether a problem remains active when there are no facts about its subject."""
        source = self._view.sources.get(held.collector)
        if source is None or source.off or self._is_off(held.key.subject):
            return False
        if not all(self._is_over(held, one) for one in unclassified):
            return True
        if held.rules != self._rules.fingerprint:
            return source.read_at is None
        return not (self._is_fresh(held.collector) and self._is_newer(held.collector, held))

    def _is_newer(self, collector: str, held: HeldProblem) -> bool:
        read_at = self._view.sources[collector].read_at
        return read_at is not None and read_at > held.began
