"""The Python examples in the simulator's README run without changes, and all names in the README exist."""

import re
from pathlib import Path

import pytest

import avepoint_simulator

README = (Path(avepoint_simulator.__file__).parent / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[-1][:40])
def test_the_examples_run(example: str) -> None:
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - our own document


def test_the_names_of_faults_exist() -> None:
    (sentence,) = re.findall(r"such as (.*?)\.\n", README, re.DOTALL)
    named = re.findall(r"`(\w+)`", sentence)
    assert len(named) > 5
    assert set(named) <= set(avepoint_simulator.FAULTS)
