"""The exporter assigns each customer and each tenant account to exactly one shard."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.shard import WHOLE, Shard, parse_shard
from exporter.errors import ConfigError


@given(st.text(), st.integers(1, 50))
def test_each_key_falls_to_exactly_one_shard(key: str, total: int) -> None:
    assert sum(Shard(index, total).owns(key) for index in range(total)) == 1


@given(st.text())
def test_a_process_that_is_alone_owns_everything(key: str) -> None:
    assert WHOLE.owns(key)


def test_shards_are_of_like_size() -> None:
    owners = Counter(index for n in range(10_000) for index in range(4) if Shard(index, 4).owns(f"customer-{n}"))
    assert all(2300 < count < 2700 for count in owners.values()), owners


@pytest.mark.parametrize("total", [1, 3, 4, 9])
def test_one_more_shard_moves_its_own_share_of_the_customers_and_no_other(total: int) -> None:
    keys = [f"customer-{number}" for number in range(5_000)]
    for index in range(total):
        before, after = Shard(index, total), Shard(index, total + 1)
        assert all(before.owns(key) for key in keys if after.owns(key))
    moved = sum(Shard(total, total + 1).owns(key) for key in keys)
    assert abs(moved - len(keys) / (total + 1)) < 150


def test_the_share_is_the_same_in_every_release() -> None:
    assert [index for index in range(4) if Shard(index, 4).owns("caf94a75-2cc6-43aa-b04b-794c8baf5ea3")] == [3]
    assert [index for index in range(7) if Shard(index, 7).owns("contoso")] == [0]


@pytest.mark.parametrize(("text", "index"), [("0", 0), (" 3 ", 3), ("avepoint-exporter-2", 2), ("a-1-b-3", 3)])
def test_a_shard_is_a_number_or_the_name_of_a_pod(text: str, index: int) -> None:
    assert parse_shard(text, 4) == Shard(index, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--shard: '' is not an index; use an integer, or a name that ends in -INDEX"),
        ("pod", "--shard: 'pod' is not an index; use an integer, or a name that ends in -INDEX"),
        ("-1", "--shard: '-1' is not an index; use an integer, or a name that ends in -INDEX"),
        ("4", "--shard: 4 must be less than --total-shards, which is 1; the first shard is 0"),
    ],
)
def test_mistakes_are_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_shard(text, 1)
    assert str(caught.value) == message
