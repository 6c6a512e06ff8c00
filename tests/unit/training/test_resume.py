"""Training on one worker of this process, stopped and gone on with. DeepSpeed is the real one."""

from __future__ import annotations

import itertools
import logging
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from skillray.errors import StageError, StaleWriterError
from skillray.store.fence import UNFENCED, Fence, take_epoch
from skillray.store.files import names_in
from skillray.store.tables import Table
from skillray.training.checkpoint import weights_hash
from skillray.training.engine import load_shards, not_finite
from skillray.training.progress import settled
from skillray.training.resume import Learnt, MidRound
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.sft import TrainJob, train
from tests.ray.test_fine_tune import job as make_job

LORA = Lora(rank=4, alpha=8.0, dropout=0.3)
KINDS = {
    f"zero{stage}{'-lora' if lora else ''}": {"zero_stage": stage, "lora": lora}
    for stage, lora in itertools.product((0, 1, 2, 3), (None, LORA))
} | {"zero1-bf16": {"zero_stage": 1, "dtype": "bf16"}}
if find_spec("bitsandbytes"):  # the extra `qlora`, whose kernels for CPUs are real ones
    FOUR_BITS = LORA.model_copy(update={"quantize": "nf4"})
    KINDS |= {f"zero{stage}-qlora": {"zero_stage": stage, "lora": FOUR_BITS} for stage in (0, 1, 2)}


def make(folder: Path, place: Path, **changes: Any) -> TrainJob:
    """Five steps of two micro-batches; a mid-round checkpoint after every step."""
    common = {"batch_size": 4, "micro_batch_size": 2, "dtype": "fp32", "learning_rate": 1e-2, "epochs": 2}
    settings = TrainingSettings.model_validate(common | {"zero_stage": 0, "checkpoint_every_s": 0.0} | changes)
    return make_job(place, "job", str(folder / "student"), Table(str(folder / "examples")), settings)


class Stopped(BaseException):
    """As if the process had died here."""


def stop_after(steps: int) -> Callable[[], None]:
    """For `alive`, which is called three times while `train` starts, and once before every step."""
    calls = itertools.count()

    def alive() -> None:
        if next(calls) == 3 + steps:
            raise Stopped

    return alive


def stop(job: TrainJob, steps: int) -> list[str]:
    """What is in progress/ after the job was stopped."""
    with pytest.raises(Stopped):
        train(job, alive=stop_after(steps))
    return sorted(os.listdir(job.progress))


def result(job: TrainJob) -> tuple[str, str]:
    return weights_hash(job.output), Table(job.learning).fingerprint()


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What comes out when nothing stops it, and nothing is saved on the way."""
    job = make(folder, tmp_path_factory.mktemp("whole"), checkpoint_every_s=1e6)
    train(job)
    return result(job)


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_twice_it_ends_with_the_same_bits(folder: Path, tmp_path: Path, kind: str) -> None:
    unstopped = make(folder, tmp_path / "whole", **KINDS[kind], checkpoint_every_s=1e6)
    train(unstopped)
    job = make(folder, tmp_path / "pieces", **KINDS[kind])
    assert stop(job, 2) == ["step_00000001", "step_00000002"]
    assert stop(job, 1) == ["step_00000002", "step_00000003"]
    train(job)
    assert result(job) == result(unstopped)
    assert settled(job.output)


def test_mid_round_checkpoints_may_be_in_a_bucket(
    folder: Path, tmp_path: Path, bucket: str, whole: tuple[str, str]
) -> None:
    job = replace(make(folder, tmp_path), output=f"{bucket}/round/checkpoint", learning=f"{bucket}/round/learning")
    with pytest.raises(Stopped):
        train(job, alive=stop_after(2))
    assert names_in(job.progress) == ["step_00000001", "step_00000002"]
    took: list[int] = []
    train(job, lambda step, total, loss, rate: took.append(step))
    assert took == [3, 4, 5]
    assert result(job) == whole
    assert settled(job.output)


def damage(job: TrainJob, *steps: int) -> None:
    for step in steps:
        path = Path(job.progress, f"step_{step:08d}", "mp_rank_00_model_states.pt")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ((), ["goes on after step 3"]),
        ((3,), ["passed over", "goes on after step 2"]),
        ((2, 3), ["passed over", "passed over", "starts from step 0"]),
    ],
)
def test_a_damaged_one_falls_back_and_says_so(
    folder: Path,
    tmp_path: Path,
    whole: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
    damaged: tuple[int, ...],
    said: list[str],
) -> None:
    job = make(folder, tmp_path)
    stop(job, 3)
    damage(job, *damaged)
    with caplog.at_level(logging.INFO, "skillray"):
        train(replace(job, settings=job.settings.model_copy(update={"checkpoint_every_s": 1e6})))
    assert [part in record.message for part, record in zip(said, caplog.records, strict=True)] == [True] * len(said)
    assert result(job) == whole


def test_that_of_other_settings_is_not_gone_on_from(
    folder: Path, tmp_path: Path, whole: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    job = make(folder, tmp_path)
    stop(replace(job, settings=job.settings.model_copy(update={"weight_decay": 0.5})), 2)
    train(job)
    assert any("of another job" in record.message for record in caplog.records)
    assert result(job) == whole


def killed_at(count: int, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """Die at the count-th renaming or link, before or after it; nothing is cleared up from then on."""
    calls = itertools.count(1)

    def or_die(publish: Callable[[str, str], None], source: str, target: str) -> None:
        now = next(calls) == count
        if not now or after:
            publish(source, target)
        if now:
            monkeypatch.setattr(shutil, "rmtree", lambda *args, **options: None)
            monkeypatch.setattr(os, "unlink", lambda path: None)
            raise Stopped

    for name in ("replace", "link"):
        monkeypatch.setattr(os, name, partial(or_die, getattr(os, name)))


def test_killed_at_any_renaming_it_ends_with_the_same_bits_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    unstopped = make(folder, tmp_path / "whole", epochs=1, checkpoint_every_s=1e6)
    train(unstopped)
    for point in itertools.count(2):
        job = make(folder, tmp_path / f"{point}", epochs=1)
        with pytest.MonkeyPatch.context() as monkeypatch:
            killed_at(point // 2, monkeypatch, after=bool(point % 2))
            try:
                train(job)
                break
            except Stopped:
                pass
        train(job)
        assert result(job) == result(unstopped), point
        assert sorted(os.listdir(Path(job.output).parent)) == ["checkpoint", "learning", "schedule"], point
    # Two files and a manifest for each of two checkpoints; two for learning, one for the checkpoint folder.
    assert point // 2 == 2 * 3 + 2 + 1 + 1


def test_a_disk_too_small_for_it_does_not_stop_training(
    folder: Path, tmp_path: Path, whole: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    job = make(folder, tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 2**20, before[1]))  # the model fits, its optimizer does not
    try:
        train(job)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert "step 1 given up (worker 0: " in caplog.records[0].message
    assert result(job) == whole
    assert settled(job.output)


def test_a_process_that_no_longer_writes_the_run_stops_and_touches_no_checkpoint(folder: Path, tmp_path: Path) -> None:
    job = replace(make(folder, tmp_path), fence=Fence(str(tmp_path), 1))

    def take_over(step: int, total: int, loss: float, rate: float) -> None:
        if step == 3:
            assert take_epoch(str(tmp_path), 2, {"host": "there", "pid": 1})

    with pytest.raises(StaleWriterError):
        train(job, take_over)
    damage(job, 2)  # what the newer process has yet to see, and a stale one must not clear away
    before = {path: path.read_bytes() for path in Path(job.progress).rglob("*") if path.is_file()}
    with pytest.raises(StaleWriterError):
        train(job)
    assert {path: path.read_bytes() for path in Path(job.progress).rglob("*") if path.is_file()} == before
    assert sorted(os.listdir(job.progress)) == ["step_00000001", "step_00000002"]


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    mid_round = mid_round_in(tmp_path)
    with torch.no_grad():
        module.weight[1, 1] = float("inf")
    with pytest.raises(StageError, match=r"^fine_tune: weight is not finite after step 7; lower"):
        mid_round.save(SimpleNamespace(module=module), 7, Learnt(np.zeros(0, np.int64), np.zeros(0, np.float32)))
    assert not list(tmp_path.iterdir())


def test_padding_of_a_partition_may_be_anything() -> None:
    """Five elements on two ranks are cut into three and three: the last is never set."""
    parameter = torch.nn.Parameter(torch.zeros(0))
    parameter.ds_numel = 5
    parameter.ds_tensor = torch.tensor([1.0, 2.0, float("nan")])
    parameter.ds_tensor.ds_numel = 3
    module = torch.nn.ParameterDict({"weight": parameter})
    assert not_finite(module, rank=1) == []
    assert not_finite(module, rank=0) == ["weight"]


def mid_round_in(folder: Path, every_s: float = 0.0) -> MidRound:
    return MidRound(
        root=str(folder / "progress"),
        job=lambda step: "",
        every_s=every_s,
        adapters=False,
        fence=UNFENCED,
        rank=0,
        world_size=1,
        device=torch.device("cpu"),
    )


def test_one_is_due_when_the_time_is_over(tmp_path: Path) -> None:
    assert mid_round_in(tmp_path, 0.0).due()
    assert not mid_round_in(tmp_path, 60.0).due()
    later = mid_round_in(tmp_path, 60.0)
    later.last -= 61.0
    assert later.due()


def test_no_shards_are_an_error_and_not_a_new_start(tmp_path: Path) -> None:
    engine = SimpleNamespace(load_checkpoint=lambda folder, tag, load_module_strict: (None, None))
    with pytest.raises(StageError, match="DeepSpeed finds no shards in"):
        load_shards(engine, str(tmp_path), adapters=False)


def test_what_a_killed_attempt_left_is_cleared_by_the_next(folder: Path, tmp_path: Path) -> None:
    job = make(folder, tmp_path)
    draft, other = Path(f"{job.output}.0123.tmp"), Path(job.output).with_name("checkpoint-of-mine")
    draft.mkdir()
    other.mkdir()
    train(job)
    assert other.exists()
    assert not draft.exists()
    Path(job.progress).mkdir()  # killed between publishing and clearing up
    train(job)
    assert settled(job.output)
