"""skillray run | plan | report | profile | show | evaluate | gate | graph | data | teacher | doctor.

Exit codes: 0 done, 2 change something (a closed gate too), 1 anything else.

A command imports what it needs when it is called, its settings first: help and a wrong word come at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from skillray.errors import ConfigError, DataError, LockedError, MissingExtraError, SkillrayError, TableError

Config = Annotated[str, typer.Argument(help="A YAML file, for example jobs/recipes/quickstart.yaml")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, for example training.learning_rate=1e-4")]
Folder = Annotated[str, typer.Argument(help="A run folder")]
Where = Annotated[str, typer.Argument(help="A graph (.json), a syllabus (.md, .yaml) or a run folder")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON")]

app = typer.Typer(
    help="Find the skills a language model is missing, and train exactly those.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
graphs = typer.Typer(help="Skill graphs: build one, show it, check it.", no_args_is_help=True)
app.add_typer(graphs, name="graph")
datasets = typer.Typer(help="Tables of questions: what a run would read of them.", no_args_is_help=True)
app.add_typer(datasets, name="data")
teachers = typer.Typer(help="Teachers: how far one can be believed.", no_args_is_help=True)
app.add_typer(teachers, name="teacher")


@app.command()
def run(
    config: Config,
    run_dir: Annotated[str | None, typer.Option(help="Run folder; runs/NAME by default")] = None,
    set_: Sets = None,
) -> None:
    """The whole loop, for every student in CONFIG; goes on where it was if the run folder exists."""
    from skillray.config import load_config

    asked = load_config(config, set_ or [])
    from skillray.cli.run import run_config

    sys.exit(run_config(asked, run_dir))


@app.command()
def plan(
    config: Config,
    set_: Sets = None,
    tokens_per_second: Annotated[
        list[str] | None, typer.Option(help="ROLE=N, for hours: rollout, teacher, train or embed, all workers together")
    ] = None,
) -> None:
    """What would happen: steps, rows, teacher calls, tokens, memory, needs. Starts nothing."""
    from skillray.config import load_config

    planned = load_config(config, set_ or [])
    from skillray.cli.forecast import show_forecast, speeds_of

    speeds = speeds_of(tokens_per_second or [])
    from skillray import api

    print(show_forecast(planned, api.plan(planned), speeds))


@app.command()
def report(run_dir: Folder) -> None:
    """Write RUN_DIR/report/index.html and print its tables."""
    from skillray.report import tables, write_report
    from skillray.store.opening import begun_run

    run_folder = begun_run(run_dir)
    path = write_report(run_folder)
    print(tables(run_folder))
    print(f"report: {path}")


@app.command()
def profile(run_dir: Folder, as_json: AsJson = False) -> None:
    """The Missing-Skill-Profile of every student and round."""
    from skillray.report import profile_json, profile_table
    from skillray.store.opening import begun_run

    run_folder = begun_run(run_dir)
    print(json.dumps(profile_json(run_folder), indent=2) if as_json else profile_table(run_folder))


@app.command()
def show(
    run_dir: Folder,
    question: Annotated[str, typer.Argument(help="An id, its beginning, or a text that only one question holds")],
    student: Annotated[str | None, typer.Option(help="One student; all by default")] = None,
) -> None:
    """One question's story: answers, steps, missing skills, what was written for it, and the answer afterwards."""
    from skillray.report.story import story_of
    from skillray.report.story_text import story_text
    from skillray.store.opening import begun_run

    print(story_text(story_of(begun_run(run_dir), question, student)))


@app.command()
def evaluate(
    model_or_run: Annotated[str, typer.Argument(help="A model folder or Hugging Face id, a run folder, or a URL")],
    sets: Annotated[str, typer.Option(help="NAME or NAME=FILE, with commas; by default all that the config has")] = "",
    out: Annotated[str | None, typer.Option(help="A folder; RUN/evaluations by default, where a run is given")] = None,
    model: Annotated[str | None, typer.Option(help="What the server at the URL calls the model")] = None,
    config: Annotated[str | None, typer.Option(help="A YAML file whose rollout, placement and sets are taken")] = None,
    set_: Sets = None,
    tasks: Annotated[str, typer.Option(help="Tasks of lm-evaluation-harness, with commas")] = "",
    tasks_folder: Annotated[str | None, typer.Option(help="A folder with task definitions of your own")] = None,
    tasks_limit: Annotated[int | None, typer.Option(help="Questions of each task, at most", min=1)] = None,
) -> None:
    """Accuracy, avg@k, pass@k or maj@k of evaluation sets, and lm-eval's tasks; the same command again goes on.

    Of a run: its models before training, and what the last round of every student made.
    """
    from skillray import api
    from skillray.cli.evaluate import show_evaluation
    from skillray.cli.progress import Display

    with Display() as display:
        evaluated = api.evaluate(
            model_or_run,
            [name for name in sets.split(",") if name],
            out=out,
            model=model,
            config=api.load(config) if config else None,
            overrides=set_ or [],
            tasks=[task for task in tasks.split(",") if task],
            tasks_folder=tasks_folder,
            tasks_limit=tasks_limit,
            show=display.show,
        )
    show_evaluation(evaluated)


@app.command()
def gate(
    run_dir: Folder,
    student: Annotated[str | None, typer.Option(help="Which one, where the run has several")] = None,
    margin: Annotated[float, typer.Option(help="Share of questions that anything else may lose")] = 0.02,
) -> None:
    """Exit code 0 when a student got better at its task and nowhere else worse than the margin, else 2."""
    from skillray.cli.gate import gate as work
    from skillray.store.opening import begun_run

    sys.exit(work(begun_run(run_dir), student, margin))


@app.command()
def doctor(
    address: Annotated[str | None, typer.Option(help="A Ray cluster to reach, for example auto")] = None,
) -> None:
    """Versions, devices, known-bad pairs, storage; with --address also the cluster."""
    from skillray.cli.doctor import diagnose_machine

    sys.exit(diagnose_machine(address))


@graphs.command("build")
def graph_build(
    config: Config,
    out: Annotated[str, typer.Option(help="The file to write, for `graph: {type: file, path: …}`")] = "graph.json",
    set_: Sets = None,
) -> None:
    """Make the graph that CONFIG's `graph` describes. Only a topic to be taken apart starts Ray and the teacher.

    The teacher's replies are kept in OUT.replies: the same command again asks nothing twice.
    """
    from skillray.config import load_config

    asked = load_config(config, set_ or [])
    from skillray.cli.graph import build

    build(asked, out)


@graphs.command("show")
def graph_show(where: Where, as_json: AsJson = False) -> None:
    """Its size, its study units, and its skills in the order in which they are learned."""
    from skillray.cli.graph import show

    show(where, as_json)


@graphs.command("check")
def graph_check(where: Where) -> None:
    """Cycles, unknown prerequisites and near-duplicates end with exit code 2; isolated skills are only named."""
    from skillray.cli.graph import check

    check(where)


@datasets.command("check")
def data_check(
    path: Annotated[str, typer.Argument(help="A file, a folder of files, or a Hugging Face data set id")],
    split: Annotated[str | None, typer.Option(help="Of a data set or a folder, for example train")] = None,
    subset: Annotated[str | None, typer.Option(help="Of a data set")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a data set: a branch, tag or commit")] = None,
) -> None:
    """Rows, columns, answers, three samples, and what a run would refuse and why: exit code 2 where there is such."""
    from skillray.config.model import QuestionSource

    source = QuestionSource(path=path, split=split, subset=subset, revision=revision)
    from skillray.cli.data import check_data

    check_data(source)


@teachers.command("check")
def teacher_check(
    config: Config,
    run_dir: Annotated[
        str | None, typer.Option(help="Run folder; runs/NAME by default. Its replies are found there later")
    ] = None,
    set_: Sets = None,
) -> None:
    """Ask the teacher of CONFIG what is known: judgements, labels, solutions, rewrites, new questions.

    Exit code 2 where it is below a bound of `teacher_check` that the run makes use of.
    """
    from skillray.config import load_config

    asked = load_config(config, set_ or [])
    from skillray.cli.teacher import check_teacher_of

    sys.exit(check_teacher_of(asked, run_dir))


def main(words: Sequence[str] | None = None) -> None:
    """The command that `words`, or else the command line, give."""
    sys.exit(guarded(lambda: app(words, standalone_mode=False)))  # standalone, it prints a page for every typo


def guarded(command: Callable[[], None]) -> int:
    """Run `command`; errors made for users become one line on stderr."""
    try:
        command()
    except (ConfigError, DataError, LockedError, MissingExtraError, TableError) as error:
        return _refused(error)
    except TyperException as error:
        message = error.format_message()  # empty where the help was printed
        return _refused(f"{message.rstrip('.')}; see skillray --help") if message else 2
    except SkillrayError as error:
        print(_line(error), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        print("skillray: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _refused(reason: object) -> int:
    print(_line(reason), file=sys.stderr)
    return 2


def _line(reason: object) -> str:
    """One line, whatever a path or a file's text holds."""
    return f"skillray: {' '.join(str(reason).split())}"
