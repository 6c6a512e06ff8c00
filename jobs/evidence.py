"""Does it help? `python -m jobs.evidence [--seeds 1 2 3 4 5] [--ablations] [--out DIR]`: the quickstart with several
seeds, as `skillray run` does it, and a table of how the arms compare.

Each seed is a run of its own in DIR/seed-N: other questions, another order of training; the embedded student is the
same. With --ablations the first two seeds also run with one setting of the recipe changed at a time, in
DIR/SETTING/seed-N; the control is that of the main runs, which has the same questions. Nothing is tuned here: the
recipe's knobs were set on another seed, which is refused. A finished run is not done again, a killed one goes on.

DIR/evidence.json and DIR/evidence.md hold the figures (`skillray.evaluation.seeds` says what the intervals are).
"Difficult" are the held-out questions that the recipe's filter calls difficult before training: STAT's MATH^D (arXiv
2510.10023, 3.1) in this domain.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from jobs.evidence_table import Evidence, FilterCount, Line, as_markdown
from skillray.cli.main import guarded
from skillray.config import StudentConfig, load_config
from skillray.errors import ConfigError, StageError
from skillray.evaluation.seeds import Answers, effect_of
from skillray.grading.difficulty import AdaptmiFilter, DifficultyFilter, StatFilter
from skillray.loop.summary import SCORE_COLUMNS, difficult_ids
from skillray.store.files import commit, commit_json
from skillray.store.layout import RunFolder
from skillray.store.tables import Table

RECIPE = str(Path(__file__).parent / "recipes" / "quickstart.yaml")
TUNING_SEED = 7
"""The recipe's knobs were set on its `tune` split."""
SEEDS = (1, 2, 3, 4, 5)
ABLATION_SEEDS = 2
CONTROL, SEL, SYN = "uniform", "stat-sel", "stat-syn"


@dataclass(frozen=True, slots=True)
class Ablation:
    """One setting of the recipe at another value, for the arms that it touches."""

    name: str
    what: str
    arms: tuple[str, ...]
    sets: tuple[str, ...]


EVERYTHING_DIFFICULT = "grading.filter={type: stat, tau1: 1.0}"
ABLATIONS = (
    Ablation("difficult-5", "5 difficult questions", (SEL, SYN), ("diagnosis.max_difficult=5",)),
    Ablation("difficult-15", "15 difficult questions", (SEL, SYN), ("diagnosis.max_difficult=15",)),
    Ablation("per-skill-5", "5 questions per missing skill", (SEL,), ("students.0.curriculum.questions_per_skill=5",)),
    Ablation(
        "per-skill-50", "50 questions per missing skill", (SEL,), ("students.0.curriculum.questions_per_skill=50",)
    ),
    Ablation("no-filter", "no filter: all are difficult", (SEL,), (EVERYTHING_DIFFICULT,)),
    Ablation("labels", "labels of difficult questions, no teacher", (SEL,), ("diagnosis.source=labels",)),
    Ablation(
        "labels-no-filter",
        "labels of all questions, no teacher, no filter",
        (SEL,),
        ("diagnosis.source=labels", EVERYTHING_DIFFICULT),
    ),
)
FILTERS: tuple[DifficultyFilter, ...] = (
    StatFilter(),
    StatFilter(tau1=0.0, tau2=0.0),
    StatFilter(tau1=0.5, tau2=0.5),
    StatFilter(tau1=0.99, tau2=0.99),
    StatFilter(tau1=1.0),
    AdaptmiFilter(),
)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.evidence", description="The quickstart with several seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--ablations", action="store_true", help="also with one setting changed at a time, two seeds")
    parser.add_argument("--out", default="runs/evidence", help="a folder")
    given = parser.parse_args(words)
    sys.exit(guarded(lambda: work(given.out, tuple(given.seeds), ABLATIONS if given.ablations else ())))


def work(out: str, seeds: Sequence[int], ablations: Sequence[Ablation]) -> None:
    """Run what has not been run, then write and print the tables."""
    check_seeds(seeds)
    runs = list(planned(out, seeds, ablations))
    for place, (folder, overrides) in enumerate(runs, start=1):
        print(f"[{place}/{len(runs)}] {folder}", flush=True)
        run(folder, overrides)
    evidence = measure(out, seeds, ablations)
    commit_json(f"{out}/evidence.json", evidence.to_json())
    commit(f"{out}/evidence.md", (text := as_markdown(evidence)).encode())
    print(text)


def check_seeds(seeds: Sequence[int]) -> None:
    """`ConfigError` for one that stands twice, or is the tuning seed."""
    if TUNING_SEED in seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds must differ, and not be {TUNING_SEED}, on which the knobs were set; got {[*seeds]}")


def planned(out: str, seeds: Sequence[int], ablations: Sequence[Ablation]) -> Iterator[tuple[str, list[str]]]:
    """Run folder and overrides of every run."""
    students = arms_of_recipe()
    for seed in seeds:
        yield folder_of(out, seed), [f"seed={seed}"]
    for ablation in ablations:
        arms = json.dumps([students[arm].model_dump(mode="json") for arm in ablation.arms])
        for seed in seeds[:ABLATION_SEEDS]:
            yield folder_of(out, seed, ablation), [f"seed={seed}", f"students={arms}", *ablation.sets]


def folder_of(out: str, seed: int, ablation: Ablation | None = None) -> str:
    return "/".join([out, *([ablation.name] if ablation else []), f"seed-{seed}"])


def run(folder: str, overrides: Sequence[str], recipe: str = RECIPE) -> None:
    """The product in a process of its own, for Ray starts once in one."""
    sets = [word for override in overrides for word in ("--set", override)]
    done = subprocess.run([sys.executable, "-m", "skillray", "run", recipe, "--run-dir", folder, *sets])
    if done.returncode:
        raise StageError(f"{folder} ended with exit code {done.returncode}; the same command goes on from here")


def measure(out: str, seeds: Sequence[int], ablations: Sequence[Ablation]) -> Evidence:
    """Everything that the finished runs in `out` say."""
    runs = [RunFolder(folder_of(out, seed)) for seed in seeds]
    few = runs[:ABLATION_SEEDS]
    arms = [line_of("recipe", arm, runs, runs) for arm in arms_of_recipe()]
    ablated = [line_of("recipe", arm, few, few) for arm in (SEL, SYN)]
    for ablation in ablations:
        changed = [RunFolder(folder_of(out, seed, ablation)) for seed in seeds[:ABLATION_SEEDS]]
        ablated += [line_of(ablation.what, arm, changed, few) for arm in ablation.arms]
    return Evidence(
        seeds=tuple(seeds),
        control=CONTROL,
        arms=tuple(arms),
        ablations=tuple(ablated) if ablations else (),
        filters=tuple(filter_count(one, runs) for one in FILTERS) if ablations else (),
    )


def arms_of_recipe() -> dict[str, StudentConfig]:
    return {student.name: student for student in load_config(RECIPE).students}


def line_of(setting: str, arm: str, runs: Sequence[RunFolder], controls: Sequence[RunFolder]) -> Line:
    """`arm` in `runs` against the control of the same seeds: over all held-out questions, and the difficult ones."""
    both = [answers(run, control, arm) for run, control in zip(runs, controls, strict=True)]
    return Line(setting, arm, effect_of([whole for whole, _ in both]), effect_of([hard for _, hard in both]))


def answers(run: RunFolder, control: RunFolder, arm: str) -> tuple[Answers, Answers]:
    before = control.base(CONTROL).table("scores")
    base, other, own = (t.read(SCORE_COLUMNS) for t in (before, scores(control, CONTROL), scores(run, arm)))
    whole, hard = Answers(base=base, control=other, arm=own), difficult_ids(before)
    return whole, Answers(**{name: only(getattr(whole, name), hard) for name in ("base", "control", "arm")})


def only(rows: pa.Table, ids: pa.Array) -> pa.Table:
    return rows.filter(pc.is_in(rows["question_id"], value_set=ids))


def scores(run: RunFolder, arm: str) -> Table:
    """After the only round."""
    return run.round(arm, 0).table("scores")


def filter_count(one: DifficultyFilter, runs: Sequence[RunFolder]) -> FilterCount:
    """How many questions `one` would have called difficult before training, in each seed."""
    profile = tuple(difficult_with(one, run.round(SEL, 0).table("graded")) for run in runs)
    return FilterCount(one, profile, tuple(difficult_with(one, run.base(SEL).table("scores")) for run in runs))


def difficult_with(one: DifficultyFilter, graded: Table) -> int:
    rows = graded.read(["judged", "step_scores"])
    return sum(one.is_difficult(scores) for scores in rows.filter(rows["judged"])["step_scores"].to_pylist())


if __name__ == "__main__":
    main()
