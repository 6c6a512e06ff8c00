"""Config: what is right loads, what is wrong is one line."""

from __future__ import annotations

import pytest

from skillray.config import dump_config, load_config, parse, parse_yaml, refuse_changes
from skillray.errors import ConfigError

GOOD = {"name": "r", "students": [{"name": "a", "curriculum": {"type": "uniform"}}]}
WRONG = [
    ("name: r\nstudents: []", "students"),
    ("name: r\nname: s", "line 2: key 'name' stands twice"),
    ("a: &x 1\nb: *x", "aliases"),
    ("a: !!python/object:os.system {}", "tags are not allowed"),
    ("- 1", "must be a mapping"),
    ("", "must be a mapping"),
    ("name: [", "line"),
    ("name: ../up\nstudents: [{name: a, curriculum: {type: uniform}}]", "name: must be 1 to 63 lower case letters"),
    ("name: r\nstudents: [{name: a, curriculum: {type: uniform, num_exampels: 3}}]", "did you mean 'num_examples'"),
    ("name: r\nstudents: [{name: a, curriculum: {type: magic}}]", "'uniform', 'hard', 'stat-sel', 'stat-syn'"),
    ("name: r\nstudents: [{name: a, curriculum: {type: uniform}}, {name: a, curriculum: {type: uniform}}]", "twice"),
    ("name: r\nstudents: [{name: a, recorded: x, curriculum: {type: uniform}}]", "rollout.recorded.path"),
    ("name: r\nrollout: {samples: 3}\nstudents: [{name: a, curriculum: {type: uniform}}]", "samples must be 1"),
    ("name: r\ntraining: {lerning_rate: 1}\nstudents: [{name: a, curriculum: {type: uniform}}]", "'learning_rate'"),
    *(
        (
            "name: r\ndata: {type: tables, pool: {path: a}, probe: {path: b}}\ngrading: {scorer: {type: outcome}}\n"
            f"diagnosis: {{source: labels}}\nstudents: [{{name: a, curriculum: {{type: {writing}}}}}]",
            f"student 'a': curriculum '{writing}' has a teacher write, and a domain teacher knows only its own",
        )
        for writing in ("augment", "stat-syn")
    ),
    ("name: r\ntraining: {learning_rate: .nan}\nstudents: [{name: a, curriculum: {type: uniform}}]", "learning_rate"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong_configs_are_one_line(tmp_path, text, expected):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_numbers_without_a_dot_are_numbers():
    assert parse(GOOD | {"training": parse_yaml("learning_rate: 1e-5")}, "c").training.learning_rate == 1e-5


def test_overrides_reach_lists_and_new_fields(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(dump_config(parse(GOOD, "c")))
    config = load_config(str(path), ["students.0.name=b", "training.lora.rank=4", "training.learning_rate=1e-3"])
    assert config.students[0].name == "b"
    assert config.training.lora is not None and config.training.lora.rank == 4
    assert config.training.learning_rate == 1e-3


@pytest.mark.parametrize("override", ["seed", "=3", "students.7.name=b", "students.x=1", "seed.inner=1"])
def test_wrong_overrides_are_one_line(tmp_path, override):
    path = tmp_path / "c.yaml"
    path.write_text(dump_config(parse(GOOD, "c")))
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), [override])
    assert "\n" not in str(caught.value) and "--set" in str(caught.value)


def test_a_dumped_config_is_the_config():
    config = parse(GOOD, "c")
    assert parse(parse_yaml(dump_config(config)), "c") == config


def test_identity_fields_are_refused_with_the_difference():
    before, now = parse(GOOD, "c"), parse(GOOD | {"seed": 3, "training": {"epochs": 5}}, "c")
    with pytest.raises(ConfigError, match=r"seed was 0, now 3.*training\.epochs was 3, now 5|training.epochs.*seed"):
        refuse_changes(before, now, "runs/r")


def test_execution_fields_added_students_and_rounds_are_accepted():
    more = [*GOOD["students"], {"name": "b", "curriculum": {"type": "uniform"}}]
    now = parse(GOOD | {"rounds": 3, "students": more, "cluster": {"num_cpus": 9}}, "c")
    refuse_changes(parse(GOOD, "c"), now, "runs/r")


def test_a_changed_student_is_refused():
    changed = [{"name": "a", "curriculum": {"type": "uniform", "num_examples": 3}}]
    with pytest.raises(ConfigError, match=r"students\.a\.curriculum\.num_examples"):
        refuse_changes(parse(GOOD, "c"), parse(GOOD | {"students": changed}, "c"), "runs/r")


def test_a_student_is_named_to_a_reader_by_its_stages() -> None:
    stages = [
        {"curriculum": {"type": "hard"}},
        {"curriculum": {"type": "uniform", "num_examples": 5}, "training": {"epochs": 9}, "dynamics": {}},
        {"curriculum": {"type": "uniform"}, "training": {"epochs": 9}, "dynamics": {"actions": []}},
    ]
    (student,) = parse({"name": "r", "students": [{"name": "a", "stages": stages}]}, "c").students
    assert student.method == "hard + uniform (dynamics) + uniform (dynamics measured only)"
