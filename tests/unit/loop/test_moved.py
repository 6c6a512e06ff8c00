"""One command from two folders, as a job whose working folder is unpacked anew gives it: the files decide."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from skillray.cli.main import main
from skillray.config import load_config
from skillray.loop.inputs import note_inputs
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json, read_json
from skillray.store.layout import RunFolder
from skillray.training.checkpoint import base_of, model_hash
from tests.unit.bad_input.kinds import PROBE, question, write_adapter, write_model, write_rows
from tests.unit.loop.test_inputs import CHANGED, CONFIG, again, run  # noqa: F401  (the run is a fixture)

WITH_ALL = CONFIG | {
    "data": CONFIG["data"] | {"replay": {"path": "replay.txt"}},
    "students": [*CONFIG["students"], CONFIG["students"][0] | {"name": "c", "curriculum": {"type": "uniform"}}],
}


@pytest.fixture
def moved(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """Another folder with the same files, where the command is given next; the run is where it was."""
    there = tmp_path / "_ray_pkg [bbbb]"
    shutil.copytree(tmp_path, there, ignore=shutil.ignore_patterns("run", "_ray_pkg*"))
    for path in [*tmp_path.glob("*.jsonl"), tmp_path / "syllabus.md"]:
        path.unlink()
    for folder in ("m", "base", "adapter", "prompts"):
        shutil.rmtree(tmp_path / folder)
    write_adapter_base(there / "adapter", "../base")
    monkeypatch.chdir(there)
    return there


def write_adapter_base(adapter: Path, base: str) -> None:
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": base}))


@pytest.fixture
def with_relative_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter names its base as seen from where it lies, so that it is the same in both folders."""
    monkeypatch.setattr(
        "tests.unit.loop.test_inputs.write_adapter", lambda path, base: write_adapter(path, base="../base")
    )


def said(capsys: pytest.CaptureFixture[str], run_folder: RunFolder) -> str:
    with pytest.raises((SystemExit, InterruptedError)) as ended:
        main(["run", "c.yaml", "--run-dir", run_folder.path])
    err = capsys.readouterr().err
    assert (ended.type, err) == (InterruptedError, "") or ended.value.code == 2, err
    return err


@pytest.mark.usefixtures("with_relative_base")
def test_the_same_files_in_another_folder_go_on(run, moved, capsys) -> None:  # noqa: F811
    assert said(capsys, run) == ""
    assert load_config(run.config).data.pool.path == str(moved / "pool.jsonl")  # runners look there from now on
    assert said(capsys, run) == ""


@pytest.mark.usefixtures("with_relative_base")
@pytest.mark.parametrize("what", CHANGED)
def test_other_files_there_are_refused(run, moved, capsys, what) -> None:  # noqa: F811
    sizes = {path: path.stat().st_size for path in moved.rglob("*") if path.is_file()}
    CHANGED[what]()
    err = said(capsys, run)
    assert err.startswith(f"skillray: {what.split()[0]}: the content of {moved}/") and err.count("\n") == 1
    (changed,) = {path for path in moved.rglob("*") if path.is_file() and sizes.get(path) != path.stat().st_size} or {
        None
    }
    assert changed is None or changed.name in err  # which file, where sizes tell


@pytest.mark.usefixtures("with_relative_base")
def test_other_bytes_of_the_same_size_and_time_are_seen(run, moved, capsys) -> None:  # noqa: F811
    path, before = moved / "probe.jsonl", os.stat(moved / "probe.jsonl")
    path.write_bytes(path.read_bytes().replace(b"101 + 1?", b"101 + 2?"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "probe.jsonl (of the same size, with other bytes) is not what it was" in said(capsys, run)


@pytest.mark.usefixtures("with_relative_base")
@pytest.mark.parametrize(
    "field", ["data.pool.path=sub/pool.jsonl", "data.pool.path=other.jsonl", "data.pool.path=pool.parquet"]
)
def test_another_relative_path_is_another_setting(run, moved, capsys, field) -> None:  # noqa: F811
    with pytest.raises(SystemExit):
        main(["run", "c.yaml", "--run-dir", run.path, "--set", field])
    assert "was started with other settings: data.pool.path was" in capsys.readouterr().err


@pytest.mark.usefixtures("with_relative_base")
def test_where_paths_start_may_be_said(run, moved, capsys, monkeypatch) -> None:  # noqa: F811
    monkeypatch.chdir(moved.parent / "run")
    command = ["run", str(moved / "c.yaml"), "--run-dir", run.path, "--set", f"cluster.folder={moved}"]
    with pytest.raises(InterruptedError):
        main(command)
    assert load_config(run.config).students[0].model == str(moved / "m")


def test_an_absolute_path_is_a_setting_of_its_own(run, tmp_path, capsys, monkeypatch) -> None:  # noqa: F811
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "pool.jsonl", tmp_path / "elsewhere" / "pool.jsonl")
    with pytest.raises(SystemExit):
        main(["run", "c.yaml", "--run-dir", "run", "--set", f"data.pool.path={tmp_path}/elsewhere/pool.jsonl"])
    assert "was started with other settings: data.pool.path was" in capsys.readouterr().err


def test_prompts_in_a_folder_with_brackets_are_looked_at(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("skillray.api._launch", lambda *_: True)
    there = tmp_path / "run [v1]" / "prompts"
    there.mkdir(parents=True)
    monkeypatch.chdir(there.parent)
    (there / "solve.j2").write_text("{{ question }}")
    config = {"name": "r", "students": [{"name": "a", "curriculum": {"type": "stat-sel"}}]}
    config |= {"teacher": {"type": "openai", "model": "m", "prompts": "prompts"}}
    Path("c.yaml").write_text(json.dumps(config))
    run_folder, parsed = RunFolder(str(there.parent / "r")), load_config("c.yaml")
    note_inputs(run_folder, parsed, UNFENCED)
    (there / "solve.j2").write_text("Solve: {{ question }}")
    from skillray.config import dump_config

    UNFENCED.commit(run_folder.config, dump_config(parsed).encode())
    with pytest.raises(SystemExit):
        main(["run", "c.yaml", "--run-dir", "r"])
    err = capsys.readouterr().err
    assert "teacher.prompts: the content of" in err and "solve.j2 has 21 bytes, and had 14" in err


@pytest.mark.parametrize("base", ["./base", "base", "../base", "work/base"])
def test_a_relative_base_is_found_from_every_working_folder(tmp_path, monkeypatch, base) -> None:
    """As somebody's training script wrote it: from the adapter's folder, or from the one the script ran in."""
    work = tmp_path / "work"
    work.mkdir()
    write_adapter(work / "adapter", base=base)
    before = None
    for folder in (tmp_path, work, work / "adapter", Path("/")):
        monkeypatch.chdir(folder)
        assert base_of(str(work / "adapter")) == str(work / "base")
        assert base_of(os.path.relpath(work / "adapter")) == str(work / "base")
        before = before or model_hash(str(work / "adapter"))
        assert model_hash(str(work / "adapter")) == before


def test_a_base_that_is_no_folder_is_an_id(tmp_path) -> None:
    write_adapter(tmp_path / "adapter", base="some/model")
    assert base_of(str(tmp_path / "adapter")) == "some/model"


def test_the_base_of_a_checkpoint_moves_with_the_student(tmp_path) -> None:
    """The job's old folder is gone, and the run's checkpoints name it."""
    run_folder = RunFolder(str(tmp_path / "run"))
    checkpoint = Path(run_folder.round("a", 0).checkpoint)
    checkpoint.parent.mkdir(parents=True)
    write_adapter(checkpoint, base="/gone/m")
    write_model(tmp_path / "m")
    assert base_of(str(checkpoint)) == "/gone/m"
    commit_json(run_folder.inputs, {"students.a.model": {"content": "", "seen": "", "path": str(tmp_path / "m")}})
    assert base_of(str(checkpoint)) == str(tmp_path / "m")
    write_adapter(tmp_path / "first", base="../m")  # a student that was an adapter already
    commit_json(run_folder.inputs, {"students.a.model": {"path": str(tmp_path / "first")}})
    assert base_of(str(checkpoint)) == str(tmp_path / "m")


def test_what_is_noted_says_where_and_how_large(run, tmp_path) -> None:  # noqa: F811
    noted = read_json(run.inputs)["data.probe"]
    assert noted["path"] == str(tmp_path / "probe.jsonl")
    assert noted["files"] == {"probe.jsonl": os.path.getsize(tmp_path / "probe.jsonl")}
    write_rows(tmp_path / "probe.jsonl", [*PROBE, question(999)])
