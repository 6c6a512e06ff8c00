"""Make the embedded student: python -m jobs.pretrain_student --out DIR [--steps N] [--threads N]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skillray.domains.arithmetic.questions import make_questions
from skillray.training.pretrain import PretrainSettings, accuracy_by_skill, pretrain, save_student

DEFAULTS = PretrainSettings()


def main(
    out: Annotated[Path, typer.Option(help="folder to write; an ordinary HF model folder")],
    steps: Annotated[int, typer.Option(help="optimizer steps")] = DEFAULTS.num_steps,
    threads: Annotated[int, typer.Option(help="torch threads; part of the result")] = DEFAULTS.threads,
) -> None:
    """Pretrain the student, save it, and print its held-out accuracy per skill as Markdown table lines."""
    last = max(1, steps * DEFAULTS.num_last_steps // DEFAULTS.num_steps)
    settings = PretrainSettings(num_steps=steps, num_last_steps=last, threads=threads)
    model, tokenizer, num_tokens = pretrain(settings)
    save_student(model, tokenizer, out)
    accuracy = accuracy_by_skill(model, tokenizer, make_questions("held_out", 100, seed=0))
    typer.echo(f"{num_tokens / 1e6:.2f}M tokens, mean {sum(accuracy.values()) / len(accuracy):.3f}")
    for skill, share in accuracy.items():
        typer.echo(f"| {skill} | {share:.2f} |")


if __name__ == "__main__":
    typer.run(main)
