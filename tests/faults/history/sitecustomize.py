"""The teacher's own history: what it was asked, written down by no code of the product.

On PYTHONPATH of a test's Ray, Python imports this module at its start in every process. Where a teacher is imported,
its `ask` also appends the keys it is asked for, and when, to HISTORY/APP-PID.jsonl, and answers once that is on disk.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from types import ModuleType

TEACHER = "skillray.teacher.domain_teacher"


class _Spy(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != TEACHER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)  # type: ignore[arg-type]
        if spec is None or spec.loader is None:
            return None
        self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _listen(module.DomainTeacher)


def _listen(teacher: type) -> None:
    ask = teacher.ask

    def noted(self, task, requests):
        from ray import serve

        from skillray.teacher.tasks import reply_key

        keys = [reply_key(self.model, task, request, {}).hex() for request in requests]
        app = serve.get_replica_context().app_name
        with open(os.path.join(os.environ["SKILLRAY_TEST_HISTORY"], f"{app}-{os.getpid()}.jsonl"), "a") as file:
            file.write(json.dumps({"at": time.time(), "task": str(task), "keys": keys}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return ask(self, task, requests)

    teacher.ask = noted


if os.environ.get("SKILLRAY_TEST_HISTORY"):
    sys.meta_path.insert(0, _Spy())
