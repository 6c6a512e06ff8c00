"""Any recipe with several seeds: `python -m jobs.seeds CONFIG --seeds 1 2 3 [--control NAME] [--set k=v] [--out DIR]`.

Each seed is a run of its own in DIR/seed-N, as `skillray run` does it: other questions where a domain makes them,
another cut where `data.profile` says how many are the profile, another order of training, other samples. A finished run
is not done again, a killed one goes on. Then one table over all of them.

Compared are the contrasts that the config names (`evaluation.contrasts`), or else every student with --control, the
first student of the config. A difference is taken within each seed, over the same questions; its interval is a t
interval over seeds, and its p-value is adjusted after Holm over the pairs. With one seed there is neither, and a line
says so. The knobs of a recipe belong on another seed than these.

DIR/seeds.json and DIR/seeds.md hold the figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.evidence import run
from jobs.evidence_table import interval, number, table
from skillray.cli.main import guarded
from skillray.config import RunConfig, load_config
from skillray.errors import ConfigError, DataError
from skillray.evaluation.accuracy import accuracy_of
from skillray.evaluation.contrasts import holm
from skillray.evaluation.samples import mean_of
from skillray.evaluation.seeds import OverSeeds, over_seeds, p_value_over
from skillray.loop.evaluated import (
    DIFFICULT,
    HELD_OUT,
    SCORE_COLUMNS,
    both_difficult,
    changes,
    difficult_ids,
    last_folder,
    sets_of,
    subsets,
)
from skillray.store.files import commit, commit_json
from skillray.store.layout import RoundFolder, RunFolder

ONE_SEED = "WARNING: one seed. Differences have no interval and no p-value: nothing is known of another training run."
MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One arm against its control, over seeds."""

    arm: str
    control: str
    by_column: Mapping[str, OverSeeds]
    """Difference of the accuracies: held-out, difficult for both, the rest, every set."""
    p_values: Mapping[str, float | None]
    """By column, adjusted after Holm over all pairs; None for one seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything over all seeds."""

    seeds: tuple[int, ...]
    figures: Mapping[str, Mapping[str, OverSeeds]]
    """`before training` or a student -> column -> accuracy."""
    pairs: tuple[Pair, ...]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.seeds", description="Any recipe with several seeds.")
    parser.add_argument("config", help="a YAML file")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--control", help="a student; the first one by default")
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="FIELD=VALUE, as of skillray run")
    parser.add_argument("--out", help="a folder; runs/NAME-seeds by default")
    given = parser.parse_args(words)
    sys.exit(guarded(lambda: work(given.config, given.seeds, given.control, given.overrides, given.out)))


def work(path: str, seeds: Sequence[int], control: str | None, overrides: Sequence[str], out: str | None) -> None:
    """Run what has not been run, then write and print the tables."""
    config = load_config(path, overrides)
    pairs = pairs_of(config, control)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"--seeds must differ; got {[*seeds]}")
    folder = out or f"runs/{config.name}-seeds"
    runs = [RunFolder(f"{folder}/seed-{seed}") for seed in seeds]
    for place, (seed, one) in enumerate(zip(seeds, runs, strict=True), start=1):
        print(f"[{place}/{len(seeds)}] {one.path}", flush=True)
        run(one.path, [*overrides, f"seed={seed}"], path)
    result = measure(config, runs, seeds, pairs)
    commit_json(f"{folder}/seeds.json", asdict(result))
    commit(f"{folder}/seeds.md", (text := as_markdown(result)).encode())
    print(text)


def pairs_of(config: RunConfig, control: str | None) -> list[tuple[str, str]]:
    """(arm, control), as the config names them, or every other student with one of them."""
    names = [student.name for student in config.students]
    if control is not None and control not in names:
        raise ConfigError(f"--control {control}: no such student; there are {', '.join(names)}")
    if control is None and config.evaluation.contrasts:
        return [(pair.arm, pair.control) for pair in config.evaluation.contrasts]
    return [(name, control or names[0]) for name in names if name != (control or names[0])]


def measure(
    config: RunConfig, runs: Sequence[RunFolder], seeds: Sequence[int], pairs: Sequence[tuple[str, str]]
) -> Result:
    """`DataError` when a student of one of the finished runs has no scores after training."""
    names = [student.name for student in config.students]
    by_seed = [{name: columns_of(config, one, name, trained(one, name)) for name in names} for one in runs]
    before = [columns_of(config, one, names[0], one.base(names[0])) for one in runs]
    rows = {"before training": before} | {name: [found[name] for found in by_seed] for name in names}
    figures = {name: {column: over_seeds(values) for column, values in gathered(found)} for name, found in rows.items()}
    differences = [differences_of(config, runs, *pair) for pair in pairs]
    columns = dict.fromkeys(column for found in differences for column in found)
    adjusted: dict[str, list[float | None]] = {}
    for column in columns:
        known = [p_value_over(found.get(column, ())) for found in differences]
        holms = iter(holm([value for value in known if value is not None]))
        adjusted[column] = [None if value is None else next(holms) for value in known]
    return Result(
        seeds=tuple(seeds),
        figures=figures,
        pairs=tuple(
            Pair(
                arm=arm,
                control=control,
                by_column={column: over_seeds(values) for column, values in found.items()},
                p_values={column: adjusted[column][place] for column in found},
            )
            for place, ((arm, control), found) in enumerate(zip(pairs, differences, strict=True))
        ),
    )


def columns_of(config: RunConfig, one: RunFolder, name: str, folder: RoundFolder) -> dict[str, float]:
    """Accuracy by column: held-out, those that were difficult for the base, every set, and their mean."""
    rows = folder.table("scores").read(SCORE_COLUMNS)
    parts = subsets(rows, difficult_ids(one.base(name).table("scores")))
    found = {column: accuracy_of(parts[column]).overall.accuracy for column in (HELD_OUT, DIFFICULT) if column in parts}
    found |= {column: float(score["mean"]) for column, score in sets_of(config, folder).items()}
    whole = 2 + len(config.evaluation.sets)
    mean = mean_of({**found}) if len(found) == whole and config.evaluation.sets else None
    return found if mean is None else found | {MEAN: mean}


def trained(one: RunFolder, name: str) -> RoundFolder:
    if (folder := last_folder(one, name)) is None:
        raise DataError(f"{one.path}: student {name!r} has no scores after training; see its report")
    return folder


def gathered(found: Sequence[Mapping[str, float]]) -> list[tuple[str, list[float]]]:
    """Columns that every seed has."""
    return [(column, [one[column] for one in found]) for column in found[0] if all(column in one for one in found)]


def differences_of(config: RunConfig, runs: Sequence[RunFolder], arm: str, control: str) -> dict[str, list[float]]:
    """Column -> arm minus control in each seed, paired by question."""
    found = []
    for one in runs:
        hard = both_difficult(one, arm, control)
        paired = changes(config, before=trained(one, control), after=trained(one, arm), hard=hard)
        found.append({column: comparison.difference for column, comparison in paired.items()})
    return dict(gathered(found))


def as_markdown(result: Result) -> str:
    parts = [] if len(result.seeds) > 1 else [f"{ONE_SEED}\n"]
    columns = list(dict.fromkeys(column for row in result.figures.values() for column in row))
    title = f"Accuracy, means over seeds {', '.join(map(str, result.seeds))}"
    rows = [[name, *(number(row[c].mean) if c in row else "" for c in columns)] for name, row in result.figures.items()]
    parts.append(table(title, ["", *columns], rows))
    for pair in result.pairs:
        title = f"`{pair.arm}` minus `{pair.control}` [95% t interval over seeds]; p adjusted after Holm over the pairs"
        cells = [
            [column, interval(one), _probability(pair.p_values[column]), *(number(value, "+") for value in one.by_seed)]
            for column, one in pair.by_column.items()
        ]
        heads = ["on", "difference", "p", *(f"seed {seed}" for seed in result.seeds)]
        parts.append(table(title, heads, cells))
    return "\n".join(parts)


def _probability(value: Any) -> str:
    if value is None:
        return ""
    return "< .001" if value < 0.001 else number(value, "")


if __name__ == "__main__":
    main()
