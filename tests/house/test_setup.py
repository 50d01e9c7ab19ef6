"""The set-up script finds out what a machine lacks, and installs it or says the command that does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


class Machine:
    """A clone whose .venv is ready, on a machine whose system commands are replaced by ours."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.clone, self.commands = folder / "clone", folder / "bin"
        shutil.copytree(repository / "launch", self.clone / "launch")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(repository / name, self.clone)
        library = self.clone / ".venv/lib/python3/site-packages/open3d/pybind.so"
        library.parent.mkdir(parents=True)
        library.touch()
        (self.clone / ".venv/bin").mkdir()
        (self.clone / ".venv/bin/python").symlink_to(sys.executable)
        self.commands.mkdir()
        self.fake("uname", "echo Linux")
        stamp = "cat pyproject.toml constraints.txt <(pwd) | cksum > .venv/robonav-ready-dev"
        subprocess.run(["bash", "-c", stamp], cwd=self.clone, check=True)

    def fake(self, command: str, script: str) -> None:
        """Put a command of our own before the machine's."""
        path = self.commands / command
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def misses(self, *libraries: str) -> None:
        """Let the dynamic linker miss these libraries."""
        lines = "".join(f"echo '    {name} => not found';" for name in libraries)
        self.fake("ldd", f"echo '    libc.so.6 => libc.so.6 (0x0)'; {lines}")

    def user(self, number: int) -> None:
        """Be this user; apt-get only notes what it was asked to do."""
        self.fake("id", f"echo {number}")
        self.fake("apt-get", f'echo "$*" >> {self.commands}/apt.log')

    def asked_apt(self) -> list[str]:
        log = self.commands / "apt.log"
        return log.read_text().splitlines() if log.exists() else []

    def set_up(self) -> subprocess.CompletedProcess[str]:
        return self.run("source launch/setup.sh")

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "EXTRAS": "dev",
        }
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def machine(tmp_path: Path, repository: Path) -> Machine:
    return Machine(tmp_path, repository)


def test_a_machine_that_is_ready_is_left_alone(machine: Machine) -> None:
    machine.misses()
    machine.user(0)
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.asked_apt() == []


def test_root_gets_the_missing_system_packages(machine: Machine) -> None:
    machine.misses("libGL.so.1", "libusb-1.0.so.0")
    machine.user(0)
    assert machine.set_up().returncode == 0
    update, install = machine.asked_apt()
    assert update.startswith("update")
    assert install.split()[-2:] == ["libgl1", "libusb-1.0-0"]


def test_others_are_told_the_command(machine: Machine) -> None:
    machine.misses("libX11.so.6")
    machine.user(1000)
    done = machine.set_up()
    assert done.returncode == 1
    assert "sudo apt-get install libx11-6" in done.stderr
    assert machine.asked_apt() == []


@pytest.mark.parametrize(
    ("user", "installed"), [(0, ["install -y -qq --no-install-recommends chromium"]), (1000, [])]
)
def test_tests_get_a_browser_where_that_is_allowed(machine: Machine, user: int, installed: list[str]) -> None:
    machine.misses()
    machine.user(user)
    bare = 'command() { [ "$2" = apt-get ]; }'  # no browser is found, apt-get is
    for found, asked in ((":", []), (bare, installed)):
        machine.fake("chromium", "exit 0")
        done = machine.run(f"source launch/setup.sh && {found} && require_browser")
        assert done.returncode == 0, done.stderr
        assert machine.asked_apt()[1:] == asked


def test_another_python_gets_an_environment_of_its_own(machine: Machine) -> None:
    """Only what the caller's command runs is faked: an interpreter that makes an environment, and its pip."""
    machine.misses()
    machine.fake("pip", f'echo "$*" >> {machine.commands}/pip.log')
    machine.fake(
        "python3.13",
        f'[ "$2" = venv ] && mkdir -p "$3/bin" && ln -s {machine.commands}/pip "$3/bin/python"; exit 0',
    )
    script = 'set -- --python 3.13 -k camera; source launch/setup.sh; echo "$VENV_PYTHON" "$@"'
    done = machine.run(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ".venv-3.13/bin/python -k camera"
    assert (machine.commands / "pip.log").read_text().splitlines()[-1].endswith("-e .[dev]")
    assert machine.run(script).stdout == ".venv-3.13/bin/python -k camera\n"  # the second time it is ready


def test_a_python_that_is_not_there_is_named(machine: Machine) -> None:
    done = machine.run("set -- --python 3.99; source launch/setup.sh")
    assert done.returncode == 1
    assert "python3.99 was not found" in done.stderr


def test_without_open3d_nothing_is_asked_of_the_system(machine: Machine) -> None:
    machine.misses("libGL.so.1")
    machine.user(1000)
    shutil.rmtree(machine.clone / ".venv/lib")
    assert machine.set_up().returncode == 0


def test_the_demo_installs_no_tools_of_developers(repository: Path) -> None:
    assert "\nEXTRAS=drive,view\n" in (repository / "launch/demo.sh").read_text()
    assert "\nEXTRAS=dev\n" in (repository / "launch/test.sh").read_text()


def test_an_unknown_library_is_named(machine: Machine) -> None:
    machine.misses("libweird.so.9")
    machine.user(0)
    done = machine.set_up()
    assert done.returncode == 1
    assert "libweird.so.9" in done.stderr


def test_an_old_python_is_refused_with_the_remedy(machine: Machine) -> None:
    old = machine.commands / "python-old"
    machine.fake("python-old", '[ "$1" = -V ] && echo "Python 3.8.1" || exit 1')
    done = subprocess.run(
        ["bash", machine.clone / "launch/setup.sh"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Python 3.10 or newer is needed" in done.stderr
    assert "Python 3.8.1" in done.stderr
