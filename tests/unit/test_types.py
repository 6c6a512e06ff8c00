"""Identity: the same everywhere, and different for different things."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from skillray.types import Ids, content_id, seed_for


def test_ids_do_not_run_together():
    assert content_id("ab", "c") != content_id("a", "bc")
    assert len(content_id("a")) == 16


def test_many_ids_are_a_sequence_of_them():
    plain = [content_id(n) for n in range(5)]
    ids = Ids(b"".join(plain))
    assert (len(ids), list(ids), ids[2], ids[-1]) == (5, plain, plain[2], plain[4])
    assert list(ids[1:4]) == plain[1:4] and plain[3] in ids
    assert ids == Ids(b"".join(plain)) != Ids(b"".join(plain[:4]))
    with pytest.raises(IndexError):
        ids[5]


def test_draws_from_many_ids_are_those_from_a_tuple():
    plain = tuple(content_id(n) for n in range(100))
    for count in (1, 5, 60, 100):  # both ways in which random.sample goes about it
        packed = random.Random(count).sample(Ids(b"".join(plain)), count)
        assert packed == random.Random(count).sample(plain, count)


def test_seeds_are_the_same_in_another_process():
    code = "from skillray.types import seed_for; print(seed_for('run', 3, b'q'))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == seed_for("run", 3, b"q") < 2**63


def test_the_core_is_light():
    """Commands that start nothing must not wait for heavy imports."""
    code = (
        "import sys, skillray.cli.main, skillray.loop.forecast, skillray.coordinator.fleet\n"
        "sys.exit(str({'ray', 'torch', 'vllm', 'deepspeed', 'transformers', 'scipy'} & set(sys.modules) or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"the core now imports {done.stderr}"
