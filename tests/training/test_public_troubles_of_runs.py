"""Troubles of public reports, rebuilt small: full disks, second writers, one bad scan, other folders."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from robonav import files
from robonav.disk import HOLDER, named, only_writer
from robonav.errors import UsageError
from robonav.files import write_folder
from robonav.launch import cli
from robonav.training.run import TrainingRun
from tests.envs.scenes.gltf_files import write_room
from tests.training.test_resume import TINY

SHORT = ("--steps", "8", "--num-envs", "1")
CLOUD = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
CLOUD += "end_header\n0 0 0\n"


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_checkpoint_on_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(files, "save_file", save)
    with pytest.raises(OSError, match=r"step_1/model\.safetensors cannot be written .*No space.*--resume"):
        write_folder(tmp_path / "step_1", {"model.safetensors": {"a": torch.zeros(1)}}, {})
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_names_its_file(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space left on device") as caught,
        named(tmp_path / "episodes"),
    ):
        full_disk()
    assert caught.value.filename == str(tmp_path / "episodes")


def test_a_full_disk_at_the_report_names_it_and_the_run_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room = str(write_room(tmp_path / "a.glb"))
    command = [
        "evaluate",
        "straight",
        "--scenes",
        room,
        "--episodes",
        "2",
        *SHORT,
        "--out",
        str(tmp_path / "run"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr("robonav.evaluation.records.np.savez_compressed", full_disk)
        assert cli.main(command) == cli.USERS_MISTAKE
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(tmp_path / "run" / "maps") in said
    assert "No space left on device: make room" in said
    assert cli.main([*command, "--resume"]) == 0
    assert len((tmp_path / "run" / "episodes.jsonl").read_text().splitlines()) == 2


HOLD = "import sys, time; from pathlib import Path; from robonav.disk import only_writer\n"
HOLD += "with only_writer(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_a_second_writer_is_refused_with_the_holders_number_and_a_dead_one_is_forgotten(
    tmp_path: Path,
) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(UsageError, match=f"written by another robonav, process {holder.pid}: wait"),
            only_writer(tmp_path / "run"),
        ):
            pass
        command = ["train", "nano", "--steps", "8", "--out", str(tmp_path / "run")]
        assert cli.main(command) == cli.USERS_MISTAKE
    finally:
        holder.kill()
        holder.wait()
    assert (tmp_path / "run" / HOLDER).exists()  # it had no time to tidy up
    deadline = time.monotonic() + 10
    with only_writer(tmp_path / "run"):
        assert time.monotonic() < deadline


def bad_and_good(folder: Path) -> str:
    write_room(folder / "b.glb")
    write_room(folder / "c.glb", size=(7.0, 5.0, 2.5))
    (folder / "a.ply").write_text(CLOUD)
    return str(folder)


def test_one_bad_scan_of_many_leaves_the_others_to_be_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes, out = bad_and_good(tmp_path / "scans"), tmp_path / "run"
    command = [
        "evaluate",
        "straight",
        "--scenes",
        scenes,
        "--episodes",
        "6",
        "--steps",
        "8",
        "--num-envs",
        "2",
    ]
    with pytest.warns(UserWarning, match=r"episodes in scene a\.ply are left out: .* has no triangles"):
        assert cli.main([*command, "--out", str(out)]) == 0
    records = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    assert sorted(record["scene_id"] for record in records) == ["b.glb"] * 2 + ["c.glb"] * 2
    assert json.loads((out / "summary.json").read_text())["unusable_scenes"] == ["a.ply"]
    assert "left out, because they cannot be used: a.ply" in capsys.readouterr().out
    before = (out / "episodes.jsonl").read_bytes()
    with pytest.warns(UserWarning, match="left out"):
        assert cli.main([*command, "--out", str(out), "--resume"]) == 0
    assert (out / "episodes.jsonl").read_bytes() == before


def test_one_bad_scan_of_many_leaves_the_others_to_be_trained_in(tmp_path: Path) -> None:
    tiny = replace(TINY, scenes=bad_and_good(tmp_path / "scans"), steps=256, episode_steps=16)
    with pytest.warns(UserWarning, match=r"scene a\.ply is left out: .* has no triangles"):
        last = TrainingRun(tiny, tmp_path / "run").learn(progress_bar=False)
    assert last.name == "step_000000000256"


def test_scans_none_of_which_can_be_used_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.ply").write_text(CLOUD)
    command = ["evaluate", "straight", "--scenes", str(tmp_path), "--episodes", "4", *SHORT]
    with pytest.warns(UserWarning, match="left out"):
        assert cli.main([*command, "--out", str(tmp_path / "run")]) == cli.USERS_MISTAKE
    assert "has no triangles" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_of_a_relative_path_is_exported_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_room(tmp_path / "flat.glb")
    monkeypatch.chdir(tmp_path)
    command = ["evaluate", "straight", "--scenes", "flat.glb", "--episodes", "1", *SHORT, "--out", "runs/a"]
    assert cli.main(command) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli.main(["export", "../runs/a", "--format", "tum"]) == 0
    (tmp_path / "flat.glb").rename(tmp_path / "elsewhere" / "moved.glb")
    assert cli.main(["export", "../runs/a", "--format", "tum"]) == cli.USERS_MISTAKE
    assert "were moved, say where with --scenes" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_is_printed_is_readable_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    cli.print_in_any_encoding()
    print("• 12.5 m² → 房")
    stream.flush()
    expected = {"ascii": "* 12.5 m2 -> ?", "latin-1": "* 12.5 m² -> ?", "cp1252": "• 12.5 m² -> ?"}
    written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert written.strip() == expected.get(encoding, "• 12.5 m² → 房")
