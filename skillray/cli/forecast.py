"""`skillray plan` as text."""

from __future__ import annotations

from skillray.config import RunConfig
from skillray.loop.forecast import forecast


def show_forecast(config: RunConfig) -> str:
    found = forecast(config)
    lines = [f"run {config.name}: {len(config.students)} student(s), {config.rounds} round(s)", ""]
    lines += [f"{'student':<16}{'round':>6}  {'step':<10}{'teacher calls':>14}  rows"]
    for step in found.steps:
        index = "base" if step.round < 0 else str(step.round)
        lines.append(f"{step.student:<16}{index:>6}  {step.verb:<10}{step.teacher_calls:>14}  {step.rows}")
    lines += [
        "",
        f"teacher calls: about {found.teacher_calls} (known replies cost nothing; a domain teacher costs no money)",
    ]
    lines += ["needs:", *(f"  {need}" for need in found.needs)]
    lines += [f"PROBLEM: {problem}" for problem in found.problems] or ["unmet needs: none found"]
    return "\n".join(lines)
