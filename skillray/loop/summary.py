"""summary.json: what came out, per student and round, with intervals."""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config.model import RunConfig
from skillray.config.students import StudentConfig
from skillray.diagnosis.profile import profile_of
from skillray.evaluation.accuracy import accuracy_of, by_column, compare
from skillray.loop.doubts import steps_of
from skillray.loop.evaluated import (
    SCORE_COLUMNS,
    both_difficult,
    change_json,
    difficult_ids,
    named_contrasts,
    sets_of,
    share_json,
    subsets,
    table_mean,
)
from skillray.loop.health import study_notes, warnings_of
from skillray.loop.merge import ids_of
from skillray.loop.outcome import outcome_of
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.records import Progress, Status, Summary, read_record
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome

__all__ = ["SCORE_COLUMNS", "difficult_ids", "study_of", "summarise"]


def summarise(run: RunFolder, config: RunConfig) -> Summary:
    """Everything measured so far; rounds without scores are left out."""
    status = read_record(run.status, Status)
    students = {student.name: _student(run, config, student, status) for student in config.students}
    summary = {
        "order": [*students],
        "students": students,
        "comparisons": _comparisons(run, config, students),
        "contrasts": named_contrasts(run, config),
        "sets": [one.name for one in config.evaluation.sets],
        "seed": config.seed,
    }
    return Summary.model_validate(summary)


def _student(run: RunFolder, config: RunConfig, student: StudentConfig, status: Status) -> dict[str, Any]:
    base = run.base(student.name)
    hard = difficult_ids(base.table("scores")) if base.table("scores").complete() else pa.array([])
    rounds = [_round(config, base, -1, run.round(student.name, 0), hard)]
    index = 0
    while run.round(student.name, index).table("scores").complete():
        following = run.round(student.name, index + 1)
        rounds.append(_round(config, run.round(student.name, index), index, following, hard))
        index += 1
    prefix = f"{student.name}/"
    for entry in rounds:
        if entry is not None:
            name = "base" if entry["round"] < 0 else f"round-{entry['round']:03d}"
            keys = (key for key in status.seconds if key.startswith(f"{prefix}{name}/"))
            entry["seconds"] = {key.rsplit("/", 1)[1]: status.seconds[key] for key in keys}
    stop = status.students.get(student.name, Progress()).stop_reason
    return {
        "method": student.method,
        "stages": [stage.label for stage in student.stages],
        "model": student.model,
        "diagnosed": student.recorded or student.model,
        "stop_reason": stop,
        "outcome": outcome_of(run, student.name, stop, index),
        "warnings": warnings_of(run, student.name),
        "change": change_json(run, config, student.name),
        "rounds": [entry for entry in rounds if entry is not None],
    }


def _round(
    config: RunConfig, folder: RoundFolder, index: int, following: RoundFolder, hard: pa.Array
) -> dict[str, Any] | None:
    """Scores of the checkpoint this round made, and its profile: the evidence of the round that follows."""
    scores = folder.table("scores")
    if not scores.complete():
        return None
    rows = scores.read([*SCORE_COLUMNS, "subject", "judged", "difficult"])
    accuracy = accuracy_of(rows)
    parts = {name: share_json(accuracy_of(part).overall) for name, part in subsets(rows, hard).items()}
    found: dict[str, Any] = {
        "round": index,
        "accuracy": share_json(accuracy.overall),
        "on_difficult": parts.get("difficult"),
        "on_rest": parts.get("rest"),
        "by_skill": {skill: share_json(share) for skill, share in accuracy.by_skill.items()},
        "by_subject": _by_subject(rows),
        "sets": sets_of(config, folder),
        "profile": _profile(following),
        "difficult": _difficult(scores),
    }
    found["mean"] = table_mean(config, found)
    return found | (study_of(folder) if index >= 0 else {})


def _by_subject(rows: pa.Table) -> dict[str, dict[str, Any]]:
    """Accuracy, and the share that the filter calls difficult, of each subject (STAT, arXiv 2510.10023, Figure 7)."""
    right = by_column(rows, "subject", "correct")
    hard = by_column(rows.filter(rows["judged"]), "subject", "difficult")
    return {
        subject: {"accuracy": share_json(share), "difficult": share_json(hard[subject]) if subject in hard else None}
        for subject, share in right.items()
        if subject
    }


def _profile(folder: RoundFolder) -> dict[str, Any] | None:
    gaps, graded = folder.table("gaps"), folder.table("graded")
    if not gaps.complete():
        return None
    rows = gaps.read(["missing_skills", "outcome", "agreement", "overlap"])
    steps = steps_of(graded.read(["step_scores", "unread_steps"]))
    profile = profile_of(rows["missing_skills"].to_pylist(), rows["outcome"].to_pylist())
    return {
        "counts": profile.counts,
        "difficult": profile.num_difficult,
        "questions": len(set(graded.read(["question_id"])["question_id"].to_pylist())),
        "judged_correct": profile.outcomes.get(Outcome.JUDGED_CORRECT, 0),
        "outcomes": profile.outcomes,
        "agreement": pc.mean(rows["agreement"]).as_py(),
        "overlap": pc.mean(rows["overlap"]).as_py(),
        "steps": None if steps is None else {"read": steps[0], "unread": steps[1]},
    }


def _difficult(scores: Table) -> float:
    """Share of held-out questions that the filter calls difficult."""
    rows = scores.read(["judged", "difficult"])
    judged = rows.filter(rows["judged"])
    return float(pc.mean(judged["difficult"]).as_py() or 0.0) if judged.num_rows else 0.0


def study_of(folder: RoundFolder) -> dict[str, Any]:
    """Of all segments of the round. An example that is carried on counts once; the probe fit is no training of it."""
    segments = [segment for segment in folder.segments() if segment.table("schedule").complete()]
    schedules = [segment.table("schedule").read(["step", "num_tokens", "num_loss_tokens"]) for segment in segments]
    examples = ids_of([segment.table("examples") for segment in segments], "example_id")
    probe = folder.probe.table("schedule")
    return {
        **{name: sum(pc.sum(rows[f"num_{name}"]).as_py() for rows in schedules) for name in ("tokens", "loss_tokens")},
        "steps": max(pc.max(rows["step"]).as_py() for rows in schedules) + 1,
        "examples": pc.count_distinct(examples).as_py(),
        "probe_tokens": pc.sum(probe.read(["num_tokens"])["num_tokens"]).as_py() if probe.complete() else 0,
        "notes": study_notes(folder),
    }


def _comparisons(run: RunFolder, config: RunConfig, students: dict[str, Any]) -> list[dict[str, Any]]:
    """Paired differences between the last rounds of students that answered the same held-out questions."""
    finished = [s for s in config.students if len(students[s.name]["rounds"]) > 1]
    last = {
        s.name: run.round(s.name, len(students[s.name]["rounds"]) - 2).table("scores").read(SCORE_COLUMNS)
        for s in finished
    }
    return [_comparison(run, a.name, b.name, last) for a, b in combinations(finished, 2)]


def _comparison(run: RunFolder, a: str, b: str, last: dict[str, pa.Table]) -> dict[str, Any]:
    """Over all held-out questions, those that were difficult for both before training, and the others."""
    parts = {name: subsets(last[name], both_difficult(run, a, b)) for name in (a, b)}
    found = {name: asdict(compare(before=parts[a][name], after=parts[b][name])) for name in parts[a]}
    all_questions = found.pop("held_out")
    return {"a": b, "b": a, **all_questions, "on_difficult": found.get("difficult"), "on_rest": found.get("rest")}
