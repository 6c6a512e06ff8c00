"""A method of another package is installed as pip would leave it: a folder on the path with its entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
name: outside
rounds: 1
data: {type: domain, domain: arithmetic}
diagnosis: {source: labels}
students:
- {name: theirs, curriculum: {type: shortest, num_examples: 7}}
"""
METHOD = Path(__file__).parent / "outside.py"
DOMAIN = Path(__file__).parent / "outside_domain.py"


def install(folder: Path, entries: str, source: Path = METHOD, group: str = "skillray.curricula") -> None:
    package = folder / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "method.py").write_text(source.read_text())
    info = folder / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entries}\n")


def skillray(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), os.getcwd()])
    command = [sys.executable, "-m", "skillray", *words]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, text=True, capture_output=True, timeout=120, check=False
    )


def test_a_method_of_another_package_is_planned_like_our_own(tmp_path: Path) -> None:
    install(tmp_path, "shortest = their_package.method:Shortest")
    (tmp_path / "config.yaml").write_text(CONFIG)
    planned = skillray(tmp_path, "plan", str(tmp_path / "config.yaml"))
    assert planned.returncode == 0, planned.stderr
    study = next(line for line in planned.stdout.splitlines() if "study" in line)
    assert "one question for each missing skill" in study and "28" in study, "7 questions and 21 solutions"


def test_without_the_package_the_name_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    refused = skillray(tmp_path, "plan", str(tmp_path / "config.yaml"))
    assert refused.returncode != 0 and "'shortest'" in refused.stderr and "'uniform'" in refused.stderr


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ("uniform = their_package.method:Shortest", "skillray has a curriculum of this name; choose another"),
        ("longest = their_package.method:Shortest", "the class has the type 'shortest'; use one name for both"),
        ("shortest = their_package.method:METHOD", "cannot be imported"),
        ("shortest = their_package.method:random", "is no subclass of skillray.curriculum.base.Curriculum"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_in_a_line(tmp_path: Path, entries: str, problem: str) -> None:
    install(tmp_path, entries)
    (tmp_path / "config.yaml").write_text(CONFIG)
    refused = skillray(tmp_path, "plan", str(tmp_path / "config.yaml"))
    assert refused.returncode != 0 and problem in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_domain_of_another_package_is_planned_like_our_own(tmp_path: Path) -> None:
    install(tmp_path, "parity = their_package.method:Parity", DOMAIN, "skillray.domains")
    config = CONFIG.replace("domain: arithmetic", "domain: parity, pool_per_skill: 20, profile_per_skill: 5")
    config = config.replace("shortest, num_examples: 7", "stat-sel") + "teacher: {type: domain, domain: parity}\n"
    (tmp_path / "config.yaml").write_text(config)
    planned = skillray(tmp_path, "plan", str(tmp_path / "config.yaml"))
    assert planned.returncode == 0, planned.stderr
    assert "pool 40, profile 10" in planned.stdout, "20 and 5 questions of each of two skills"


def test_a_domain_whose_name_is_taken_is_refused_in_a_line(tmp_path: Path) -> None:
    install(tmp_path, "arithmetic = their_package.method:Parity", DOMAIN, "skillray.domains")
    (tmp_path / "config.yaml").write_text(CONFIG)
    refused = skillray(tmp_path, "plan", str(tmp_path / "config.yaml"))
    assert refused.returncode == 2 and "skillray has a domain of this name; choose another" in refused.stderr
