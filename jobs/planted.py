"""Does the error category find wrong answers, and does it help? `python -m jobs.planted [--seeds 1 2 3 4 5] [--tune]
[--out DIR]`: `recipes/planted.yaml`, whose pool has wrong answers planted, with several seeds, and two tables.

Each seed is a run of its own in DIR/seed-N, as `skillray run` does it: other questions, other wrong ones, another order
of training; the embedded student is the same. Found is what was in the error category (DSA, arXiv 2412.19361) before
any epoch. Of the arm whose examples are not edited it is what would have been, by the error baseline of `dynamics`.
Precision and recall are over the planted questions among the examples of the first epoch; of what a teacher wrote later
nothing is wrong.

With --tune the first two arms on the tuning seed alone, and how precision and recall before the first update go with
the two thresholds of the error category: those of `tuned` are its best F1. A finished run is not done again, a killed
one goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.evidence import TUNING_SEED, check_seeds, run, scores
from jobs.evidence_table import interval, number, table
from skillray.cli.main import guarded
from skillray.config import RunConfig, load_config
from skillray.config.model import DomainData
from skillray.diagnosis.dynamics import MIN_OBSERVATIONS, Baseline, Category, Thresholds, categorise
from skillray.diagnosis.learning import losses_by_example
from skillray.errors import ConfigError
from skillray.evaluation.seeds import Answers, Effect, OverSeeds, effect_of, over_seeds
from skillray.loop.questions import from_domain
from skillray.loop.summary import SCORE_COLUMNS
from skillray.report.learnt import Learnt, read_learnt
from skillray.store.files import commit, commit_json, read_json
from skillray.store.layout import RunFolder

RECIPE = str(Path(__file__).parent / "recipes" / "planted.yaml")
SEEDS = (1, 2, 3, 4, 5)
CONTROL, DEFAULTS = "static", "dynamics"
ERROR_MEANS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
ERROR_STDS = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of one arm with one seed: counts of examples."""

    flagged: int
    planted: int
    right: int
    """Planted ones that were flagged."""

    @property
    def precision(self) -> float | None:
        return self.right / self.flagged if self.flagged else None

    @property
    def recall(self) -> float:
        return self.right / self.planted

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.flagged + self.planted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    name: str
    found: tuple[Found, ...]
    """By seed."""
    effect: Effect
    tokens: tuple[tuple[int, int], ...]
    """By seed: trained on, and those of the probe fit."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.planted", description="Planted wrong answers, several seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--tune", action="store_true", help=f"thresholds on seed {TUNING_SEED} instead")
    parser.add_argument("--out", default="runs/planted", help="a folder")
    given = parser.parse_args(words)
    sys.exit(guarded(lambda: tune(given.out) if given.tune else work(given.out, tuple(given.seeds))))


def work(out: str, seeds: Sequence[int]) -> None:
    """Run what has not been run, then write and print the tables."""
    check_seeds(seeds)
    for place, seed in enumerate(seeds, start=1):
        print(f"[{place}/{len(seeds)}] {folder_of(out, seed).path}", flush=True)
        run(folder_of(out, seed).path, [f"seed={seed}"], RECIPE)
    names = [student.name for student in load_config(RECIPE).students]
    found = {seed: found_by(folder_of(out, seed), config_of(seed)) for seed in seeds}
    arms = [
        Arm(
            name=name,
            found=tuple(found[seed][name] for seed in seeds),
            effect=effect_of([answers(folder_of(out, seed), name) for seed in seeds]),
            tokens=tuple(tokens_of(folder_of(out, seed), name) for seed in seeds),
        )
        for name in names
    ]
    commit_json(f"{out}/planted.json", {"seeds": seeds, "arms": [as_json(arm) for arm in arms]})
    commit(f"{out}/planted.md", (text := as_markdown(seeds, arms)).encode())
    print(text)


def tune(out: str) -> None:
    """Print precision, recall and F1 by threshold, on the tuning seed."""
    folder, config = folder_of(out, TUNING_SEED), config_of(TUNING_SEED)
    arms = [student.model_dump(mode="json") for student in config.students if student.name in (CONTROL, DEFAULTS)]
    run(folder.path, [f"seed={TUNING_SEED}", f"students={json.dumps(arms)}"], RECIPE)
    planted, baseline = planted_examples(folder, config), baseline_by(learnt_by(folder, config))
    history = losses_by_example(folder.round(CONTROL, 0).segment().table("learning"), before=MIN_OBSERVATIONS)
    rows = []
    for mean, std in product(ERROR_MEANS, ERROR_STDS):
        categories = categorise(history, baseline, Thresholds(error_mean=mean, error_std=std))
        found = count(errors_in(categories), planted)
        precision = "" if found.precision is None else number(found.precision)
        rows.append([f"{mean:g}", f"{std:g}", str(found.flagged), precision, number(found.recall), number(found.f1)])
    title = f"Errors among {len(planted)} planted, seed {TUNING_SEED}, `{CONTROL}` before epoch {MIN_OBSERVATIONS}"
    print(table(title, ["error_mean", "error_std", "flagged", "precision", "recall", "F1"], rows))


def folder_of(out: str, seed: int) -> RunFolder:
    return RunFolder(f"{out}/seed-{seed}")


def config_of(seed: int) -> RunConfig:
    return load_config(RECIPE, [f"seed={seed}"])


def found_by(folder: RunFolder, config: RunConfig) -> dict[str, Found]:
    """By arm: what was, or would have been, called an error before any epoch."""
    planted, learnt = planted_examples(folder, config), learnt_by(folder, config)
    baseline = baseline_by(learnt)
    return {
        name: count(edited_errors(folder, name) if one.edited else static_errors(folder, one, baseline), planted)
        for name, one in learnt.items()
    }


def learnt_by(folder: RunFolder, config: RunConfig) -> dict[str, Learnt]:
    learnt, problems = read_learnt(folder, [student.name for student in config.students])
    if problems:
        raise ConfigError(problems[0])
    return {one.student: one for one in learnt}


def planted_examples(folder: RunFolder, config: RunConfig) -> pa.Array:
    """Ids of the examples of the control's first epoch whose question has a planted answer."""
    assert isinstance(config.data, DomainData)
    clean = config.data.model_copy(update={"wrong_answers": 0.0})
    before, now = (from_domain(data, config.seed)[0]["pool"] for data in (clean, config.data))
    questions = now["question_id"].filter(pc.not_equal(before["answer"], now["answer"]))
    rows = folder.round(CONTROL, 0).segment().table("examples").read(["example_id", "question_id"])
    return rows.filter(pc.is_in(rows["question_id"], value_set=questions.combine_chunks()))[
        "example_id"
    ].combine_chunks()


def baseline_by(learnt: dict[str, Learnt]) -> Baseline:
    """That of the arm whose thresholds are no factors."""
    bounds = learnt[DEFAULTS].bounds
    return Baseline(mean=bounds["error_from_mean"], std=bounds["error_up_to_std"])


def edited_errors(folder: RunFolder, arm: str) -> set[bytes]:
    tables = [segment.table("categories") for segment in folder.round(arm, 0).segments()]
    return set().union(*(errors_in(one.read(["example_id", "category"])) for one in tables if one.complete()))


def static_errors(folder: RunFolder, learnt: Learnt, baseline: Baseline) -> set[bytes]:
    learning = folder.round(learnt.student, 0).segment().table("learning")
    histories = [losses_by_example(learning, before=sizes.epoch) for sizes in learnt.sizes]
    return set().union(*(errors_in(categorise(history, baseline, Thresholds())) for history in histories))


def errors_in(categories: pa.Table) -> set[bytes]:
    return set(categories.filter(pc.equal(categories["category"], str(Category.ERROR)))["example_id"].to_pylist())


def count(flagged: set[bytes], planted: pa.Array) -> Found:
    return Found(flagged=len(flagged), planted=len(planted), right=len(flagged & set(planted.to_pylist())))


def answers(folder: RunFolder, arm: str) -> Answers:
    base = folder.base(CONTROL).table("scores")
    tables = (base, scores(folder, CONTROL), scores(folder, arm))
    return Answers(**dict(zip(("base", "control", "arm"), (one.read(SCORE_COLUMNS) for one in tables), strict=True)))


def tokens_of(folder: RunFolder, arm: str) -> tuple[int, int]:
    """Trained on: about as many for all arms, for an edited epoch has at most those of the first. And of the probe."""
    last = read_json(folder.summary)["students"][arm]["rounds"][-1]
    return last["tokens"], last["probe_tokens"]


def as_json(arm: Arm) -> dict[str, Any]:
    names = ("flagged", "planted", "right", "precision", "recall", "f1")
    found = [{name: getattr(one, name) for name in names} for one in arm.found]
    return {"arm": arm.name, "found": found, "accuracy": arm.effect.to_json(), "tokens": arm.tokens}


def as_markdown(seeds: Sequence[int], arms: Sequence[Arm]) -> str:
    """What was found, and what came of it; each table below what its columns are."""
    wrong = ", ".join(str(one.planted) for one in arms[0].found)
    heads = ["arm", "flagged", "precision", "recall", "F1"]
    found = [[f"`{arm.name}`", *map(str, found_cells(arm.found))] for arm in arms]
    text = table(f"Errors found among {wrong} planted; means over seeds [95% t interval over seeds]", heads, found)
    heads = [
        "arm",
        "tokens",
        "of its probe",
        "accuracy",
        "gain",
        f"over `{CONTROL}`",
        *(f"seed {seed}" for seed in seeds),
    ]
    rows = [["before training", "", "", number(arms[0].effect.base.mean), *[""] * (len(heads) - 4)]]
    rows += [[f"`{arm.name}`", *accuracy_cells(arm)] for arm in arms]
    questions = ", ".join(f"{one.num_questions:,}" for one in arms[0].effect.paired)
    title = f"Accuracy over held-out questions ({questions}); means over seeds [95% t interval over seeds]"
    return f"{text}\n{table(title, heads, rows)}"


def found_cells(found: Sequence[Found]) -> list[str]:
    precision = [one.precision for one in found if one.precision is not None]
    cells = [over(precision) if precision else "", over([one.recall for one in found]), over([one.f1 for one in found])]
    if len(precision) < len(found):
        cells[0] += f" ({len(precision)} seeds flagged any)"
    return [", ".join(str(one.flagged) for one in found), *cells]


def accuracy_cells(arm: Arm) -> list[str]:
    effect = arm.effect
    differences = [interval(effect.difference), *(number(value, "+") for value in effect.difference.by_seed)]
    if arm.name == CONTROL:
        differences = [""] * len(differences)
    tokens = [f"{sum(counts) / len(counts):,.0f}" for counts in zip(*arm.tokens, strict=True)]
    return [*tokens, number(effect.accuracy.mean), interval(effect.gain), *differences]


def over(values: Sequence[float]) -> str:
    figure: OverSeeds = over_seeds(values)
    mean = number(figure.mean)
    return (
        mean if figure.low is None or figure.high is None else f"{mean} [{number(figure.low)}, {number(figure.high)}]"
    )


if __name__ == "__main__":
    main()
