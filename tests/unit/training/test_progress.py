from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skillray.store.fence import UNFENCED, Fence
from skillray.store.files import sha256_of
from skillray.training.progress import (
    File,
    Manifest,
    candidates,
    commit_manifest,
    damaged_file,
    job_hash,
    keep_only,
    newest_whole,
    read_manifest,
    remove_torn,
    settled,
    step_folder,
)
from skillray.training.settings import EXECUTION, Lora, TrainingSettings
from skillray.training.sft import TrainJob
from tests.ray.test_fine_tune import job as make_job
from tests.ray.test_fine_tune import write_examples
from tests.tiny import save_tiny_student

SEED = 5
JOB = "0123456789abcdef" * 2
FILES = ("mp_rank_00_model_states.pt", "rank_00000.safetensors", "rank_00001.safetensors")


def write(root: Path, step: int, *, job: str = JOB, world_size: int = 2, committed: bool = True) -> Manifest:
    folder, rng = Path(step_folder(str(root), step)), random.Random(step)
    folder.mkdir(parents=True)
    files = {}
    for rank, name in enumerate(FILES):
        (folder / name).write_bytes(rng.randbytes(3000))
        files[name] = File(size=3000, sha256=sha256_of(str(folder / name)), rank=rank % 2)
    manifest = Manifest(step=step, job=job, world_size=world_size, epoch=1, files=files)
    if committed:
        commit_manifest(str(root), manifest, UNFENCED)
    return manifest


def choose(root: Path) -> tuple[int | None, list[str]]:
    """As two ranks would: each hashes its share."""

    def damage(manifest: Manifest) -> str | None:
        shares = (damaged_file(str(root), manifest, slice(rank, None, 2)) for rank in (0, 1))
        return next((problem for problem in shares if problem), None)

    chosen, passed_over = newest_whole(candidates(str(root), lambda step: JOB, 2), damage)
    return (chosen.step if chosen else None), passed_over


def test_the_newest_committed_one_is_chosen(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        write(tmp_path, step)
    (tmp_path / "step_00000200.rank_00001.tmp").mkdir()
    assert choose(tmp_path) == (100, [])


@pytest.mark.parametrize("nothing", ["no folder", "an empty folder"])
def test_nothing_to_go_on_from(tmp_path: Path, nothing: str) -> None:
    root = tmp_path / "progress"
    if nothing == "an empty folder":
        root.mkdir()
    assert choose(root) == (None, [])


def test_without_a_manifest_it_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, committed=False)
    (tmp_path / "step_00000003").mkdir()
    step, passed_over = choose(tmp_path)
    assert step == 1
    assert [reason.partition(":")[0] for reason in passed_over] == ["step_00000003", "step_00000002"]
    assert "manifest.json does not exist" in passed_over[0]


def test_that_of_another_job_or_number_of_workers_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, job="another")
    write(tmp_path, 3, world_size=1)
    (tmp_path / "step_00000001").rename(tmp_path / "step_00000004")
    step, passed_over = choose(tmp_path)
    assert step is None
    assert passed_over == [
        "step_00000004: it holds step 1",
        "step_00000003: written by 1 worker(s), not 2; ZeRO's shards cannot be re-cut",
        "step_00000002: of another job (model, settings, examples, seed or versions)",
    ]


def damages(data: bytes, rng: random.Random) -> Iterable[bytes | None]:
    """Flipped bytes, truncations, nothing, no file."""
    for place in (0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(38))):
        yield data[:place] + bytes([data[place] ^ rng.randrange(1, 256)]) + data[place + 1 :]
    for length in (0, 1, len(data) - 1, *(rng.randrange(len(data)) for _ in range(8))):
        yield data[:length]
    yield None


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_makes_the_one_before_it_count(tmp_path: Path, name: str) -> None:
    for step in (1, 2):
        write(tmp_path, step)
    path = tmp_path / "step_00000002" / name
    for damaged in damages(path.read_bytes(), random.Random(SEED)):
        path.write_bytes(damaged) if damaged is not None else path.unlink()
        assert choose(tmp_path) == (1, [f"{path} is missing or differs from its manifest"])


def test_a_damaged_manifest_does_not_count_unless_it_says_the_same(tmp_path: Path) -> None:
    write(tmp_path, 1)
    manifest = write(tmp_path, 2)
    path = tmp_path / "step_00000002" / "manifest.json"
    found = 0
    for damaged in damages(path.read_bytes(), random.Random(SEED)):
        path.write_bytes(damaged) if damaged is not None else path.unlink()
        step, _ = choose(tmp_path)
        found += step == 1
        assert step == 1 or read_manifest(str(tmp_path), "step_00000002") == manifest  # another kind of white space
    assert found >= 45


@pytest.mark.parametrize(("line", "changed"), [('"epoch": 1', '"epoch": 3'), ('"rank": 1', '"rank": 0')])
def test_a_manifest_that_says_something_else_does_not_count(tmp_path: Path, line: str, changed: str) -> None:
    """Nothing else would show it: the files are whole, and a rank would only not read its own."""
    for step in (1, 2):
        write(tmp_path, step)
    path = tmp_path / "step_00000002" / "manifest.json"
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, changed))
    assert choose(tmp_path) == (1, [f"step_00000002: {path} is damaged (it differs from its digest)"])


def test_when_every_one_is_damaged_none_counts(tmp_path: Path) -> None:
    for step in (1, 2):
        write(tmp_path, step)
        (tmp_path / f"step_{step:08d}" / FILES[0]).write_bytes(b"")
    step, passed_over = choose(tmp_path)
    assert step is None
    assert len(passed_over) == 2


def test_only_what_is_kept_stays(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path, step)
    (tmp_path / "step_00000004.rank_00001.tmp").mkdir()
    keep_only(str(tmp_path), [2, 3])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000002", "step_00000003"]
    keep_only(str(tmp_path / "none"), [1])


def test_what_somebody_has_committed_is_not_torn(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, committed=False)
    for step in (1, 2, 3):
        remove_torn(str(tmp_path), step)
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]


def test_a_round_is_settled_when_it_is_published_and_cleared(tmp_path: Path) -> None:
    checkpoint, progress = tmp_path / "checkpoint", tmp_path / "progress"
    checkpoint.mkdir()
    assert not settled(str(checkpoint))
    progress.mkdir()
    (checkpoint / "manifest.json").write_text("{}")
    assert not settled(str(checkpoint))
    progress.rmdir()
    assert settled(str(checkpoint))


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    settings = TrainingSettings(epochs=1, batch_size=4, num_workers=2)
    return make_job(
        tmp_path, "a", save_tiny_student(tmp_path / "student", layers=1), write_examples(tmp_path), settings
    )


def changed(job: TrainJob, **fields: Any) -> TrainJob:
    return replace(job, settings=job.settings.model_copy(update=fields))


def test_the_hash_is_of_what_decides_the_bits(job: TrainJob, tmp_path: Path) -> None:
    other_student = save_tiny_student(tmp_path / "other", layers=1, seed=1)
    other_examples = write_examples(tmp_path / "heavier", weight=2.0)
    rescheduled = make_job(tmp_path, "b", job.model, other_examples, job.settings.model_copy(update={"epochs": 2}))
    others = [
        replace(job, model=other_student),
        replace(job, examples=other_examples.folder),
        replace(job, schedule=rescheduled.schedule),
        replace(job, seed=1),
        replace(job, device="cuda"),
        changed(job, learning_rate=1e-3),
        changed(job, zero_stage=3),
        changed(job, threads=2),
        changed(job, lora=Lora()),
    ]
    assert len({job_hash(job, 1), *(job_hash(other, 2) for other in (job, *others))}) == 2 + len(others)


def test_the_hash_is_not_of_paths_attempts_and_waiting_times(job: TrainJob, tmp_path: Path) -> None:
    same = make_job(tmp_path / "moved", "a", job.model, write_examples(tmp_path / "moved"), job.settings)
    waiting = changed(job, **dict.fromkeys(EXECUTION, 1.0))
    assert waiting.settings != job.settings
    later = replace(job, fence=Fence("run", 7))
    assert {job_hash(other, 2) for other in (job, same, waiting, later)} == {job_hash(job, 2)}
