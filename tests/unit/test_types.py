"""Identity: the same everywhere, and different for different things."""

from __future__ import annotations

import subprocess
import sys

from skillray.types import content_id, seed_for


def test_ids_do_not_run_together():
    assert content_id("ab", "c") != content_id("a", "bc")
    assert len(content_id("a")) == 16


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
