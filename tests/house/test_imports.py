"""Imports go one way, and the contract that says so notices when they do not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LINTER = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """The package as one tree, as it is installed."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "robonav", tmp_path / "robonav", ignore=ignore)  # links are followed
    return tmp_path


def verdict(tree: Path, repository: Path) -> subprocess.CompletedProcess[str]:
    command = [LINTER, "--no-logo", "--no-cache", "--config", repository / "pyproject.toml"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60)


def test_the_package_keeps_its_contracts(tree: Path, repository: Path) -> None:
    done = verdict(tree, repository)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("where", "forbidden"),
    [
        ("maps", "from robonav.envs.scenes.scene import Scene"),
        ("envs", "from robonav.maps.planning import *"),
        ("envs", "from robonav.errors import UsageError"),
        ("rewards", "from robonav.launch import cli"),
        ("rewards", "from robonav.policies.sequence import SequencePolicy"),
        ("planners", "from robonav.agents.registry import make_explorer"),
        ("algorithms", "from robonav.training.run import TrainingRun"),
        ("evaluation", "from robonav.driving.driver import Driver"),
        ("driving", "from robonav.viewer.live import LiveViewer"),
        ("maps", "import torch"),
    ],
)
def test_a_forbidden_import_is_noticed(tree: Path, repository: Path, where: str, forbidden: str) -> None:
    (tree / "robonav" / where / "trespasser.py").write_text(f'"""Goes where it may not."""\n\n{forbidden}\n')
    done = verdict(tree, repository)
    assert done.returncode == 1, done.stdout
    assert f"robonav.{where}.trespasser" in done.stdout


def test_a_new_part_must_be_given_its_place(tree: Path, repository: Path) -> None:
    (tree / "robonav" / "newcomer.py").write_text('"""Belongs to no layer yet."""\n')
    done = verdict(tree, repository)
    assert done.returncode == 1
    assert "newcomer" in done.stdout
