"""The verbs, as their runners do them: each reads tables, lets Ray Data or Ray Train work, and seals tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from skillray.config import RunConfig, StudentConfig, identity_hash
from skillray.config.evaluation import EvaluationSet
from skillray.config.students import Stage
from skillray.curriculum.base import Need, Plan
from skillray.grading.pool import AnswerPool
from skillray.loop.decontaminate import evaluation_tables, overlap_notes, without_leaks
from skillray.loop.diagnose import Diagnose, choose_difficult, label_failure_rates
from skillray.loop.inputs import model_content, note_inputs, scorer_content
from skillray.loop.merge import ids_of
from skillray.loop.questions import (
    recorded_rollouts,
    refuse_silent,
    splits_of,
)
from skillray.loop.replay import read_texts
from skillray.loop.rounds import Verb
from skillray.loop.study import make_plan, orders_table
from skillray.loop.summary import summarise
from skillray.loop.teacher_check import Known, check_teacher
from skillray.on_ray import counting
from skillray.on_ray.answering import answering, answering_set, grading
from skillray.on_ray.data import Job, Link, Progress, run_chain
from skillray.on_ray.drafting import Drafting
from skillray.on_ray.evaluation import answer_sets, write_sets
from skillray.on_ray.neighbours import embed_questions, find_neighbours
from skillray.on_ray.questions import make_questions
from skillray.on_ray.reply_logs import teachers_of
from skillray.on_ray.runner import namespace_of
from skillray.on_ray.segments import edit_segments, write_probe
from skillray.on_ray.targets import ask_questions, sample_answers
from skillray.protocols import OpenTeacher
from skillray.skills.graph_json import graph_from_json, graph_json
from skillray.store.fence import Fence
from skillray.store.files import exists, read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table
from skillray.teacher.identity import identify
from skillray.teacher.tasks import Task
from skillray.training.examples import as_schedule, as_segment
from skillray.training.settings import TrainingSettings
from skillray.types import seed_for


@dataclass
class Runner:
    """One verb of one student's round (or of all students that share it), with what it needs to know."""

    run: RunFolder
    config: RunConfig
    students: tuple[StudentConfig, ...]
    """Usually one; several where they share round 0."""
    round: int
    fence: Fence
    report_progress: Progress = lambda done, total, unit: None
    told: counting.Runner | None = None
    """Whom answers are counted by while they are written."""
    seconds: dict[str, float] = field(default_factory=dict)

    def do(self, verb: Verb) -> dict[str, float]:
        """Run the verb; seconds by step."""
        getattr(self, verb)()
        return self.seconds

    @property
    def student(self) -> StudentConfig:
        return self.students[0]

    @property
    def stage(self) -> Stage:
        return self.student.stage(self.round)

    @property
    def training(self) -> TrainingSettings:
        return self.student.training(self.round, self.config.training)

    @property
    def num_segments(self) -> int:
        """An epoch each, where the examples are edited."""
        return 1 if self.stage.dynamics is None else self.training.epochs

    def prepare(self) -> None:
        """The questions, and which are alike, once; and at every start, that models and files are what they were."""
        with self.timed("prepare"):
            note_inputs(self.run, self.config, self.fence)
            if exists(self.run.graph):
                self._check_recorded()
            else:
                self._make_questions()
        if any(Need.NEIGHBOURS in student.needs for student in self.config.students):
            with self.timed("embed"):
                embed_questions(self.run, self.config, self.chain)

    def _make_questions(self) -> None:
        notes = list[str]()
        tables, graph = make_questions(self.run, self.config, self.teacher(), self.chain, self.fence, notes.append)
        write_sets(self.run, self.config.evaluation.sets, self.fence)
        for split, questions in tables.items():
            if split != "pool":
                self.run.questions(split).write(questions, fence=self.fence)
        pool, found = self._decontaminated(tables["pool"])
        self.run.questions("pool").write(pool, fence=self.fence)
        notes += found
        if self.config.rollout.recorded is not None:
            answers = recorded_rollouts(self.config.rollout.recorded.path, self._recorded_names(), tables)
            self.run.recorded().write(answers, fence=self.fence)
        if (replay := self.config.data.replay) is not None:
            self.run.texts().write(read_texts(replay), fence=self.fence)
        if notes:
            self.fence.commit_json(self.run.data_notes, notes)
        self.fence.commit_json(self.run.graph, graph_json(graph))

    def _decontaminated(self, pool: pa.Table) -> tuple[pa.Table, list[str]]:
        tables = [table.read(["question", "answer"]) for table in evaluation_tables(self.run, self.config)]
        if not tables:
            return pool, []
        with AnswerPool(deadline_s=self.config.grading.answer_timeout_s) as answers:
            return without_leaks(pool, tables, answers.same, remove=self.config.evaluation.decontaminate)

    def _check_recorded(self) -> None:
        """A student that was added may be one whose answers nobody recorded."""
        if self.config.rollout.recorded is not None:
            answers = self.run.recorded().read(["student"])
            refuse_silent(self.config.rollout.recorded.path, self._recorded_names(), answers)

    def answer(self) -> None:
        """roll_out and grade the held-out questions and, where the curriculum asks for evidence, the profile questions.

        Both in one chain, so that the model is loaded once. In round 0 the tables go to a shared folder, keyed by all
        they depend on, and every student links to them: common random numbers for comparing methods.
        """
        held_out, profile = self._held_out_folder(), self._profile_folder()
        jobs = [
            Job(
                self.run.questions("held_out"),
                (held_out.folder("held_out").table("rollouts"), held_out.table("scores")),
            )
        ]
        if any(self._needs(student) for student in self.students):
            asked = self.run.questions(self.stage.profile_split)
            jobs.append(Job(asked, (profile.table("rollouts"), profile.table("graded"))))
        links = [answering(self), grading(self)]
        total = sum(job.source.num_rows() for job in jobs) * self.config.rollout.samples

        def in_answers(done: int, units: int, _: str) -> None:
            self.report_progress(total * done // units, total, counting.ANSWERS)

        in_answers(0, 1, "")
        with self.timed("answer"):
            size = self.config.rollout.batch_size
            run_chain(jobs, links, unit_rows=size, fence=self.fence, progress=in_answers)
        for student in self.students if self.round == 0 else ():
            self._link(held_out.table("scores"), self.run.base(student.name).table("scores"))
            if self._needs(student):
                for name in ("rollouts", "graded"):
                    self._link(profile.table(name), self.run.round(student.name, 0).table(name))

    def evaluate(self) -> None:
        """Answer the evaluation sets with the checkpoint that the round starts from.

        Before any training the tables go to a shared folder, keyed by all they depend on, as those of `answer` do.
        """
        sets = self.config.evaluation.sets
        questions = {one.name: self.run.evaluation_set(one.name) for one in sets}
        with self.timed("evaluate"):
            answer_sets(self.config, questions, self._set_folder, partial(answering_set, self), self.chain)
        for student in self.students if not self.round else ():
            for one in sets:
                self._link(self._set_folder(one).answers(one.name), self.run.base(student.name).answers(one.name))

    def diagnose(self) -> None:
        if not self._needs_gaps():
            return
        folder, settings = self._profile_folder(), self.config.diagnosis
        graded = folder.table("graded")
        if settings.source == "teacher" and not folder.table("gaps").complete():
            self._check_teacher(["judgement"], graded)
        with self.timed("diagnose"):
            chosen = choose_difficult(graded, settings.max_difficult, self.config.seed)
            graph = graph_from_json(read_json(self.run.graph))
            by_labels = settings.source == "labels"
            stage = Diagnose(
                chosen,
                graph,
                None if by_labels else self.teacher(),
                settings.votes,
                rates=label_failure_rates(graded) if by_labels and settings.labels == "to_blame" else None,
                judged_correct=settings.judged_correct,
            )
            links = [Link(stage, self.config.placement.grade, here=True)]
            self.chain([Job(graded, (folder.table("gaps"),))], links, self.config.rollout.batch_size)
        for student in self.students if self.round == 0 else ():
            if Need.GAPS in self._needs(student):
                self._link(folder.table("gaps"), self.run.round(student.name, 0).table("gaps"))

    def plan(self) -> Plan:
        """The orders, and which of the questions that they draw the student has to answer itself."""
        segment = self._segment()
        if Need.NEIGHBOURS in self.stage.curriculum.needs:
            with self.timed("neighbours"):
                self._find_neighbours(segment)
        with self.timed("plan"):
            plan = self._plan(segment)
        ask_questions(self)
        return plan

    def sample(self) -> None:
        """The student answers the pool questions that its orders draw."""
        with self.timed("sample"):
            sample_answers(self)

    def study(self) -> None:
        """plan, fulfil and the schedule of the round's first segment, and what its dynamics measures errors by."""
        plan = self.plan()
        if plan.orders:
            if not self._segment().table("examples").complete():
                self._check_teacher(["labels", "solutions", "rewrites", "new_questions"], None)
            with self.timed("fulfil"):
                self.fulfil(0, plan)
                self.write_schedule(0)
        if (dynamics := self.stage.dynamics) is not None and dynamics.baseline is not None:
            with self.timed("probe"):
                write_probe(self, dynamics.baseline)

    def update(self) -> None:
        edit_segments(self)

    def summarise(self) -> None:
        from skillray.report import write_report  # brings the plots

        with self.timed("summarise"):
            self.fence.commit_json(self.run.summary, summarise(self.run, self.config).model_dump(mode="json"))
            write_report(self.run)

    def _check_teacher(self, parts: Sequence[str], graded: Table | None) -> None:
        """Before its replies are paid for: is it right where that is known?"""

        def known() -> Known:
            rows = {split: self.run.questions(split).read().to_pylist() for split in ("profile", "pool") if not graded}
            return Known(answers=graded.read().to_pylist() if graded else (), **rows)

        with self.timed("check_teacher"), closing(AnswerPool(1, self.config.grading.answer_timeout_s)) as answers:
            graph, ask = graph_from_json(read_json(self.run.graph)), self.teacher()
            check_teacher(self.run, parts, self.config, known, graph, ask, answers.same, self.fence)

    def _find_neighbours(self, segment: RoundFolder) -> None:
        limit = self.config.diagnosis.max_difficult
        chosen = choose_difficult(self.folder().table("graded"), limit, self.config.seed)
        count = self.stage.curriculum.num_neighbours()
        split, placement = self.stage.profile_split, self.config.placement.grade
        find_neighbours(self.run, chosen, split, count, segment, placement, self.chain, self.fence)

    def _plan(self, segment: RoundFolder) -> Plan:
        curriculum = self.stage.curriculum
        seed = seed_for(self.config.seed, "plan", self.round)
        memory = (
            read_json(self.run.round(self.student.name, self.round - 1).segment().study)["memory"] if self.round else {}
        )
        gaps, graded, neighbours = (
            self.folder().table("gaps"),
            self.folder().table("graded"),
            segment.table("neighbours"),
        )
        graph = graph_from_json(read_json(self.run.graph))
        texts = None if self.config.data.replay is None else self.run.texts()
        plan = make_plan(curriculum, self.run.questions("pool"), gaps, memory, seed, neighbours, graph, texts, graded)
        self.note_plan(segment, plan)
        return plan

    def note_plan(self, segment: RoundFolder, plan: Plan) -> None:
        if not segment.table("orders").complete():
            self.fence.commit_json(segment.study, {"memory": plan.memory, "notes": plan.notes})
            segment.table("orders").write(orders_table(plan), fence=self.fence)

    def fulfil(self, index: int, plan: Plan) -> None:
        """The examples of segment `index`."""
        segment = self.folder().segment(index)
        examples = segment.table("examples")
        if not examples.complete():
            held_out = [self.run.questions(split) for split in splits_of(self.config.data) if split != "pool"]
            parts, notes = Drafting(self, index).examples(plan, ids_of(held_out))
            # Before the examples: who finds them sealed makes nothing again, and has no counts of its own.
            known = read_json(segment.study)
            self.fence.commit_json(segment.study, known | {"notes": {**known["notes"], **notes}})
            examples.write_all(parts, fence=self.fence)
        self._note_overlap(segment, examples)

    def _note_overlap(self, segment: RoundFolder, examples: Table) -> None:
        """How much of what is trained on holds words of evaluation questions: for every method, once."""
        known = read_json(segment.study)
        if "texts_trained_on" not in known["notes"]:
            found = overlap_notes(examples, evaluation_tables(self.run, self.config))
            if found:
                self.fence.commit_json(segment.study, known | {"notes": {**known["notes"], **found}})

    def write_schedule(self, index: int) -> None:
        segment = self.folder().segment(index)
        examples, schedule = segment.table("examples"), segment.table("schedule")
        if not examples.num_rows() or schedule.complete():
            return
        seed = seed_for(self.config.seed, "schedule", self.round)
        if self.stage.dynamics is None:
            rows = as_schedule(examples, self.training, seed)
        else:
            first = self._segment().table("schedule").read(["step", "num_tokens"]) if index else None
            rows = as_segment(examples, self.training, seed, index, first)
        schedule.write(rows, fence=self.fence)

    def chain(self, jobs: Sequence[Job], links: Sequence[Link], unit_rows: int) -> None:
        run_chain(jobs, links, unit_rows=unit_rows, fence=self.fence, progress=self.report_progress)

    def teacher(self) -> OpenTeacher:
        asked_by = f"{self.student.name}/round-{self.round:03d}"
        return teachers_of(namespace_of(self.config.name, self.fence), self.config, asked_by)

    def _recorded_names(self) -> list[str]:
        return [student.recorded for student in self.config.students if student.recorded]

    def _needs(self, student: StudentConfig) -> frozenset[Need]:
        return student.stage(self.round).curriculum.needs

    def _needs_gaps(self) -> bool:
        return any(Need.GAPS in self._needs(student) for student in self.students)

    def checkpoint(self, index: int) -> str:
        """What round `index` starts from: the model itself, or what the round before made."""
        return self.run.round(self.student.name, index - 1).checkpoint if index else self.student.model

    def folder(self) -> RoundFolder:
        return self.run.round(self.student.name, self.round)

    def _segment(self) -> RoundFolder:
        return self.folder().segment(0)

    def _held_out_folder(self) -> RoundFolder:
        """Scores belong to the round that made the checkpoint."""
        return self.run.round(self.student.name, self.round - 1) if self.round else self._shared_folder()

    def _profile_folder(self) -> RoundFolder:
        """Evidence belongs to the round that will use it."""
        return self.folder() if self.round else self._shared_folder()

    def _shared_folder(self) -> RoundFolder:
        """Keyed by everything that round 0's answers, grades and gaps depend on; of files by what is in them, for the
        same command may be given in another folder.
        """
        recorded, model = self.student.recorded, model_content(self.run, self.student.name)
        source = (recorded, self.run.recorded().fingerprint()) if recorded else model
        questions = [self.run.questions(split).fingerprint() for split in ("held_out", "profile")]
        config = self.config
        settings = (
            config.seed,
            config.rollout.model_dump(mode="json", exclude={"recorded"}),
            config.prompt_of(self.student),
            config.grading.scorer.model_dump(mode="json", exclude={"max_batch_tokens", "model"}),
            scorer_content(self.run),
            config.grading.filter,
            config.diagnosis,
            identify(config.teacher_for(Task.NAME_MISSING_SKILLS)).model,
        )
        return self.run.shared(identity_hash(source, questions, settings))

    def _set_folder(self, one: EvaluationSet) -> RoundFolder:
        """Where this checkpoint's answers to a set are: before training, where all that decides about them is a key."""
        if self.round:
            return self.run.round(self.student.name, self.round - 1)
        asked, model = self.run.evaluation_set(one.name).fingerprint(), model_content(self.run, self.student.name)
        config, prompt = self.config, self.config.prompt_of(self.student)
        return self.run.shared(identity_hash("evaluation", model, asked, one, config.seed, config.rollout, prompt))

    def _link(self, source: Table, place: Table) -> None:
        if source.complete() and not place.complete():
            place.link(source, fence=self.fence)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - start
