"""`skillray plan` as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skillray.config import RunConfig
from skillray.errors import ConfigError
from skillray.loop.forecast import ROLES, Forecast


def show_forecast(config: RunConfig, found: Forecast, speeds: Mapping[str, float]) -> str:
    lines = [f"run {config.name}: {len(config.students)} student(s), {config.rounds} round(s)", ""]
    lines += [f"{'student':<16}{'round':>6}  {'step':<10}{'teacher calls':>14}{'tokens <=':>16}  rows"]
    for step in found.steps:
        index = "base" if step.round < 0 else str(step.round)
        tokens = _count(step.tokens) if step.role else ""
        asked = _count(step.teacher_calls)
        lines.append(f"{step.student:<16}{index:>6}  {step.verb:<10}{asked:>14}{tokens:>16}  {step.rows}")
    calls = f"{found.teacher_calls:,}"
    calls += ", and those marked ?" if any(step.teacher_calls is None for step in found.steps) else ""
    lines += [
        "",
        f"teacher calls: about {calls} (known replies cost nothing; a domain teacher costs no money)",
        "tokens: of so many calls and examples, each as long as it may be (an upper bound); prompts are not counted",
        *_hours(found, speeds),
    ]
    lines += ["needs:", *(f"  {need}" for need in found.needs)]
    lines += [f"PROBLEM: {problem}" for problem in found.problems] or ["unmet needs: none found"]
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines)


def speeds_of(stated: Sequence[str]) -> dict[str, float]:
    """ROLE=N to N tokens a second. `ConfigError` with one line for anything else."""
    found = {}
    for text in stated:
        role, _, number = text.partition("=")
        try:
            found[role] = float(number)
        except ValueError:
            found[role] = 0.0
        if role not in ROLES or not 0.0 < found[role] < float("inf"):
            raise ConfigError(f"--tokens-per-second {text}: give ROLE=N, with a ROLE of {', '.join(ROLES)} and N > 0")
    return found


def _hours(found: Forecast, speeds: Mapping[str, float]) -> list[str]:
    lines = []
    for role in ROLES:
        tokens = found.tokens(role)
        if tokens == 0:
            continue
        if role not in speeds:
            end = f"for hours give --tokens-per-second {role}=N, as all its workers together do"
        elif tokens is None:
            end = "hours unknown"
        else:
            end = f"at {speeds[role]:g} tokens/s at most {tokens / speeds[role] / 3600:.2f} hours"
        lines.append(f"{role}: at most {_count(tokens)} tokens; {end}")
    return lines


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
