"""Promises of the command line: quick help, one sentence for a user's mistake, telling exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import robonav
from robonav.launch import cli, doctor
from robonav.launch.doctor import DoctorCommand


def run(*args: str) -> int:
    """The exit code of one command line, whether it returns or leaves."""
    try:
        return cli.main(args)
    except SystemExit as leaving:
        return int(leaving.code or 0)


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"robonav {robonav.__version__}\n"


def test_help_names_every_command_and_loads_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from robonav.launch import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'embreex', 'warp', 'stable_baselines3', 'scipy', 'matplotlib', 'trimesh'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in ("train", "evaluate", "demo", "doctor"))
    assert "loaded: []" in done.stdout


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "usage: robonav" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_of_a_command_has_an_example_that_parses(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--help") == 0
    examples = re.findall(rf"^ +robonav ({command}\b.*)$", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        assert isinstance(cli.parse(example.split()), cli.COMMANDS[command])


@pytest.mark.parametrize(
    "mistake",
    [
        ("trian", "nano"),
        ("train",),
        ("train", "guided", "--setps", "5"),
        ("train", "guided", "--steps", "many"),
    ],
)
def test_a_mistyped_command_line_exits_2(mistake: tuple[str, ...]) -> None:
    assert run(*mistake) == 2


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (("train", "nosuch"), "nosuch"),
        (("train", "guided", "--num-envs", "0"), "num_envs"),
        (("train", "guided", "--steps", "0"), "steps"),
        (("train", "guided", "--device", "abacus"), "abacus"),
        (("train", "guided", "--scenes", "nosuch.glb"), "nosuch.glb"),
        (("evaluate", "nosuch"), "nosuch"),
        (("evaluate", "random", "--scenes", "nosuch.glb"), "nosuch.glb"),
        (("evaluate", "random", "--scenes", "empty"), "empty"),
        (("evaluate", "random", "--scenes", "cut.glb"), "cut.glb"),
        (("evaluate", "random", "--episodes", "0"), "episodes"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_leaves_nothing_behind(
    mistake: tuple[str, ...],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("cut.glb").write_bytes(b"glTF\x02\x00\x00\x00\xff\xff")
    assert run(*mistake, "--out", "results") == 2
    error = capsys.readouterr().err
    assert error.startswith("robonav: error: ")
    assert named in error
    assert error.count("\n") == 1
    assert not Path("results").exists()


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBONAV_DEBUG", "1")
    with pytest.raises(ValueError, match="nosuch"):
        run("train", "nosuch")


def test_a_defect_of_ours_is_not_dressed_up_as_a_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(self: DoctorCommand) -> int:
        raise ValueError("shapes do not match")

    monkeypatch.setattr(DoctorCommand, "run", defect)
    with pytest.raises(ValueError, match="shapes do not match"):
        run("doctor")


def test_ctrl_c_exits_130_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: DoctorCommand) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(DoctorCommand, "run", interrupted)
    assert run("doctor") == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    program = "from robonav.launch import cli; raise SystemExit(cli.main(['scenes', 'list', 'procedural']))"
    command = f'{sys.executable} -c "{program}" | head -1'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:3] == ["kind", "scene", "triangles"]


def test_help_that_is_cut_off_is_no_error() -> None:
    program = "from robonav.launch import cli; raise SystemExit(cli.main(['--help']))"
    for reader in ("head -1", "true"):
        command = f'{sys.executable} -c "{program}" | {reader}'
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_full_or_forbidden_disk_names_the_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(DoctorCommand, "run", lambda self: (file / "run").mkdir())
    assert run("doctor") == 2
    assert capsys.readouterr().err == f"robonav: error: {file / 'run'}: Not a directory\n"


def test_doctor_finds_this_machine_fit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("doctor", "--json", "--out", str(tmp_path / "runs")) == 0
    findings = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["ray casting"]["status"] == "ok"
    assert findings["reconstruction"]["status"] == "ok"
    assert not [f for f in findings.values() if f["status"] == "missing"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (["mujoco", "pybullet"], "mujoco and pybullet, robonav drive takes mujoco"),
        (["pybullet"], "robonav drive takes pybullet; mujoco is not installed"),
        ([], "neither MuJoCo nor PyBullet"),
    ],
)
def test_doctor_says_which_physics_engines_are_there(
    there: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robonav.envs import physics

    monkeypatch.setattr(physics, "installed", lambda: there)
    finding = doctor._physics()
    assert told in finding.detail
    assert finding.status == ("ok" if there else "note")
    assert ("robonav[drive]" in finding.remedy) == (not there)


def test_doctor_names_the_command_that_mends_a_missing_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", (("no-such-library", "no_such_library"),))
    assert run("doctor") == 1
    assert "pip install no-such-library" in capsys.readouterr().out


def test_doctor_notices_a_library_that_the_system_cannot_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "broken_library.py").write_text("raise OSError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(doctor, "LIBRARIES", (("broken", "broken_library"),))
    assert run("doctor") == 1
    assert "libGL.so.1" in capsys.readouterr().out


def test_doctor_refuses_a_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert run("doctor", "--out", str(file / "runs")) == 1
    assert "cannot be written" in capsys.readouterr().out


def test_a_machine_without_gpu_is_not_warned_about_it(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from robonav.launch.warp_start import start_warp\n"
        "start_warp()\n"
        "os.write(2, b'still heard')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "still heard"
