"""How a student's study or run ended, from the tables of its last round: one of three reasons, and a sentence."""

from __future__ import annotations

from skillray.config.students import Stage
from skillray.loop.health import study_notes
from skillray.loop.rounds import Stop
from skillray.loop.select import NO_ANSWER
from skillray.store.layout import RoundFolder, RunFolder


def is_studied(folder: RoundFolder, stage: Stage) -> bool:
    """Whether `study` has nothing left to do in this round: its first segment can be trained, and so can its probe.

    A study that ended with no examples has no schedule either; to do it again is to look at what it sealed.
    """
    probed = stage.dynamics is not None and stage.dynamics.baseline is not None
    wanted = (folder.segment(), folder.probe) if probed else (folder.segment(),)
    return all(one.table("schedule").complete() for one in wanted)


def study_result(run: RunFolder, student: str, index: int) -> Stop | None:
    """What the tables of `study` say: go on (None), or why not."""
    folder = run.round(student, index)
    if folder.segment().table("orders").num_rows() == 0:
        skipped = study_notes(folder).get("pairs_without_pool_questions")
        return Stop.NOTHING_LEFT if skipped else Stop.NOTHING_TO_LEARN
    return None if folder.segment().table("examples").num_rows() else Stop.NOTHING_LEFT


def outcome_of(run: RunFolder, student: str, stop: str | None, index: int) -> str:
    """A sentence for a reader; "" while the student is not done. `index` is the round that was not trained, if any."""
    folder = run.round(student, index)
    match stop:
        case Stop.ROUNDS_DONE:
            return "all rounds are done"
        case Stop.NOTHING_TO_LEARN:
            return f"nothing to learn: {_why_nothing(folder)}; nothing was written or trained in round {index}"
        case Stop.NOTHING_LEFT:
            return f"nothing left to study: {_why_empty(study_notes(folder))}; round {index} was not trained"
        case _:
            return ""


def _why_nothing(folder: RoundFolder) -> str:
    gaps = folder.table("gaps")
    if difficult := gaps.num_rows() if gaps.complete() else 0:
        return f"no missing skill was named for any of its {difficult} difficult profile questions"
    questions = len(set(folder.table("graded").read(["question_id"])["question_id"].to_pylist()))
    return f"none of the {questions} profile questions was difficult for it"


def _why_empty(notes: dict[str, float]) -> str:
    skipped = int(notes.get("pairs_without_pool_questions", 0))
    if skipped and not notes.get("pairs"):
        return f"no pool question has the missing skill of any of {skipped} (question, missing skill) pairs"
    fates = {
        "drafts_held_out": "are held-out or profile questions",
        "drafts_too_long": "are longer than training.max_length",
        f"refused_{NO_ANSWER}": "are of questions without an answer that may be studied",
    }
    counts = [f"{int(notes[fate])} {words}" for fate, words in fates.items() if notes.get(fate)]
    return (
        f"all examples were removed: {', '.join(counts)}" if counts else "the teacher wrote nothing that could be kept"
    )
