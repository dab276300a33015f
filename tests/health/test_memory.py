"""After a dump and a load, the state of verdicts is unchanged."""

from exporter.health.findings import Subject
from exporter.health.memory import HeldProblem, Memory, ProblemKey

OVERDUE = ProblemKey("backup_overdue", Subject(product="microsoft_365", workload="exchange_online"))
MEMORY = Memory(
    {OVERDUE: HeldProblem(OVERDUE, 100.0, 200.0, "protected_data", "rules")},
    {OVERDUE: 50.0},
    frozenset({"protected_data"}),
)


def test_a_dumped_memory_is_loaded_whole() -> None:
    assert Memory.load(MEMORY.dump()) == MEMORY


def test_equal_keys_and_sets_of_loaded_customers_are_one_object() -> None:
    first, second = Memory.load(MEMORY.dump()), Memory.load(MEMORY.dump())
    assert next(iter(first.held)) is next(iter(second.held)) is next(iter(first.first_seen))
    assert first.judged is second.judged
