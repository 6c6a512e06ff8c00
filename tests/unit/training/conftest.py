"""What tests that train in this process share: one process group, as DeepSpeed knows only one in its life."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray.test_fine_tune import write_examples
from tests.tiny import save_tiny_student


@pytest.fixture(scope="session")
def process_group() -> Iterator[None]:
    """Made by the first `train`."""
    yield
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def worker_process(process_group: None) -> Iterator[None]:
    """`train` makes this process a worker: undo that."""
    import torch

    environment, threads = dict(os.environ), torch.get_num_threads()
    os.environ["LOCAL_RANK"] = "0"  # set when the group is made, which an earlier module may have done
    yield
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, worker_process: None) -> Path:
    """A student, and ten examples."""
    folder = tmp_path_factory.mktemp("inputs")
    save_tiny_student(folder / "student", layers=1)
    write_examples(folder)
    return folder
