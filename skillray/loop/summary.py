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
from skillray.evaluation.accuracy import Share, accuracy_of, compare
from skillray.loop.doubts import steps_of
from skillray.loop.health import study_notes, warnings_of
from skillray.loop.merge import ids_of
from skillray.loop.outcome import outcome_of
from skillray.store.files import read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome

SCORE_COLUMNS = ("question_id", "sample", "skills", "correct")


def summarise(run: RunFolder, config: RunConfig) -> dict[str, Any]:
    """Everything measured so far; rounds without scores are left out."""
    status = read_json(run.status)
    students = {student.name: _student(run, student, status) for student in config.students}
    return {"order": [*students], "students": students, "comparisons": _comparisons(run, config, students)}


def _student(run: RunFolder, student: StudentConfig, status: dict[str, Any]) -> dict[str, Any]:
    base = run.base(student.name)
    hard = difficult_ids(base.table("scores")) if base.table("scores").complete() else pa.array([])
    rounds = [_round(base, -1, run.round(student.name, 0), hard)]
    index = 0
    while run.round(student.name, index).table("scores").complete():
        rounds.append(_round(run.round(student.name, index), index, run.round(student.name, index + 1), hard))
        index += 1
    prefix = f"{student.name}/"
    for entry in rounds:
        if entry is not None:
            name = "base" if entry["round"] < 0 else f"round-{entry['round']:03d}"
            keys = (key for key in status["seconds"] if key.startswith(f"{prefix}{name}/"))
            entry["seconds"] = {key.rsplit("/", 1)[1]: status["seconds"][key] for key in keys}
    stop = status["students"].get(student.name, {}).get("stop_reason")
    return {
        "method": student.method,
        "stages": [stage.label for stage in student.stages],
        "model": student.model,
        "diagnosed": student.recorded or student.model,
        "stop_reason": stop,
        "outcome": outcome_of(run, student.name, stop, index),
        "warnings": warnings_of(run, student.name),
        "rounds": [entry for entry in rounds if entry is not None],
    }


def _round(folder: RoundFolder, index: int, following: RoundFolder, hard: pa.Array) -> dict[str, Any] | None:
    """Scores of the checkpoint this round made, and its profile: the evidence of the round that follows."""
    scores = folder.table("scores")
    if not scores.complete():
        return None
    rows = scores.read(SCORE_COLUMNS)
    accuracy = accuracy_of(rows)
    on_hard = rows.filter(pc.is_in(rows["question_id"], value_set=hard)) if len(hard) else rows.slice(0, 0)
    found = {
        "round": index,
        "accuracy": _share(accuracy.overall),
        "on_difficult": _share(accuracy_of(on_hard).overall) if on_hard.num_rows else None,
        "by_skill": {skill: _share(share) for skill, share in accuracy.by_skill.items()},
        "profile": _profile(following),
        "difficult": _difficult(scores),
    }
    return found | (study_of(folder) if index >= 0 else {})


def _share(share: Share) -> dict[str, float]:
    return {"mean": share.accuracy, "low": share.low, "high": share.high, "n": share.num_questions}


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


def difficult_ids(scores: Table) -> pa.Array:
    """Held-out questions that the reward filter called difficult for the student before training: STAT's MATH^D
    (arXiv 2510.10023, 3.1) in any domain."""
    rows = scores.read(["question_id", "judged", "difficult"])
    return rows.filter(pc.and_(rows["judged"], rows["difficult"]))["question_id"].combine_chunks()


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
    """Over all held-out questions, and over those that were difficult for both before training."""
    hard = [difficult_ids(run.base(name).table("scores")) for name in (a, b)]
    both = hard[0].filter(pc.is_in(hard[0], value_set=hard[1]))
    on_hard = {name: last[name].filter(pc.is_in(last[name]["question_id"], value_set=both)) for name in (a, b)}
    found = {"a": b, "b": a, **asdict(compare(before=last[a], after=last[b]))}
    return found | {"on_difficult": asdict(compare(before=on_hard[a], after=on_hard[b])) if len(both) else None}
