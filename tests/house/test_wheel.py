"""`pip install` gives one package, whole, that works far away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wheel")

PARTS = {"maps": "robonav/maps", "envs": "robonav/envs", "launch": "robonav/launch", "robonav": "robonav"}


def call(*command: str | Path, folder: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, out of reach of the checkout; shows its output where it fails."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(c) for c in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )
    if check and done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the source distribution, as `python -m build` does it."""
    return built(sdist, tmp_path_factory.mktemp("from_sdist"))


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from a copy of the sources so that no stale build folder takes part."""
    source = tmp_path_factory.mktemp("source") / "robonav"
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(repository / part, source / part, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    build = ("-m", "build", "--sdist", "--no-isolation", "--outdir", "dist", ".")
    call(sys.executable, *build, folder=source)
    return next((source / "dist").glob("robonav-*.tar.gz"))


def built(sdist: Path, folder: Path) -> Path:
    """The wheel of a source distribution."""
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist")
    call(sys.executable, *build, str(sdist), folder=folder)
    return next((folder / "dist").glob("robonav-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an empty environment with this wheel.

    Its dependencies are those that the tests run with: a .pth file points there, after the environment's own
    packages. Only plain folders are found that way, so the checkout's editable install stays out of reach.
    """
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, symlinks=True)
    variables = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", variables))
    scripts = Path(sysconfig.get_path("scripts", "venv", variables))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = (
        "-m",
        "pip",
        "--python",
        str(scripts / "python"),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    )
    call(sys.executable, *install, "--ignore-installed", str(wheel), folder=home)
    return scripts


def test_only_robonav_lands_in_site_packages(wheel: Path) -> None:
    top_level = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top_level if not name.endswith(".dist-info")} == {"robonav"}


def test_every_source_file_is_in_the_wheel(wheel: Path, repository: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"{where}/{path.relative_to(repository / part).as_posix()}"
        for part, where in PARTS.items()
        for suffix in ("py", "h", "jinja", "typed", "urdf")
        for path in (repository / part).rglob(f"*.{suffix}")
    }
    assert not wanted - packed


def test_each_file_is_there_once(wheel: Path, sdist: Path) -> None:
    in_wheel = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")]
    with tarfile.open(sdist) as archive:
        in_sdist = [m.name for m in archive.getmembers() if m.isfile() and m.name.endswith(".py")]
    for names in (in_wheel, in_sdist):
        assert len([name for name in names if name.endswith("envs/vec_env.py")]) == 1
        assert len([name for name in names if name.endswith("maps/occupancy.py")]) == 1
        assert len(names) == len(set(names))


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    licence = next(name for name in archive.namelist() if name.endswith("LICENSE"))
    assert b"MIT License" in archive.read(licence)


def test_robonav_is_imported_from_the_wheel_and_not_from_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    program = "import robonav.maps, robonav.envs, robonav.launch as m; print(m.__file__); import maps"
    done = call(installed / "python", "-c", program, folder=tmp_path, check=False)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)
    assert "No module named 'maps'" in done.stderr


def test_help_and_doctor_work_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert "evaluate" in call(installed / "robonav", "--help", folder=tmp_path).stdout
    assert "can train and evaluate here" in call(installed / "robonav", "doctor", folder=tmp_path).stdout


def test_the_installed_package_trains_and_evaluates(installed: Path, tmp_path: Path) -> None:
    robonav = installed / "robonav"
    call(robonav, "train", "nano", "--steps", "1024", "--num-envs", "2", "--out", "run", folder=tmp_path)
    call(robonav, "evaluate", "run", "--episodes", "1", "--steps", "128", "--out", "results", folder=tmp_path)
    assert {"episodes.jsonl", "summary.json", "report.html"} <= {
        p.name for p in (tmp_path / "results").iterdir()
    }
