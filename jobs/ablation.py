"""DSA's additive ablation over several seeds: `python -m jobs.ablation [--seeds 1 2 3 4 5] [--out DIR]`.

`recipes/dsa_arithmetic.yaml` with each seed, as `skillray run` does it, in DIR/seed-N: other questions, another order
of training; the embedded student is the same, and so are the texts of textbooks and exercises, which a domain teacher
writes by the request alone. Intervals over seeds leave out how those would differ. Then one table: every arm
against the one that differs from it in one value, over all held-out questions and over those that were difficult before
training. The recipe's learning rates were set on the tuning seed, which is refused. A finished run is not done again, a
killed one goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.evidence import check_seeds, only, run
from jobs.evidence_table import interval, number, table
from skillray.cli.main import guarded
from skillray.config import RunConfig, load_config
from skillray.evaluation.seeds import Answers, Effect, effect_of
from skillray.loop.summary import SCORE_COLUMNS, difficult_ids
from skillray.store.files import commit, commit_json, read_json
from skillray.store.layout import RunFolder

RECIPE = str(Path(__file__).parent / "recipes" / "dsa_arithmetic.yaml")
SEEDS = (1, 2, 3, 4, 5)
PAIRS: tuple[tuple[str, str | None], ...] = (
    ("textbooks", None),
    ("order", "textbooks"),
    ("exercises", "order"),
    ("dynamics", "exercises"),
    ("no-compose", "exercises"),
    ("dynamics", "no-compose"),
    ("no-textbooks", "exercises"),
    ("reverse", "exercises"),
)
"""Each arm, and what it is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    name: str
    against: str | None
    all: Effect
    """Over all held-out questions."""
    difficult: Effect
    """Over those that were difficult before training."""
    tokens: tuple[tuple[int, int], ...]
    """By seed: trained on in all rounds, and in probe fits."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.ablation", description="DSA's ablation with several seeds.")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--out", default="runs/ablation", help="a folder")
    given = parser.parse_args(words)
    sys.exit(guarded(lambda: work(given.out, tuple(given.seeds))))


def work(out: str, seeds: Sequence[int]) -> None:
    """Run what has not been run, then write and print the table."""
    check_seeds(seeds)
    folders = [RunFolder(f"{out}/seed-{seed}") for seed in seeds]
    for place, (seed, folder) in enumerate(zip(seeds, folders, strict=True), start=1):
        print(f"[{place}/{len(seeds)}] {folder.path}", flush=True)
        run(folder.path, [f"seed={seed}"], RECIPE)
    config = load_config(RECIPE)
    arms = [arm_of(config, name, against, folders) for name, against in PAIRS]
    commit_json(f"{out}/ablation.json", {"seeds": seeds, "arms": [as_json(arm) for arm in arms]})
    commit(f"{out}/ablation.md", (text := as_markdown(seeds, arms)).encode())
    print(text)


def arm_of(config: RunConfig, name: str, against: str | None, folders: Sequence[RunFolder]) -> Arm:
    """An arm that is compared with nothing is its own control."""
    both = [answers(config, folder, name, against or name) for folder in folders]
    return Arm(
        name=name,
        against=against,
        all=effect_of([whole for whole, _ in both]),
        difficult=effect_of([hard for _, hard in both]),
        tokens=tuple(tokens_of(folder, name) for folder in folders),
    )


def answers(config: RunConfig, folder: RunFolder, name: str, against: str) -> tuple[Answers, Answers]:
    last = {student.name: student.rounds(config.rounds) - 1 for student in config.students}
    before = folder.base(name).table("scores")
    after = {one: folder.round(one, last[one]).table("scores").read(SCORE_COLUMNS) for one in (name, against)}
    whole = {"base": before.read(SCORE_COLUMNS), "control": after[against], "arm": after[name]}
    hard = difficult_ids(before)
    return Answers(**whole), Answers(**{which: only(rows, hard) for which, rows in whole.items()})


def tokens_of(folder: RunFolder, name: str) -> tuple[int, int]:
    rounds = read_json(folder.summary)["students"][name]["rounds"][1:]
    return sum(one["tokens"] for one in rounds), sum(one["probe_tokens"] for one in rounds)


def as_json(arm: Arm) -> dict[str, Any]:
    effects = {"all": arm.all.to_json(), "difficult": arm.difficult.to_json()}
    return effects | {"arm": arm.name, "against": arm.against, "tokens": arm.tokens}


def as_markdown(seeds: Sequence[int], arms: Sequence[Arm]) -> str:
    counts = [", ".join(f"{one.num_questions:,}" for one in which.paired) for which in (arms[0].all, arms[0].difficult)]
    title = f"Means over seeds {', '.join(map(str, seeds))} [95% t interval over seeds]; {counts[0]} questions, "
    title += f"{counts[1]} of them difficult"
    heads = [
        "arm",
        "against",
        "tokens",
        "of probes",
        "accuracy",
        "difference",
        "by seed",
        "on the difficult",
        "difference",
    ]
    base = [number(which.base.mean) for which in (arms[0].all, arms[0].difficult)]
    rows = [["before training", "", "", "", base[0], "", "", base[1], ""]]
    return table(title, heads, [*rows, *(cells(arm) for arm in arms)])


def cells(arm: Arm) -> list[str]:
    tokens = [f"{sum(counts) / len(counts):,.0f}" for counts in zip(*arm.tokens, strict=True)]
    found = [f"`{arm.name}`", f"`{arm.against}`" if arm.against else "", *tokens]
    if arm.against is None:
        return [*found, number(arm.all.accuracy.mean), "", "", number(arm.difficult.accuracy.mean), ""]
    by_seed = " ".join(number(value, "+") for value in arm.all.difference.by_seed)
    over_all = [number(arm.all.accuracy.mean), interval(arm.all.difference), by_seed]
    return [*found, *over_all, number(arm.difficult.accuracy.mean), interval(arm.difficult.difference)]


if __name__ == "__main__":
    main()
