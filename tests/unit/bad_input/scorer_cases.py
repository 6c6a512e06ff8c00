"""Reward models that are not what `grading.scorer` says they are."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.bad_input.kinds import (
    DOMAIN,
    SHAPES,
    Case,
    Make,
    field,
    write_config,
    write_model,
    write_tokenizer,
    write_weights,
)


def write_classifier(folder: Path, classes: int = 2, hidden: int = 4) -> None:
    """A reward model with a head of two layers."""
    write_model(folder)
    config = json.loads((folder / "config.json").read_text()) | {"architectures": ["Qwen2ForProcess"]}
    (folder / "config.json").write_text(json.dumps(config))
    head = {"score.0.weight": (8, hidden), "score.2.weight": (classes, 8), "score.0.bias": (8,)}
    write_weights(folder / "model.safetensors", SHAPES | head | {"score.2.bias": (classes,)})


def scorer(name: str, kind: str, *expected: str, write: Make = write_model, spoil: Make = lambda folder: None) -> Case:
    """`grading.scorer` of that type, with a model folder that `spoil` gets after it was right."""

    def make(folder: Path) -> None:
        write_config(folder, DOMAIN)
        write(folder / "m")
        spoil(folder / "m")

    return Case(name, ("plan", "c.yaml", "--set", f"grading.scorer={{type: {kind}, model: ./m}}"), expected, make)


def only(name: str) -> Make:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()

    return spoil


def mute(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")


def without_marks(folder: Path) -> None:
    write_tokenizer(folder, ())


def later(folder: Path) -> None:
    """The mark is no part of tokenizer.json, and added when the tokenizer is opened."""
    write_tokenizer(folder, ())
    added = {"300": {"content": "ки"}}
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"added_tokens_decoder": added}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def damaged(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def bare(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaModel"]}))


AT = "grading.scorer.model: "
CASES = [
    scorer("chat-prm-without-template", "chat_prm", AT, "has no chat template", spoil=mute),
    scorer("chat-prm-bare", "chat_prm", AT, "LlamaModel does not write text", spoil=bare),
    scorer("tag-prm-bare", "tag_prm", AT, "LlamaModel does not write text", spoil=bare),
    scorer("tag-prm-of-token-kind", "tag_prm", AT, "Qwen2ForProcess does not write text", write=write_classifier),
    scorer("tag-prm-without-tokenizer", "tag_prm", AT, "there is no tokenizer", spoil=only("tokenizer.json")),
    scorer("token-prm-of-chat-kind", "token_prm", AT, "no head with two classes a token (score.0, score.2)"),
    scorer("prm-of-three-classes", "token_prm", AT, "score.2 [3, 8]", write=lambda m: write_classifier(m, classes=3)),
    scorer(
        "token-prm-other-body", "token_prm", AT, "hidden state of 4", write=lambda m: write_classifier(m, hidden=6)
    ),
    scorer("token-prm-without-template", "token_prm", AT, "no chat template", write=write_classifier, spoil=mute),
    scorer(
        "token-prm-without-weights", "token_prm", AT, "no model.safetensors",
        write=write_classifier, spoil=only("model.safetensors"),
    ),
    scorer("tag-prm-of-other-tag", "tag_prm", AT, "'ки' is no single token", spoil=without_marks),
    scorer("tag-prm-set-tag", "tag_prm, tag: TAG", AT, "'TAG' is no single token of its tokenizer; check `type`"),
    scorer(
        "token-prm-of-other-separator", "token_prm", AT, "'<extra_0>' is no single token",
        write=write_classifier, spoil=without_marks,
    ),
    scorer("prm-damaged-tokenizer", "chat_prm", AT, "tokenizer.json cannot be read", spoil=damaged),
    scorer("prm-revision-of-a-folder", "tag_prm, revision: v1", "grading.scorer.revision:", "no Hugging Face id"),
    field("prm-empty-separator", "grading.scorer={type: tag_prm, model: a/b, split: {separators: ['']}}", "at least 1"),
    field(
        "prm-two-separators",
        "grading.scorer={type: tag_prm, model: a/b, split: {family: qwen, separators: [x]}}",
        "grading.scorer.split: separators are given, and family is 'qwen': leave one of the two out",
    ),
    field(
        "prm-unknown-family",
        "grading.scorer={type: tag_prm, model: a/b, split: {family: quen}}",
        "grading.scorer.split.family", "'rlhflow_mistral'",
    ),
]  # fmt: skip
RIGHT = [
    scorer("a-tag-prm-needs-no-template", "tag_prm", spoil=mute),
    scorer("a-tag-that-is-added-later", "tag_prm", spoil=later),
    scorer("a-token-prm-has-a-head", "token_prm", write=write_classifier),
    scorer("a-chat-prm", "chat_prm"),
]
