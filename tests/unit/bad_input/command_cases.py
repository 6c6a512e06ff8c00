"""Command lines that cannot be meant: overrides, options, folders."""

from __future__ import annotations

import json

from tests.unit.bad_input.kinds import DOMAIN, Case, field, write_config, write_rows

GOOD = json.dumps(DOMAIN)

SETS = [
    field("set-without-value", "seed", "--set takes FIELD=VALUE", "'seed'"),
    field("set-without-field", "=3", "--set takes FIELD=VALUE"),
    field("set-with-a-hole", "training..epochs=3", "--set takes FIELD=VALUE"),
    field("set-past-the-end", "students.7.name=b", "--set students.7.name=b", "no place in a list of 1"),
    field("set-before-the-start", "students.-1.name=b", "no place in a list of 1"),
    field("set-a-word-in-a-list", "students.a.name=b", "'a' is no place in a list"),
    field("set-a-strange-digit", "students.².name=b", "'²' is no place in a list"),
    field("set-inside-a-number", "seed.inner=1", "'seed' has no field 'inner'", config=DOMAIN | {"seed": 1}),
    field("set-broken-yaml", "name=[r", "--set name=[r", "line 1"),
]

COMMANDS = [
    Case("unknown-command", ("rnu", "c.yaml"), ("No such command 'rnu'", "'run'", "skillray --help")),
    Case("unknown-option", ("run", "c.yaml", "--fast"), ("No such option: --fast", "skillray --help")),
    Case("no-config", ("run",), ("Missing argument", "skillray --help")),
    Case("option-without-value", ("run", "c.yaml", "--set"), ("'--set' requires an argument", "skillray --help")),
    Case("two-configs", ("run", "c.yaml", "d.yaml"), ("unexpected extra argument", "d.yaml")),
    Case("run-dir-is-a-file", ("run", "c.yaml", "--run-dir", "c.yaml"), ("--run-dir c.yaml is a file",), write_config),
    Case(
        "run-dir-is-no-run",
        ("run", "c.yaml", "--run-dir", "."),
        ("--run-dir .", "no config.yaml", "empty folder"),
        write_config,
    ),
    Case("run-dir-empty", ("run", "c.yaml", "--run-dir", ""), ("--run-dir ''", "give a folder"), write_config),
    Case(
        "run-dir-elsewhere",
        ("run", "c.yaml", "--run-dir", "ftp://b/r"),
        ("ftp://b/r: can be a local path, s3://"),
        write_config,
    ),
    Case(
        "run-dir-not-writable",
        ("run", "c.yaml", "--run-dir", "/proc/run"),
        ("--run-dir /proc/run", "cannot be written"),
        write_config,
    ),
    Case(
        "run-dir-below-a-file",
        ("run", "c.yaml", "--run-dir", "c.yaml/r"),
        ("cannot be written", "another folder"),
        write_config,
    ),
    Case(
        "speed-of-nobody",
        ("plan", "c.yaml", "--tokens-per-second", "grade=9"),
        ("--tokens-per-second grade=9: give ROLE=N", "rollout"),
        write_config,
    ),
    Case(
        "speed-is-a-word",
        ("plan", "c.yaml", "--tokens-per-second", "train=fast"),
        ("train=fast", "N > 0"),
        write_config,
    ),
    Case("report-nowhere", ("report", "none"), ("none: no run folder", "--run-dir")),
    Case("report-of-a-file", ("report", "c.yaml"), ("c.yaml: no run folder", "--run-dir"), write_config),
    Case("report-of-another-folder", ("report", "."), (".: no run folder", "no config.yaml"), write_config),
    Case(
        "report-before-the-run",
        ("report", "."),
        (".: this run has not begun", "skillray run"),
        lambda f: write_rows(f / "config.yaml", GOOD),
    ),
    Case(
        "report-damaged",
        ("report", "."),
        ("status.json is damaged", "run again"),
        lambda f: [write_rows(f / n, GOOD[:-9]) for n in ("config.yaml", "status.json")],
    ),
    Case("profile-nowhere", ("profile", "none", "--json"), ("none: no run folder",)),
    Case(
        "profile-of-another-version",
        ("profile", "."),
        ("status.json: students", "this version"),
        lambda f: [write_rows(f / n, '{"students": 3}') for n in ("config.yaml", "status.json", "summary.json")],
    ),
]

EVALUATE = [
    Case("evaluate-nothing", ("evaluate", "embedded", "--out", "o"), ("--sets: name some of aime24", "NAME=FILE")),
    Case("evaluate-no-such-set", ("evaluate", "embedded", "--sets", "gsm9k", "--out", "o"), ("--sets gsm9k",)),
    Case("evaluate-without-out", ("evaluate", "embedded", "--sets", "gsm8k"), ("--out: give a folder",)),
    Case("evaluate-no-model", ("evaluate", "./no", "--sets", "gsm8k", "--out", "o"), ("./no",)),
    Case(
        "evaluate-no-file", ("evaluate", "embedded", "--sets", "x=no.jsonl", "--out", "o"), ("no.jsonl: no such file",)
    ),
    Case(
        "evaluate-url-without-a-model", ("evaluate", "http://h/v1", "--sets", "gsm8k", "--out", "o"), ("--model: say",)
    ),
    Case(
        "evaluate-a-model-of-no-url",
        ("evaluate", "embedded", "--model", "m", "--sets", "gsm8k", "--out", "o"),
        ("--model is the name of a model behind a URL",),
    ),
    Case("gate-no-run", ("gate", "nowhere"), ("nowhere: no run folder",)),
]
CASES = [*SETS, *COMMANDS, *EVALUATE]
