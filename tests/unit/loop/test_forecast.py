"""`skillray plan`: counts that follow from the config."""

from __future__ import annotations

from skillray.config import parse
from skillray.loop.forecast import forecast
from skillray.loop.needs import least_gpus, most_asked, needs_of

STUDENTS = [
    {"name": "control", "curriculum": {"type": "uniform", "num_examples": 50}},
    {"name": "syn", "curriculum": {"type": "stat-syn", "num_examples": 40}},
]
DATA = {"type": "domain", "pool_per_skill": 10, "profile_per_skill": 2, "held_out_per_skill": 3}


def test_round_0_is_shared_and_counted_once():
    steps = forecast(parse({"name": "r", "data": DATA, "students": STUDENTS}, "c")).steps
    assert [(step.student, step.verb) for step in steps] == [
        ("(all)", "prepare"),
        ("control", "answer"),
        ("control", "diagnose"),  # for the other student, which shares it
        ("control", "study"),
        ("control", "fine_tune"),
        ("control", "answer"),
        ("syn", "study"),
        ("syn", "fine_tune"),
        ("syn", "answer"),
        ("syn", "diagnose"),
    ]
    # 18 skills: 3 held out and 2 profile questions each
    assert steps[1].rows == "90 answers to 90 questions" and steps[5].rows == "54 answers to 54 questions"
    # 40 pairs at 2 agreeing solutions a question: 20 questions in 10 calls, 3 solutions each
    assert steps[6].teacher_calls == 10 + 60
    assert steps[2].teacher_calls == 36


def test_augment_asks_for_what_it_keeps_and_never_for_more_than_there_is():
    # 18 skills * 10 pool questions * 2 rewrites = 360
    def calls(num_examples: int) -> int:
        student = {"name": "a", "curriculum": {"type": "augment", "rewrites": 2, "num_examples": num_examples}}
        return forecast(parse({"name": "r", "data": DATA, "students": [student]}, "c")).teacher_calls

    assert (calls(100), calls(9500)) == (100, 360)


def test_own_answers_are_sampled_once_and_rewrites_asked_for_once():
    own = {"type": "uniform", "num_examples": 50, "answers": {"source": "student", "samples": 3}}
    rewritten = {"type": "hard", "min_level": 1, "num_examples": 9500, "answers": {"source": "rewrites", "count": 2}}
    students = [
        {"name": "a", "curriculum": own},
        {"name": "b", "stages": [{"curriculum": own, "training": {"epochs": 1}}]},
        {"name": "c", "curriculum": rewritten},
    ]
    config = {"name": "r", "data": DATA, "students": students, "rollout": {"max_new_tokens": 10}}
    found = forecast(parse(config, "c"))
    first, second = (step for step in found.steps if step.verb == "sample")
    assert first.rows == "at most 150 answers to 50 pool questions" and first.tokens == 150 * 10
    assert (second.tokens, second.rows) == (0, f"{first.rows}, those of a, round 0")
    study = [step for step in found.steps if step.verb == "study" and step.student == "c"]
    assert study[0].teacher_calls == 180 * 2  # no more than two of each of 18 * 10 pool questions


def test_a_local_ray_that_is_too_small_is_a_problem():
    config = {"name": "r", "data": DATA, "students": STUDENTS, "cluster": {"num_cpus": 4}}
    assert "cluster.num_cpus is 4" in forecast(parse(config, "c")).problems[0]
    assert not forecast(parse(config | {"cluster": {"num_cpus": 16}}, "c")).problems


def test_tokens_are_as_many_as_may_be():
    training = {"epochs": 2, "max_length": 100}
    config = {"name": "r", "data": DATA, "students": STUDENTS, "rollout": {"max_new_tokens": 10}, "training": training}
    found = forecast(parse(config, "c"))
    # 90 questions before training; after it 54 of the control and 90 of the other; 10 tokens each
    assert found.tokens("rollout") == (90 + 54 + 90) * 10
    assert found.tokens("train") == 2 * 100 * (50 + 40)  # epochs * length * examples
    assert found.tokens("teacher") == 0  # an exact one writes none
    assert forecast(parse(config | {"training": {"max_tokens": 700}}, "c")).tokens("train") == 2 * 700


def test_labels_by_a_teacher_are_calls(tmp_path):
    for name, rows in (("pool", 30), ("probe", 20)):
        (tmp_path / f"{name}.jsonl").write_text('{"question": "?"}\n' * rows)
    data = {"type": "tables", "labelling": {}} | {n: {"path": f"{tmp_path / n}.jsonl"} for n in ("pool", "probe")}
    config = {"name": "r", "data": data, "students": [{"name": "u", "curriculum": {"type": "uniform"}}]}
    config |= {"teacher": {"type": "openai", "model": "m"}, "grading": {"scorer": {"type": "outcome"}}}
    assert forecast(parse(config, "c")).teacher_calls == 30 + 30 + 20  # the pool is named, and everything labelled


def test_what_is_written_for_every_skill_is_counted_where_skills_are_known():
    stages = [
        {"curriculum": {"type": "textbooks", "per_skill": 2}},
        {"curriculum": {"type": "exercises", "per_skill": 12}},
    ]
    config = {"name": "r", "data": DATA, "students": [{"name": "dsa", "stages": stages}]}
    study = [step for step in forecast(parse(config, "c")).steps if step.verb == "study"]
    # 18 skills: 36 passages; 216 exercises in 3 calls a skill, one label and two more solutions each
    assert [(step.rows, step.teacher_calls) for step in study] == [
        ("about 36 passages", 36),
        ("about 216 exercises", 18 * 3 + 216 + 2 * 216),
    ]


def test_what_all_students_ask_for_alike_is_counted_once():
    def students(*orders: str) -> list[dict[str, object]]:
        return [
            {"name": f"s{n}", "curriculum": {"type": "textbooks", "per_skill": 2, "order": order}}
            for n, order in enumerate(orders)
        ]

    config = {"name": "r", "data": DATA, "rounds": 2, "students": students("graph", "random")}
    study = [step for step in forecast(parse(config, "c")).steps if step.verb == "study"]
    assert [step.teacher_calls for step in study] == [36, 0, 0, 0]
    assert study[3].rows == "about 36 passages, those of s0, round 0"


def test_a_probe_that_students_share_is_counted_once():
    def probes(*dynamics: dict[str, object]) -> list[int]:
        students = [
            {"name": f"s{n}", "stages": [{"curriculum": {"type": "uniform", "num_examples": 10}, "dynamics": one}]}
            for n, one in enumerate(dynamics)
        ]
        training = {"epochs": 5, "max_length": 100}
        steps = forecast(parse({"name": "r", "data": DATA, "students": students, "training": training}, "c")).steps
        return [step.tokens for step in steps if step.verb == "probe"]

    assert probes({}, {"lag": 1}, {"easy_weight": 0.1}) == [3000, 0, 0]  # what is done with its losses
    assert probes({}, {"baseline": {"share": 0.1}}) == [3000, 3000]  # another fit


def test_a_graph_says_for_how_many_skills_is_written(tmp_path):
    (tmp_path / "graph.md").write_text("# Sums\n## Adding\n## Taking away\n")
    stage = {"curriculum": {"type": "exercises", "per_skill": 10, "solutions": 3}, "dynamics": {}}
    config = {
        "name": "r",
        "data": {"type": "tables", "pool": {"path": "x/y"}, "probe": {"path": "x/z"}, "labelling": {}},
        "teacher": {"type": "openai", "model": "m"},
        "grading": {"scorer": {"type": "outcome"}},
        "training": {"epochs": 4, "max_length": 100},
        "students": [{"name": "dsa", "stages": [stage]}],
    }

    def steps(graph: dict[str, object]) -> dict[str, object]:
        found = forecast(parse(config | {"graph": graph}, "c")).steps
        return {step.verb: step for step in found if step.student == "dsa"}

    read = steps({"type": "syllabus", "path": str(tmp_path / "graph.md")})
    # 3 skills: 30 exercises in 2 calls a skill, one label and two more solutions each; a quarter of them anew
    assert (read["study"].rows, read["study"].teacher_calls) == ("about 30 exercises", 3 * 2 + 30 + 2 * 30)
    assert read["update"].teacher_calls == 7 + 7 * 3
    assert (read["probe"].tokens, read["fine_tune"].tokens) == (3 * 30 * 100, 4 * 30 * 100)
    topic = {"type": "decompose", "topic": "sums", "depth": 2, "breadth": 3}
    assert steps(topic)["study"].rows == "at most 130 exercises"  # 1 + 3 + 9 skills
    assert steps(topic | {"max_calls": 2})["study"].rows == "at most 70 exercises"  # 1 + 2 calls * 3


def test_what_is_alike_is_embedded_once():
    student = {"name": "near", "curriculum": {"type": "embed-syn", "num_examples": 40}}
    config = {"name": "r", "data": DATA, "students": [student], "embedding": {"model": "embedded", "max_length": 50}}
    found = forecast(parse(config, "c"))
    assert found.tokens("embed") == 18 * (10 + 2) * 50  # pool and profile
    # 20 questions in a call each, 3 solutions each; nobody is asked for missing skills
    assert found.teacher_calls == 20 + 60 and "diagnose" not in [step.verb for step in found.steps]


def test_gpus_that_are_not_here_are_a_problem(monkeypatch, tmp_path):
    placement = {"rollout": {"num_gpus": 1}, "grade": {"num_gpus": 1}, "train": {"num_gpus": 1}}
    config = {"name": "r", "data": DATA, "students": STUDENTS, "placement": placement, "training": {"num_workers": 4}}

    def problems(gpus: int, **more: object) -> tuple[str, ...]:
        for number in range(gpus):
            (tmp_path / str(number)).mkdir(exist_ok=True)
        monkeypatch.setattr("skillray.loop.needs.GPUS", str(tmp_path))
        return forecast(parse(config | more, "c")).problems

    # 4 train workers take more than one that answers and one that grades
    assert problems(3) == ("at least 4 GPUs are needed at once, this machine has 3; set cluster.address or placement",)
    assert problems(3, cluster={"address": "auto"}) == () == problems(4)


def test_a_student_takes_the_memory_of_what_it_answers_in():
    student = {"name": "a", "model": "org/some-1B", "curriculum": {"type": "uniform"}}

    def told(dtype: str) -> list[str]:
        rollout = {"engine": "transformers", "dtype": dtype}
        needed, _ = needs_of(parse({"name": "r", "students": [student], "rollout": rollout}, "c"))
        return [line for line in needed if line.startswith("roll_out org/some-1B")]

    assert told("bf16") == ["roll_out org/some-1B: weights 1.9 GiB in bf16"]  # 1e9 * 2 bytes / 2^30
    assert told("fp32") == ["roll_out org/some-1B: weights 3.7 GiB in fp32"]


def test_a_teacher_takes_the_gpus_of_all_workers_of_its_engines():
    placement = {role: {"num_gpus": 1, "max_workers": 2} for role in ("rollout", "train", "teacher")}
    teacher = {"type": "vllm", "model": "m", "tensor_parallel_size": 4, "max_replicas": 3, "concurrency": 256}
    run = {"name": "r", "data": DATA, "students": STUDENTS, "placement": placement, "teacher": teacher}
    config = parse(run | {"training": {"num_workers": 3}}, "c")
    assert least_gpus(config) == 4 + 3  # one engine, and one worker group
    assert most_asked(config)[1] == 3 * 4 + 2 * 3 + 2  # three engines, two groups, two that answer


def test_hours_need_a_stated_speed():
    from skillray.cli.forecast import show_forecast

    config = parse({"name": "r", "data": DATA, "students": STUDENTS, "training": {"max_tokens": 7200}}, "c")
    shown = show_forecast(config, forecast(config), {"train": 4.0})
    assert "train: at most 14,400 tokens; at 4 tokens/s at most 1.00 hours" in shown  # 2 * 7200 / 4 = 3600 s
    assert "for hours give --tokens-per-second rollout=N" in shown


def test_a_stage_that_is_edited_has_a_probe_fit_and_updates():
    stage = {"curriculum": {"type": "uniform", "num_examples": 40}, "training": {"epochs": 8}, "dynamics": {"cap": 0.3}}
    student = {"name": "a", "stages": [stage]}
    found = forecast(parse({"name": "r", "data": DATA, "students": [student], "training": {"max_length": 100}}, "c"))
    probe, update, fit = (step for step in found.steps if step.verb in ("probe", "update", "fine_tune"))
    assert (probe.rows, probe.tokens) == ("3 epochs, 5% of the examples spoilt", 3 * 40 * 100)
    assert fit.tokens == 8 * 40 * 100
    # Before epochs 3 to 7; 3 and 6 have new ones written, 12 questions with three solutions each.
    assert update.rows == "5 updates, 2 with new examples: at most 30% of the set each"
    assert update.teacher_calls == 2 * 12 * 4


def test_what_is_written_into_a_set_of_unknown_size_is_not_called_nothing():
    stage = {"curriculum": {"type": "mixture"}, "training": {"epochs": 6}, "dynamics": {}}
    run = {"name": "r", "data": DATA, "students": [{"name": "a", "stages": [stage]}]}
    for teacher, tokens in (({"type": "domain"}, 0), ({"type": "openai", "model": "m"}, None)):
        found = forecast(parse(run | {"teacher": teacher}, "c"))
        (update,) = (step for step in found.steps if step.verb == "update")
        assert (update.teacher_calls, update.tokens) == (None, tokens)


def test_a_topic_costs_as_many_calls_as_it_may():
    config = {"name": "r", "data": DATA, "students": STUDENTS, "teacher": {"type": "openai", "model": "m"}}
    graph = {"graph": {"type": "decompose", "topic": "calculus", "max_calls": 50}}
    before, after = (forecast(parse(config | more, "c")) for more in ({}, graph))
    assert after.teacher_calls == before.teacher_calls + 50
    assert (after.steps[1].verb, after.steps[1].tokens) == ("graph", 50 * 2048)
