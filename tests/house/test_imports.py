"""Imports go one way, and the contract that says so notices when they do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import networkx
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


def test_no_file_is_in_a_cycle_of_imports(tree: Path) -> None:
    code = "import grimp, json; g = grimp.build_graph('robonav', cache_dir=None); "
    code += "print(json.dumps([[m, t] for m in g.modules for t in g.find_modules_directly_imported_by(m)]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    graph = networkx.DiGraph(json.loads(done.stdout))
    assert not [sorted(files) for files in networkx.strongly_connected_components(graph) if len(files) > 1]
