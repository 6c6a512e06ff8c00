"""What `jobs.evidence` found, as values and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from skillray.evaluation.accuracy import Comparison
from skillray.evaluation.seeds import Effect, OverSeeds
from skillray.grading.difficulty import DifficultyFilter


@dataclass(frozen=True, slots=True)
class Line:
    """One arm at one setting."""

    setting: str
    arm: str
    all: Effect
    """Over all held-out questions."""
    difficult: Effect
    """Over those that were difficult before training."""

    def to_json(self) -> dict[str, Any]:
        effects = {"all": self.all.to_json(), "difficult": self.difficult.to_json()}
        return {"setting": self.setting, "arm": self.arm} | effects


@dataclass(frozen=True, slots=True)
class FilterCount:
    """Questions that a reward filter calls difficult before training, in each seed."""

    filter: DifficultyFilter
    profile: tuple[int, ...]
    held_out: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {"filter": self.filter.model_dump(), "profile": self.profile, "held_out": self.held_out}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    seeds: tuple[int, ...]
    control: str
    arms: tuple[Line, ...]
    ablations: tuple[Line, ...] = ()
    filters: tuple[FilterCount, ...] = ()

    def to_json(self) -> dict[str, Any]:
        lines = {name: [line.to_json() for line in getattr(self, name)] for name in ("arms", "ablations", "filters")}
        return {"seeds": self.seeds, "control": self.control} | lines


def as_markdown(evidence: Evidence) -> str:
    """The tables, each below what its columns are."""
    parts = [
        _arms(evidence, "all held-out questions", lambda line: line.all),
        _arms(evidence, "questions that were difficult before training", lambda line: line.difficult),
    ]
    if evidence.ablations:
        parts += [_ablations(evidence), _filters(evidence)]
    return "\n".join(parts)


def _arms(evidence: Evidence, questions: str, pick: Callable[[Line], Effect]) -> str:
    """Mean accuracy, and differences with the t interval over seeds; then the difference in each seed."""
    first = pick(evidence.arms[0])
    counts = _join(one.num_questions for one in first.paired)
    title = f"Over {questions} ({counts}); means over seeds [95% t interval over seeds]"
    heads = ["arm", "accuracy", "gain", f"over `{evidence.control}`", *(f"seed {seed}" for seed in evidence.seeds)]
    rows = [["before training", number(first.base.mean), *[""] * (len(heads) - 2)]]
    for line in evidence.arms:
        effect = pick(line)
        over = [interval(effect.difference), *(number(value, "+") for value in effect.difference.by_seed)]
        over = [""] * len(over) if line.arm == evidence.control else over
        rows.append([f"`{line.arm}`", number(effect.accuracy.mean), interval(effect.gain), *over])
    return table(title, heads, rows)


def _ablations(evidence: Evidence) -> str:
    title = f"Over `{evidence.control}` with one setting changed, by seed [paired 95% interval over its questions]"
    seeds = evidence.seeds[: len(evidence.ablations[0].all.paired)]
    heads = ["setting", "arm", *(f"all, seed {seed}" for seed in seeds), *(f"difficult, seed {seed}" for seed in seeds)]
    rows = [
        [line.setting, f"`{line.arm}`", *map(paired, line.all.paired), *map(paired, line.difficult.paired)]
        for line in evidence.ablations
    ]
    return table(title, heads, rows)


def _filters(evidence: Evidence) -> str:
    title = f"Questions that a filter calls difficult before training, with seeds {_join(evidence.seeds)}"
    rows = [
        [
            count.filter.type,
            f"{count.filter.tau1:g}",
            f"{count.filter.tau2:g}",
            _join(count.profile),
            _join(count.held_out),
        ]
        for count in evidence.filters
    ]
    return table(title, ["filter", "tau1", "tau2", "profile", "held-out"], rows)


def _join(counts: Iterable[int]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join([f"{title}:", "", *(f"| {' | '.join(cells)} |" for cells in lines), ""])


def interval(figure: OverSeeds) -> str:
    mean = number(figure.mean, "+")
    return (
        mean if figure.low is None or figure.high is None else f"{mean} [{number(figure.low)}, {number(figure.high)}]"
    )


def paired(one: Comparison) -> str:
    return f"{number(one.difference, '+')} [{number(one.low)}, {number(one.high)}]"


def number(value: float, sign: str = "-") -> str:
    """A share with three digits and no zero before the point, as papers print it."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)
