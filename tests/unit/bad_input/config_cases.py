"""Configs that cannot be meant: what YAML makes of them, fields, and fields that contradict each other."""

from __future__ import annotations

import json

from tests.unit.bad_input.kinds import DOMAIN, RECORDED, TABLES, Case, field, text, write_config

GOOD = json.dumps(DOMAIN)
STUDENTS = "students: [{name: a, curriculum: {type: stat-sel}}]\n"
TWO = DOMAIN | {"students": [{"name": n, "curriculum": {"type": "hard", "min_level": 1}} for n in ("a", "b")]}
BY_TEACHER = {"teacher": {"type": "openai", "model": "m"}}
LABELLED = TABLES | BY_TEACHER | {"data": TABLES["data"] | {"labelling": {}}}
SYNTHETIC = TABLES | {"students": [{"name": "a", "curriculum": {"type": "stat-syn"}}]}
ON_GPU = DOMAIN | {"placement": {"train": {"num_gpus": 1}}}
STAGE = {"curriculum": {"type": "uniform"}, "training": {"epochs": 6}, "dynamics": {}}
EDITED = DOMAIN | {"students": [{"name": "a", "stages": [STAGE]}]}
UNRECORDED = RECORDED | {"students": DOMAIN["students"]}

YAML = [
    Case("config-missing", ("plan", "none.yaml"), ("config none.yaml", "No such file", "give a YAML file")),
    Case("config-is-a-folder", ("plan", "."), ("config .", "Is a directory", "give a YAML file")),
    Case("config-path-with-nul", ("plan", "c\0.yaml"), ("null byte", "give a YAML file")),
    text("config-empty", "", "must be a mapping of fields"),
    text("config-list", "- 1\n- 2\n", "must be a mapping of fields"),
    text("config-scalar", "just words", "must be a mapping of fields"),
    text("config-not-utf8", b"name: \xff\xfe", "not UTF-8 text"),
    text("config-nul", b"name: a\x00b", "#x0000 is not allowed", "text file?"),
    text("config-binary", bytes(range(1, 128)), "is not allowed", "text file?"),
    text("config-unclosed", "name: [r", "line 1"),
    text("config-tab", "name: r\n\tseed: 1\n", "line 2", "cannot start any token"),
    text("config-two-documents", f"name: r\n---\n{STUDENTS}", "line 2", "another document"),
    text("config-nested-for-ever", "[" * 100_000, "nested more than 32 levels"),
    text("config-too-large", "# " + "x" * 2**20, "larger than 1 MiB"),
    text("tag-python", "name: !!python/object/apply:os.system ['true']", "line 1", "tags are not allowed"),
    text("tag-binary", "name: !!binary cg==", "tags are not allowed"),
    text("tag-own", "name: !env HOME", "tags are not allowed", "'!env'"),
    text("alias", "seed: &s 1\nrounds: *s\n", "line 2", "aliases are not allowed"),
    text("alias-bomb", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases are not allowed"),
    text("merge-key", "name: r\n<<: {seed: 1}\n", "line 2", "merge keys are not allowed"),
    text("duplicate-key", "name: r\nseed: 1\nseed: 2\n", "line 3", "'seed' stands twice"),
    text("duplicate-key-inside", "name: r\ntraining:\n  epochs: 1\n  epochs: 2\n", "line 4", "'epochs' stands twice"),
    text("key-is-a-list", "? [a, b]\n: 1\n", "line 1", "a key must be a word"),
    text("number-of-5000-digits", "seed: " + "9" * 5000, "a number cannot be read"),
    text("half-a-surrogate", 'name: "\\ud800"\n', "surrogate"),
    text("yes-is-no-number", f"name: r\nrounds: yes\n{STUDENTS}", "rounds: must be a valid integer; got 'yes'"),
    text("true-is-no-number", f"name: r\nrounds: true\n{STUDENTS}", "rounds: must be a valid integer; got True"),
    text("no-is-no-boolean", f"name: r\ntraining: {{gradient_checkpointing: no}}\n{STUDENTS}", "must be true or false"),
    text(
        "off-is-no-null", f"name: r\ntraining: {{lora: off}}\n{STUDENTS}", "training.lora: must be a mapping of fields"
    ),
    text("text-is-no-number", f"name: r\ntraining: {{learning_rate: '1e-5'}}\n{STUDENTS}", "valid number; got '1e-5'"),
    text("missing-name", STUDENTS, "name: must be given"),
    text("missing-students", "name: r\n", "students: must be given"),
    text("no-student", "name: r\nstudents: []\n", "students: must have at least 1 entry"),
    text("students-is-a-mapping", "name: r\nstudents: {a: 1}\n", "students: must be a list"),
    text("student-is-a-number", "name: r\nstudents: [5]\n", "students.0: must be a mapping of fields; got 5"),
]

UNKNOWN = [
    field("unknown-at-top", "rouds=2", "unknown field 'rouds'", "'rounds'"),
    field("unknown-inside", "training.lerning_rate=1", "unknown field 'training.lerning_rate'", "'learning_rate'"),
    field("unknown-by-its-initials", "training.lr=1e-4", "unknown field 'training.lr'", "'learning_rate'"),
    field("unknown-deeper", "training.lora.rnk=4", "unknown field 'training.lora.rnk'", "'rank'"),
    field("unknown-in-placement", "placement.train.num_gpu=1", "'placement.train.num_gpu'", "'num_gpus'"),
    field(
        "unknown-in-curriculum",
        "students.0.curriculum.num_exampels=9",
        "'students.0.curriculum.num_exampels'",
        "'num_examples'",
    ),
    field(
        "unknown-of-another-curriculum",
        "students.0.curriculum.solutions=3",
        "'students.0.curriculum.solutions'",
        "known here",
    ),
    field("unknown-in-data", "data={type: domain, pool_per_skil: 3}", "'data.pool_per_skil'", "'pool_per_skill'"),
    field("unknown-in-filter", "grading.filter={type: stat, tau: 0.5}", "'grading.filter.tau'", "did you mean 'tau"),
    field("unknown-like-nothing", "xyzzy=1", "unknown field 'xyzzy'", "known here", "training"),
    field("unknown-curriculum", "students.0.curriculum.type=stat_sel", "unknown type 'stat_sel'", "mean 'stat-sel'"),
    field(
        "unknown-source-of-answers",
        "students.0.curriculum.answers={source: students}",
        "students.0.curriculum.answers",
        "unknown source 'students'",
        "did you mean 'student'?",
    ),
    field(
        "answers-without-a-source",
        "students.0.curriculum.answers={count: 3}",
        "students.0.curriculum.answers: needs a `source`, one of human, rewrites, student",
    ),
    field("unknown-scorer", "grading.scorer.type=prm", "grading.scorer", "unknown type 'prm'", "'outcome'"),
    field(
        "curriculum-without-type",
        "students.0.curriculum={keep: 0.5}",
        "students.0.curriculum: needs a `type`",
        "stat-sel",
    ),
]

VALUES = [
    field("text-for-a-count", "rounds=two", "rounds: must be a valid integer; got 'two'"),
    field("fraction-for-a-count", "rounds=1.5", "rounds: must be a valid integer; got 1.5"),
    field("list-for-a-count", "seed=[1, 2]", "seed: must be a valid integer"),
    field("null-for-a-count", "seed=null", "seed: must be a valid integer; got None"),
    field("number-for-a-name", "name=7", "name: must be a valid string; got 7"),
    field("zero-rounds", "rounds=0", "rounds: must be greater than 0; got 0"),
    field("negative-seed", "seed=-1", "seed: must be greater than or equal to 0; got -1"),
    field("negative-learning-rate", "training.learning_rate=-1e-5", "learning_rate: must be greater than 0"),
    field("nan", "training.learning_rate=.nan", "learning_rate: must be a finite number; got nan"),
    field("infinite", "rollout.temperature=.inf", "rollout.temperature: must be a finite number; got inf"),
    field("infinite-by-size", "training.weight_decay=1e999", "weight_decay: must be a finite number"),
    field("above-one", "students.0.curriculum.keep=1.0", "students.0.curriculum.keep: must be less than 1; got 1.0"),
    field("threshold-out-of-range", "grading.filter={type: stat, tau1: 1.5}", "grading.filter.tau1: must be less than"),
    field("stage-out-of-range", "training.zero_stage=4", "zero_stage: must be 0, 1, 2 or 3; got 4"),
    field("unknown-dtype", "training.dtype=fp16", "training.dtype: must be 'fp32' or 'bf16'; got 'fp16'"),
    field("one-beta", "training.betas=[0.9]", "training.betas.1: must be given"),
    field("beta-out-of-range", "training.betas=[0.9, 1.5]", "training.betas", "below 1"),
    field("name-goes-up", "name=../up", "name: must be 1 to 63 lower case letters", "got '../up'"),
    field("name-is-two-dots", "students.0.name=..", "students.0.name: must be 1 to 63"),
    field("name-with-slash", "students.0.name=a/b", "students.0.name: must be 1 to 63", "'a/b'"),
    field("name-empty", "name=''", "name: must be 1 to 63", "''"),
    field("name-too-long", "name=" + "x" * 64, "name: must be 1 to 63", "…"),
    field("name-upper-case", "name=Run", "name: must be 1 to 63 lower case"),
    field("name-with-line-break", 'name="a\\nb"', "name: must be 1 to 63"),
    field("unknown-domain", "data={type: domain, domain: algebra}", "domain must be one of arithmetic; got 'algebra'"),
    field(
        "too-many-for-the-domain",
        "data={type: domain, held_out_per_skill: 500}",
        "data.held_out_per_skill",
        "at most 182",
    ),
    field("no-share", "data.profile_share=1.0", "data.profile_share: must be less than 1", config=TABLES),
    field("address", "cluster.address=head", "cluster.address must be 'local', 'auto' or HOST:PORT; got 'head'"),
]

SET = {"path": "probe.jsonl"}
EVALUATED = DOMAIN | {"evaluation": {"sets": [SET | {"name": "x"}, SET | {"name": "y"}]}}
ARMS = DOMAIN | {"students": [{"name": name, "curriculum": {"type": "uniform"}} for name in "ab"]}
EVALUATIONS = [
    field("set-without-a-name", "evaluation.sets=[{path: x.jsonl}]", "evaluation.sets.0", "a set needs a `name`"),
    field("set-without-a-path", "evaluation.sets=[{name: x}]", "set 'x' needs a `path`"),
    field("set-of-no-benchmark", "evaluation.sets=[{benchmark: gsm9k}]", "benchmark must be one of aime24", "'gsm9k'"),
    field("set-in-a-file", "evaluation.sets=[{benchmark: math_perturb_hard}]", "is published as a file", "give its"),
    field("set-of-unknown-columns", "evaluation.sets=[{benchmark: math2}]", "veds12/math-squared", "question_column"),
    field("set-metric", "evaluation.sets=[{benchmark: aime24, metric: best@64}]", "evaluation.sets.0.metric"),
    field(
        "set-metric-of-more", "evaluation.sets=[{benchmark: gsm8k, metric: pass@4}]", "needs as many `samples`; got 1"
    ),
    field(
        "set-greedy",
        "evaluation.sets=[{name: x, path: x.jsonl, samples: 4}]",
        "evaluation.sets 'x': samples must be 1 at temperature 0",
    ),
    field("sets-of-one-name", "evaluation.sets.1.name=x", "two are called 'x'", config=EVALUATED),
    field("set-like-a-column", "evaluation.sets.1.name=mean", "'mean' is a column of the table", config=EVALUATED),
    field("set-file-absent", "evaluation.sets.0.path=no.jsonl", "evaluation.sets.0", "no such file", config=EVALUATED),
    field(
        "contrast-of-nobody",
        "evaluation.contrasts=[{arm: a, control: c}]",
        "no student 'c'; there are a, b",
        config=ARMS,
    ),
    field("contrast-with-itself", "evaluation.contrasts=[{arm: a, control: a}]", "cannot be compared", config=ARMS),
    field(
        "contrast-twice",
        "evaluation.contrasts=[{arm: a, control: b}, {arm: b, control: a}]",
        "a and b stand there twice",
        config=ARMS,
    ),
    field(
        "profile-twice",
        "data.profile_share=0.2",
        "both say how many",
        config=TABLES | {"data": TABLES["data"] | {"profile": 3}},
    ),
]

CONTRADICTIONS = [
    field("greedy-samples", "rollout.samples=4", "samples must be 1 at temperature 0"),
    field("same-names", "students.1.name=a", "students must have different names; 'a' stands twice", config=TWO),
    field("recorded-without-a-file", "students.0.recorded=them", "rollout.recorded.path must be set", config=TABLES),
    field("recorded-for-nobody", "seed=1", "rollout.recorded: no student uses it", config=UNRECORDED),
    field("recorded-to-a-domain", "rollout.recorded.path=x.jsonl", "rollout.recorded", "data.type to 'tables'"),
    field("domain-scorer-on-tables", "grading.scorer.type=domain", "grading.scorer.type 'domain'", config=TABLES),
    field(
        "consistency-of-one-sample",
        "grading.scorer={type: consistency}",
        "grading.scorer 'consistency'",
        "rollout.samples is 1",
        "set rollout.samples to 2 or more",
    ),
    field(
        "consistency-of-too-few-samples",
        "grading.scorer={type: consistency, min_votes: 4}",
        "rollout.samples is 3: at min_votes 4",
        "set rollout.samples to 4 or more",
        config=DOMAIN | {"rollout": {"samples": 3, "temperature": 1.0}},
    ),
    field("votes-of-a-domain", "diagnosis.votes=3", "diagnosis.votes is 3: a domain teacher says the same every time"),
    field("votes-of-labels", "diagnosis.votes=3", "diagnosis.votes is 3: labels say the same", config=TABLES),
    field("labels-by-a-domain", "data.labelling={}", "data.labelling: a domain teacher knows only its", config=TABLES),
    field("labels-twice", "data.labels.path=x.jsonl", "data.labelling and data.labels:", config=LABELLED),
    field(
        "labels-of-no-families",
        "data.labelling.families=0",
        "data.labelling.families",
        "greater than 0",
        config=LABELLED,
    ),
    field("teacher-on-tables", "diagnosis.source=teacher", "diagnosis.source must be 'labels'", config=TABLES),
    field(
        "more-answers-than-samples",
        "students.0.curriculum.answers={source: student, count: 9}",
        "count 9 needs at least as many samples, not 4",
    ),
    field(
        "answers-to-nothing",
        "students.0.curriculum={type: stat-syn, answers: {source: student}}",
        "curriculum.answers is 'student', and nothing is drawn of the pool; set curriculum.keep above 0",
    ),
    field(
        "rewrites-by-a-domain-of-tables",
        "students.0.curriculum.answers={source: rewrites}",
        "student 'a': curriculum 'stat-sel' has a teacher write",
        config=TABLES,
    ),
    field(
        "profile-of-nothing",
        "students.0={name: a, stages: [{curriculum: {type: stat-sel}}, {curriculum: {type: stat-sel}, profile: x}]}",
        "stages.1.profile is 'x', and that is none of data.profiles; it has none",
        config=TABLES,
    ),
    field(
        "profile-of-the-first-round",
        "students.0={name: a, stages: [{curriculum: {type: stat-sel}, profile: x}]}",
        "stages.0.profile: the first round looks at data.probe",
        config=TABLES | {"data": TABLES["data"] | {"profiles": [{"name": "x", "path": "probe.jsonl"}]}},
    ),
    field(
        "profile-that-nobody-looks-at",
        "students.0={name: a, stages: [{curriculum: {type: uniform}}, {curriculum: {type: uniform}, profile: x}]}",
        "stages.1.profile: curriculum 'uniform' looks at no evidence; leave it out",
        config=TABLES | {"data": TABLES["data"] | {"profiles": [{"name": "x", "path": "probe.jsonl"}]}},
    ),
    field(
        "dynamics-of-a-number-of-tokens",
        "training.max_tokens=5000",
        "stages.0.dynamics edits between epochs",
        "training.max_tokens ignores them; leave it out",
        config=EDITED,
    ),
    field(
        "dynamics-that-lags-too-far",
        "students.0.stages.0.dynamics={first: 5, lag: 1}",
        "stages.0.dynamics.first is 5 with lag 1",
        "6 epochs: no update would come",
        config=EDITED,
    ),
    field(
        "dynamics-without-a-baseline",
        "students.0.stages.0.dynamics.baseline=null",
        "students.0.stages.0.dynamics",
        "'drop_error' needs a baseline",
        config=EDITED,
    ),
    field(
        "dynamics-makes-passages-wrong",
        "students.0.stages.0.curriculum={type: textbooks}",
        "stages.0.dynamics.baseline: passages give no answers that could be made wrong; set it null",
        config=EDITED,
    ),
    field(
        "dynamics-acts-twice",
        "students.0.stages.0.dynamics.actions=[augment_hard, augment_hard]",
        "students.0.stages.0.dynamics",
        "'augment_hard' stands twice",
        config=EDITED,
    ),
    field(
        "dynamics-of-no-action",
        "students.0.stages.0.dynamics.actions=[drop_all]",
        "students.0.stages.0.dynamics.actions.0",
        "drop_error",
        config=EDITED,
    ),
    field(
        "dynamics-writes-nothing",
        "students.0.stages.0.dynamics.cap=0",
        "students.0.stages.0.dynamics.cap",
        "greater than 0",
        config=EDITED,
    ),
    field(
        "dynamics-never-begins",
        "students.0.stages.0.dynamics.first=6",
        "stages.0.dynamics.first is 6, and the stage has 6 epochs: no update would come",
        config=EDITED,
    ),
    field(
        "dynamics-weighs-nothing",
        "students.0.stages.0.dynamics.easy_weight=0",
        "students.0.stages.0.dynamics.easy_weight",
        "greater than 0",
        config=EDITED,
    ),
    field(
        "dynamics-spoils-everything",
        "students.0.stages.0.dynamics.baseline.share=1.0",
        "students.0.stages.0.dynamics.baseline.share",
        "less than 1",
        config=EDITED,
    ),
    field(
        "dynamics-on-tables",
        "seed=1",
        "stages.0.dynamics.actions has a teacher write",
        "leave out 'augment_hard' and 'compose_easy'",
        config=TABLES | {"students": EDITED["students"]},
    ),
    field("synthesis-on-tables", "seed=1", "student 'a': curriculum 'stat-syn'", "use 'stat-sel'", config=SYNTHETIC),
    field(
        "pool-is-probe",
        "data.probe.path=pool.jsonl",
        "data.pool and data.probe are both ",
        "pool.jsonl: no question",
        config=TABLES,
    ),
    field(
        "agreement-of-more",
        "students.0.curriculum={type: stat-syn, min_agreement: 4}",
        "students.0.curriculum",
        "min_agreement 4",
    ),
    field(
        "task-of-two-teachers",
        "teacher_by_task=[{tasks: [solve], teacher: {type: domain}}, {tasks: [solve], teacher: {type: domain}}]",
        "teacher_by_task: solve stands twice",
        "give each task to one teacher",
    ),
    field(
        "task-that-is-none",
        "teacher_by_task=[{tasks: [solves], teacher: {type: domain}}]",
        "teacher_by_task.0.tasks.0",
    ),
    field("tasks-of-nobody", "teacher_by_task=[{tasks: [], teacher: {type: domain}}]", "teacher_by_task.0.tasks"),
    field(
        "money-of-a-free-teacher-of-a-task",
        "teacher_by_task=[{tasks: [solve], teacher: {type: domain}, budget: {max_usd: 1.0}}]",
        "teacher_by_task.0.budget: a domain teacher costs neither money nor tokens",
    ),
    field(
        "longest-reply-of-no-task",
        "teacher={type: openai, model: m, max_tokens: {solves: 9}}",
        "teacher.",
        "max_tokens",
    ),
    field(
        "labels-that-judge",
        "diagnosis={source: labels, judged_correct: named_skills}",
        "diagnosis.judged_correct is 'named_skills': labels judge no answer",
    ),
    field("check-of-two", "teacher_check.samples=2", "teacher_check.samples"),
    field("money-of-a-free-teacher", "budget.max_usd=1.0", "budget: a domain teacher costs neither money nor tokens"),
    field(
        "money-without-a-price",
        "teacher={type: openai, model: m}",
        "budget.max_usd needs teacher.price",
        config=DOMAIN | {"budget": {"max_usd": 1.0}},
    ),
    field("url-without-scheme", "teacher={type: openai, model: m, url: api.x}", "url must begin with http://"),
    field(
        "password-in-a-url",
        "teacher={type: openai, model: m, url: 'https://u:p@x/v1'}",
        "url must not hold a password",
        "api_key_env",
    ),
    field(
        "fewer-engines-than-there-are",
        "teacher={type: vllm, model: m, replicas: 2, max_replicas: 1}",
        "max_replicas is 1, replicas 2",
    ),
    field(
        "engines-that-never-come",
        "teacher={type: vllm, model: m, max_replicas: 4}",
        "teacher.max_replicas",
        "raise teacher.concurrency above 64",
    ),
    Case(
        "key-in-the-config",
        (
            "plan",
            "c.yaml",
            "--set",
            "teacher={type: openai, model: m}",
            "--set",
            "placement.teacher.runtime_env={env_vars: {OPENAI_API_KEY: sk-1}}",
        ),
        ("placement.teacher.runtime_env.env_vars.OPENAI_API_KEY: a key in a config", "api_key_file"),
        write_config,
    ),
    field(
        "prompts-that-are-not-there",
        "teacher={type: openai, model: m, prompts: nowhere}",
        "teacher.prompts: nowhere is not a folder",
    ),
    field(
        "neighbours-without-embeddings",
        "students.0.curriculum={type: embed-sel}",
        "student 'a': curriculum 'embed-sel' looks for similar questions; set embedding.model",
    ),
    field(
        "more-seeds-than-neighbours",
        "students.0.curriculum={type: embed-syn, neighbours: 2}",
        "students.0.curriculum",
        "num_seeds 3 needs at least as many neighbours, not 2",
    ),
    field("offload-on-a-cpu", "training.offload.optimizer=true", "training.offload: there is nothing to offload"),
    field(
        "offload-parameters-in-stage-2",
        "training.offload.parameters=true",
        "needs training.zero_stage 3, not 2",
        config=ON_GPU,
    ),
    field(
        "offload-in-stage-0",
        "training={zero_stage: 0, offload: {optimizer: true}}",
        "zero_stage 1, 2 or 3, not 0",
        config=ON_GPU,
    ),
    field("flash-on-a-cpu", "training.attention=flash_attention_2", "needs a GPU; use 'sdpa'"),
    field(
        "micro-batch-above-batch",
        "training.micro_batch_size=9",
        "training.micro_batch_size is 9",
        "lower micro_batch_size",
    ),
    field("workers-above-batch", "training.num_workers=9", "training.num_workers is 9", "lower num_workers"),
    field(
        "four-bits-in-stage-3",
        "training={zero_stage: 3, lora: {quantize: nf4}}",
        "training.lora.quantize: ZeRO 3 cannot partition",
        "zero_stage to 0, 1 or 2",
    ),
    field("unknown-quantization", "training.lora.quantize=int8", "training.lora.quantize: must be 'nf4'"),
    field(
        "lora-of-no-expression",
        "training.lora.target_modules='(q_proj'",
        "target_modules: '(q_proj' is no regular expression",
    ),
    field("lora-of-nothing", "training.lora.target_modules=[]", "training.lora.target_modules: must name a module"),
    field("divergence-without-a-base", "training.kl_to_start=0.1", "training.kl_to_start needs training.lora"),
    field(
        "divergence-in-stage-3",
        "training={zero_stage: 3, kl_to_start: 0.1, lora: {}}",
        "training.kl_to_start needs training.zero_stage 0, 1 or 2",
    ),
    field(
        "accelerator-without-gpu", "placement.train.accelerator_type=H100", "placement.train.num_gpus 0; set num_gpus"
    ),
    field("gpu-and-a-half", "placement.train.num_gpus=1.5", "placement.train.num_gpus", "whole number"),
    field(
        "no-such-level",
        "students.1.curriculum.min_level=4",
        "students.1.curriculum.min_level",
        "the highest is 3",
        config=TWO,
    ),
    field("answer-longer-than-the-model", "rollout.max_new_tokens=1024", "rollout.max_new_tokens is 1024", "lower it"),
]

CURRICULUM = "students.0.curriculum="
CONTRADICTIONS += [
    field(
        "exercises-that-cannot-agree",
        CURRICULUM + "{type: exercises, solutions: 2, min_agreement: 3}",
        "min_agreement 3 needs at least as many solutions, not 2",
    ),
    field("textbooks-of-replay-alone", CURRICULUM + "{type: textbooks, replay: 1.0}", "replay: must be less than 1"),
    field("textbooks-in-no-order", CURRICULUM + "{type: textbooks, order: up}", "order: must be 'graph', 'reverse'"),
    field("mixture-of-nothing", CURRICULUM + "{type: mixture, parts: []}", "needs at least one part"),
    field(
        "mixture-part-of-two-sizes",
        CURRICULUM + "{type: mixture, parts: [{share: 0.5, count: 3}]}",
        "either `share` or `count`; got 0.5 and 3",
    ),
    field(
        "mixture-part-of-two-kinds",
        CURRICULUM + "{type: mixture, parts: [{skills: [a], subject: b}]}",
        "either `skills` or `subject`",
    ),
    field(
        "mixture-of-a-skill-that-the-domain-lacks",
        CURRICULUM + "{type: mixture, parts: [{skills: [percentage]}, {skills: [calculus]}]}",
        "students.0.curriculum.parts.1: the pool has no question of the skill 'calculus'; it has addition",
    ),
]

CASES = [*YAML, *UNKNOWN, *VALUES, *CONTRADICTIONS, *EVALUATIONS]
