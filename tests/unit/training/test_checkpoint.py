from __future__ import annotations

from pathlib import Path

import pytest

from skillray.errors import DataError, StageError
from skillray.training.checkpoint import (
    checkpoint_complete,
    load_for_training,
    load_model,
    resolve_model,
    verify_checkpoint,
    weights_hash,
)
from skillray.training.saving import publish
from skillray.training.settings import TrainingSettings
from tests.tiny import save_tiny_student

SETTINGS = TrainingSettings(dtype="fp32")


@pytest.fixture
def student(tmp_path: Path) -> str:
    return save_tiny_student(tmp_path / "student", layers=1)


def save(student: str, folder: Path, factor: float = 1.0) -> str:
    model = load_for_training(student, SETTINGS)
    state = {name: parameter.detach() * factor for name, parameter in model.named_parameters()}
    publish(model, state, SETTINGS, student, str(folder), epoch=0)
    return str(folder)


def test_a_published_checkpoint_is_complete_and_keeps_its_weights(student: str, tmp_path: Path) -> None:
    saved = save(student, tmp_path / "round-000" / "checkpoint")
    assert checkpoint_complete(saved)
    verify_checkpoint(saved)
    assert weights_hash(saved) == weights_hash(student)
    assert weights_hash(save(student, tmp_path / "other", factor=2.0)) != weights_hash(student)
    assert sorted(path.name for path in (tmp_path / "round-000").iterdir()) == ["checkpoint"]  # no draft is left


def test_weights_that_are_not_finite_are_not_published(student: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="is not finite"):
        save(student, tmp_path / "checkpoint", factor=float("nan"))
    assert not (tmp_path / "checkpoint").exists()


def test_a_flipped_byte_is_found(student: str, tmp_path: Path) -> None:
    saved = save(student, tmp_path / "checkpoint")
    weights = tmp_path / "checkpoint" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(DataError, match=r"model\.safetensors is missing or differs"):
        verify_checkpoint(saved)


def test_a_cut_off_file_is_refused_in_one_line(student: str) -> None:
    weights = Path(student) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"^model .*student cannot be loaded .*: restore the folder$"):
        load_model(student)


def test_a_missing_folder_is_refused_without_asking_the_hub() -> None:
    with pytest.raises(DataError, match=r"^model /nowhere/student: there is no such folder"):
        resolve_model("/nowhere/student")


def test_a_folder_without_safetensors_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no \*\.safetensors file"):
        weights_hash(str(tmp_path))
