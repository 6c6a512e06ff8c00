"""What transformers, PEFT and we ourselves write passes; what is wrong with a folder stands in tests/unit/bad_input."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillray.errors import DataError
from skillray.training.model_folder import check_model
from skillray.training.settings import Lora
from tests.tiny import save_tiny_student
from tests.unit.training.test_checkpoint import save


def test_folders_that_the_libraries_write_are_models(tmp_path: Path) -> None:
    student = save_tiny_student(tmp_path / "student", layers=1)
    adapter = save(student, tmp_path / "adapter", lora=Lora(rank=2))
    merged = save(student, tmp_path / "merged", lora=Lora(rank=2, merge=True))
    for folder in (student, save(student, tmp_path / "full"), adapter, merged):
        assert check_model(folder) == folder
    assert check_model("embedded") is not None
    assert check_model("org/name-that-must-be-downloaded") is None
    (Path(student) / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"the base of this adapter: model .*student: there is no model.safetensors"):
        check_model(adapter)
