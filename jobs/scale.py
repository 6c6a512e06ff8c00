"""How large may it get? `python -m jobs.scale [--questions N] [--learning-rows N]`: the study verb and the aggregation
of learning on synthetic tables, each step's seconds and memory as a table.

What runs, with N = 1,000,000 questions:

    choose difficult   N graded profile questions, half of them difficult; N/10 of them chosen
    profile            the Missing-Skill-Profile of N/10 gaps
    plan               Skill-Map of N pool questions (1 to 5 of 118 skills each), STAT-Sel: 5 draws for each of about
                       3N/10 pairs of a difficult question and a missing skill, a random N of them kept
    orders             the orders table, about 3N/10 rows
    select             the drawn pool questions (about 0.6 N different ones) rendered in the embedded student's chat
                       template and tokenised by a worker process, about 50 tokens each; longer texts take longer
    examples           merged into the examples table, N profile ids held out
    schedule           3 epochs, 3N rows

    learning           M = 10,000,000 rows, one table for each of 10 epochs, to one row an example
    categorise         M/10 examples by DSA's dynamics (arXiv 2412.19361), as before an epoch of its dynamic training

STAT has 500 difficult questions for 9.5k draws (arXiv 2510.10023, C.1), one for nineteen; here it is one for ten. These
are the functions of the product's verbs, in the same cut, without Ray: a process pool stands for Ray Data's pool of
actors. Left out is what a student or a teacher has to do: answering, grading, naming the missing skills.

Input tables are made in a process of their own and are not counted. Seconds are of the wall and include reading,
writing with fsync, and the start of the workers. MiB is the largest resident memory so far of the process (the
kernel's figure), plus that of each worker: no less than they held together at any time.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from os import getpid
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich import box
from rich.console import Console
from rich.table import Table as TextTable

from jobs.scale_data import EPOCHS, make_learning, make_questions
from skillray.curriculum import StatSel
from skillray.diagnosis.dynamics import Baseline, Thresholds, categorise, of_examples
from skillray.diagnosis.learning import losses_by_example
from skillray.diagnosis.profile import profile_of
from skillray.loop.diagnose import choose_difficult
from skillray.loop.merge import ids_of, merge
from skillray.loop.select import Select
from skillray.loop.study import make_plan, orders_table
from skillray.store.fence import UNFENCED
from skillray.store.layout import RoundFolder
from skillray.store.tables import Part, Table, read_part
from skillray.training.examples import as_schedule
from skillray.training.settings import TrainingSettings

WORKERS = 1
"""As many as the quickstart gives the role's pool (`placement.grade.max_workers`): its threads fill two cores."""
MAX_MIB = 2048
STUDY_S = 60.0
LEARNING_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    rows: int
    seconds: float
    mib: float


@dataclass(slots=True)
class Meter:
    """The steps of one process, as they are done."""

    steps: list[Step] = field(default_factory=list)
    workers: dict[int, float] = field(default_factory=dict)
    """Process id -> MiB."""

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[int], None]]:
        """Times the block, which says how many rows it was."""
        rows: list[int] = []
        start = time.monotonic()
        yield rows.append
        seconds = time.monotonic() - start
        self.steps.append(Step(name, rows[0], seconds, peak_mib() + sum(self.workers.values())))


def main(
    questions: Annotated[int, typer.Option(help="Pool questions, and draws")] = 1_000_000,
    learning_rows: Annotated[int, typer.Option(help="Rows of learning/")] = 10_000_000,
) -> None:
    """Measure, print the table, and exit with 1 if a limit was passed."""
    with tempfile.TemporaryDirectory() as path:
        folder = RoundFolder(path)
        apart(make_questions, folder, questions)
        studied = apart(study, folder, questions)
        apart(make_learning, folder, learning_rows)
        learned = apart(learn, folder)
    groups = [("study", studied, STUDY_S), ("learning", learned, LEARNING_S)]
    Console().print(table(groups))
    sys.exit(0 if all(within(steps, limit) for _, steps, limit in groups) else 1)


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do it in a new process, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def study(folder: RoundFolder, questions: int) -> list[Step]:
    """From graded answers to a schedule: `diagnose` less the teacher, and `study`, as the verbs do them."""
    meter = Meter()
    pool, graded, gaps = (folder.table(name) for name in ("pool", "graded", "gaps"))
    orders, drafts, examples, schedule = (folder.table(n) for n in ("orders", "drafts", "examples", "schedule"))
    with meter.step("choose difficult") as rows:
        choose_difficult(graded, limit=questions // 10, seed=0)
        rows(graded.num_rows())
    with meter.step("profile") as rows:
        found = gaps.read(["missing_skills", "outcome"])
        profile_of(found["missing_skills"].to_pylist(), found["outcome"].to_pylist())
        rows(found.num_rows)
    with meter.step("plan") as rows:
        plan = make_plan(StatSel(num_examples=questions), pool, gaps, {}, seed=0)
        rows(pool.num_rows())
    with meter.step("orders") as rows:
        orders.write(orders_table(plan), fence=UNFENCED)
        rows(orders.num_rows())
    with meter.step("select") as rows:
        meter.workers |= select(Select(orders.folder, "embedded"), pool, drafts)
        rows(drafts.num_rows())
    with meter.step("examples") as rows:
        parts, _ = merge([drafts], [], ids_of([graded]), TrainingSettings().max_length, plan.target)
        examples.write_all(parts, fence=UNFENCED)
        rows(examples.num_rows())
    with meter.step("schedule") as rows:
        schedule.write(as_schedule(examples, TrainingSettings(), seed=0), fence=UNFENCED)
        rows(schedule.num_rows())
    return meter.steps


def learn(folder: RoundFolder) -> list[Step]:
    """What an update reads, and what it decides by."""
    meter = Meter()
    tables = [folder.segment(epoch).table("learning") for epoch in range(EPOCHS)]
    with meter.step("aggregate learning") as rows:
        history = losses_by_example(*tables)
        rows(sum(one.num_rows() for one in tables))
    with meter.step("categorise") as rows:
        known = of_examples(history, history["example_id"])
        rows(categorise(known, Baseline(mean=1.0, std=0.5), Thresholds()).num_rows)
    return meter.steps


def select(stage: Select, pool: Table, drafts: Table) -> dict[int, float]:
    """`drafts` from the pool, a part at a time in `WORKERS` processes; MiB of each."""
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), _open, (stage,)) as workers:
        units = [(path, drafts, part.name) for path, part in zip(pool.paths(), pool.parts(), strict=True)]
        made = list(workers.map(_make, units))
    drafts.seal([part for part, _, _ in made], fence=UNFENCED)
    return {process: max(mib for _, one, mib in made if one == process) for _, process, _ in made}


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def within(steps: list[Step], limit_s: float) -> bool:
    return sum(step.seconds for step in steps) <= limit_s and max(step.mib for step in steps) <= MAX_MIB


def table(groups: list[tuple[str, list[Step], float]]) -> TextTable:
    made = TextTable("step", box=box.SIMPLE)
    for name in ("rows", "seconds", "peak MiB"):
        made.add_column(name, justify="right")
    made.add_column("target")
    made.add_column("met")
    for name, steps, limit in groups:
        for step in steps:
            made.add_row(step.name, f"{step.rows:,}", f"{step.seconds:.1f}", f"{step.mib:,.0f}")
        total, peak = sum(step.seconds for step in steps), max(step.mib for step in steps)
        target, met = f"{limit:.0f} s, {MAX_MIB:,} MiB", "yes" if within(steps, limit) else "no"
        made.add_row(f"{name} in all", "", f"{total:.1f}", f"{peak:,.0f}", target, met, end_section=True)
    return made


_select: Callable[[pa.Table], pa.Table]


def _open(stage: Select) -> None:
    """Once in each worker."""
    global _select
    _select = stage.open()


def _make(unit: tuple[str, Table, str]) -> tuple[Part, int, float]:
    path, drafts, name = unit
    part = drafts.write_part(name, _select(read_part(path)), fence=UNFENCED)
    return part, getpid(), peak_mib()


if __name__ == "__main__":
    typer.run(main)
