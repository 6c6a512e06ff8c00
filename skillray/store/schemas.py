"""The schema of every table that crosses a border. Change one here and everybody sees it.

    questions -> rollouts -> graded -> gaps -> orders -> examples -> schedule -> learning

A later table repeats the columns of the earlier one that its readers need, so that no stage has to join.
"""

from __future__ import annotations

import pyarrow as pa

ID = pa.binary(16)
STRINGS = pa.list_(pa.string())

QUESTIONS = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),
        pa.field("source_id", pa.string()),  # the id in the file it came from
        pa.field("question", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("solution", pa.string(), nullable=False),
        pa.field("skills", STRINGS, nullable=False),  # the main one first
        pa.field("subject", pa.string()),
        pa.field("level", pa.int8()),
        pa.field("split", pa.string(), nullable=False),  # profile | pool | held_out
    ]
)

RECORDED = pa.schema(
    [
        pa.field("question_id", pa.string(), nullable=False),  # source_id of the questions
        pa.field("student", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("response", pa.string(), nullable=False),
    ]
)

_SAMPLE = [
    pa.field("sample", pa.int32(), nullable=False),  # 0-based among the K samples of a question
    pa.field("response", pa.string(), nullable=False),
    pa.field("num_tokens", pa.int32(), nullable=False),  # generated tokens; 0 when unknown (recorded answers)
    pa.field("finished", pa.bool_(), nullable=False),  # ended by itself, not by the length limit
]

ROLLOUTS = pa.schema([*QUESTIONS, *_SAMPLE])

GRADED = pa.schema(
    [
        *ROLLOUTS,
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),  # grading.answers.Verdict
        pa.field("step_texts", STRINGS, nullable=False),
        pa.field("step_scores", pa.list_(pa.float32()), nullable=False),
        pa.field("step_skills", STRINGS, nullable=False),  # null where the scorer cannot tell
        pa.field("unread_steps", pa.int32()),  # worked lines that got no score; null: it reads any text
        pa.field("judged", pa.bool_(), nullable=False),  # the sample that decides about its question
        pa.field("difficult", pa.bool_(), nullable=False),  # of the question: R(q) = 0
        pa.field("refused", pa.string()),  # why the steps of this row were not used; null when they were
    ]
)

ANSWERS = pa.schema(
    [
        *ROLLOUTS,
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),  # grading.answers.Verdict
        pa.field("vote", pa.int32()),  # first sample of the question with this final answer; null where it has none
    ]
)
"""Answers to an evaluation set, graded by the final answer alone."""

GAPS = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("response", pa.string(), nullable=False),  # the judged one
        pa.field("skills", STRINGS, nullable=False),
        pa.field("missing_skills", STRINGS, nullable=False),
        pa.field("outcome", pa.string(), nullable=False),  # teacher.tasks.Outcome
        pa.field("agreement", pa.float64()),  # of the teacher's samples; null where it was asked once
        pa.field("overlap", pa.float64()),  # share of the first sample's skills that the others name; null likewise
    ]
)

LABELS = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("skills", STRINGS, nullable=False),
        pa.field("outcome", pa.string(), nullable=False),  # teacher.tasks.Outcome
    ]
)

TEXTS = pa.schema(
    [
        pa.field("text_id", ID, nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)

EMBEDDINGS = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),
        pa.field("vector", pa.list_(pa.float32()), nullable=False),  # of length 1
    ]
)

NEIGHBOURS = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),  # a difficult question
        pa.field("nearest", pa.list_(ID), nullable=False),  # pool questions, the most similar one first
        pa.field("similarity", pa.list_(pa.float32()), nullable=False),  # cosine, in the same order
    ]
)

ORDERS = pa.schema(
    [
        pa.field("order_id", ID, nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # curriculum.base.OrderKind
        pa.field("skill", pa.string()),  # the skill it is for; null for keep and uniform draws
        pa.field("parent_id", ID),  # the difficult question that asked for it
        pa.field("question_ids", pa.list_(ID), nullable=False),  # select, keep, carry: what to train on; else seeds
        pa.field("count", pa.int32(), nullable=False),  # examples wanted
        pa.field("weight", pa.float32(), nullable=False),
        pa.field("unit", pa.int32(), nullable=False),  # place in the order of study
        pa.field("concepts", STRINGS),  # concepts: what it is to need besides the skill
    ]
)

ACCURACIES = pa.schema(
    [
        pa.field("question_id", ID, nullable=False),  # of a new question
        pa.field("accuracy", pa.float64(), nullable=False),  # share of the student's answers that are right
        pa.field("answers", pa.int32(), nullable=False),
    ]
)

USABLE = pa.schema(
    [
        *QUESTIONS,
        pa.field("responses", STRINGS, nullable=False),  # different ones that may be studied, in the order of sampling
        pa.field("verdicts", STRINGS, nullable=False),  # of everything that was written: correct, or why it is not used
    ]
)

EXAMPLES = pa.schema(
    [
        pa.field("example_id", ID, nullable=False),  # of the question and the response
        pa.field("question_id", ID, nullable=False),
        pa.field("question", pa.string(), nullable=False),
        pa.field("response", pa.string(), nullable=False),
        pa.field("skills", STRINGS, nullable=False),
        pa.field("origin", pa.string(), nullable=False),  # the order's kind
        pa.field("parents", pa.list_(ID), nullable=False),  # seed questions, for what a teacher wrote
        pa.field("multiplicity", pa.int32(), nullable=False),  # how often it was drawn
        pa.field("weight", pa.float32(), nullable=False),
        pa.field("unit", pa.int32(), nullable=False),  # place in the order of study: an epoch goes by it
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("loss_mask", pa.list_(pa.bool_()), nullable=False),  # same length; True on response tokens
        pa.field("num_loss_tokens", pa.int32(), nullable=False),
    ]
)

DRAFTS = pa.schema(
    [
        *EXAMPLES,
        pa.field("refused", pa.string()),  # why it is no example, and then it has no tokens; null where it may be one
    ]
)

LOSSES = pa.schema(
    [
        pa.field("example_id", ID, nullable=False),
        pa.field("skill", pa.string(), nullable=False),  # the main one
        pa.field("loss", pa.float32(), nullable=False),  # mean over the example's loss tokens, nats, before training
    ]
)

SCHEDULE = pa.schema(
    [
        pa.field("epoch", pa.int32(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),
        pa.field("slot", pa.int32(), nullable=False),  # place in the step's batch, 0-based
        pa.field("example_id", ID, nullable=False),
        pa.field("weight", pa.float32(), nullable=False),
        pa.field("num_loss_tokens", pa.int32(), nullable=False),
        pa.field("num_tokens", pa.int32(), nullable=False),
    ]
)

LEARNING = pa.schema(
    [
        pa.field("example_id", ID, nullable=False),
        pa.field("epoch", pa.int32(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),
        pa.field("slot", pa.int32(), nullable=False),
        pa.field("loss", pa.float32(), nullable=False),  # mean over the example's loss tokens, nats
        pa.field("num_tokens", pa.int32(), nullable=False),  # loss tokens
    ]
)

CATEGORIES = pa.schema(
    [
        pa.field("example_id", ID, nullable=False),
        pa.field("category", pa.string(), nullable=False),  # error | hard | easy | ambiguous | unseen
        pa.field("mean", pa.float64(), nullable=False),  # of its losses, nats
        pa.field("std", pa.float64(), nullable=False),
        pa.field("observations", pa.int64(), nullable=False),
    ]
)

REPLIES = pa.schema(
    [
        pa.field("key", ID, nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("request", pa.string(), nullable=False),  # canonical JSON
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("asked_by", pa.string(), nullable=False),  # STUDENT/round-NNN of whoever asked first
        pa.field("prompt_tokens", pa.int64(), nullable=False),
        pa.field("completion_tokens", pa.int64(), nullable=False),
        # JSON: its value, and the text as it came where it could not be read
        pa.field("reply", pa.string(), nullable=False),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "profile": QUESTIONS,
    "pool": QUESTIONS,
    "held_out": QUESTIONS,
    "names": QUESTIONS,  # of skills, to be embedded
    "recorded": RECORDED,
    "texts": TEXTS,
    "rollouts": ROLLOUTS,
    "questions": QUESTIONS,  # of an evaluation set
    "answers": ANSWERS,
    "graded": GRADED,
    "scores": GRADED,
    "gaps": GAPS,
    "labels": LABELS,
    "embeddings": EMBEDDINGS,
    "candidates": NEIGHBOURS,
    "neighbours": NEIGHBOURS,
    "orders": ORDERS,
    "asked": QUESTIONS,  # pool questions that the orders draw
    "usable": USABLE,
    "accuracies": ACCURACIES,
    "drafts": DRAFTS,
    "examples": EXAMPLES,
    "losses": LOSSES,
    "schedule": SCHEDULE,
    "learning": LEARNING,
    "categories": CATEGORIES,
    "replies": REPLIES,
}
"""Table name, the last folder of its path, to schema."""
