"""Test when a fault in AvePoint's responses counts as permanent."""

from exporter.avepoint.settling import Settling
from tests.helpers import FakeClock


def test_new_faults_beside_an_old_one_are_permanent() -> None:
    """If every new job of one kind is unreadable, there is a new fault in many refreshes."""
    clock = FakeClock()
    settling = Settling(clock, 300)
    assert settling.are_permanent([])
    accepted = []
    for number in range(10):
        accepted.append(settling.are_permanent([number, number + 1]))
        clock.advance(150)
    assert accepted == [False] * 4 + [True] * 6
    assert settling.are_permanent([])
    assert not settling.are_permanent([99]), "the faults were interrupted"


def test_faults_in_the_first_refresh_are_permanent_unless_there_are_values_from_before_the_restart() -> None:
    assert Settling(FakeClock(), 300).are_permanent(["a"])
    assert not Settling(FakeClock(), 300).are_permanent(["a"], has_values=True)


def test_at_most_15_minutes() -> None:
    clock = FakeClock()
    settling = Settling(clock, 86_400)
    assert not settling.are_permanent(["a"], "c-1", has_values=True)
    clock.advance(900)
    assert settling.are_permanent(["a"], "c-1")
    settling.keep_only(["c-2"])
    assert settling.are_permanent(["b"], "c-1"), "a returning customer has a first refresh again"
