"""`robonav doctor`: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What pip calls it, what Python calls it.
LIBRARIES = (
    ("numpy", "numpy"),
    ("torch", "torch"),
    ("warp-lang", "warp"),
    ("gymnasium", "gymnasium"),
    ("stable-baselines3", "stable_baselines3"),
    ("trimesh", "trimesh"),
    ("scikit-image", "skimage"),
    ("safetensors", "safetensors"),
    ("tensorboard", "tensorboard"),
)


@dataclass(frozen=True)
class CheckResult:
    """One thing looked at.

    Attributes:
        name: The thing that was looked at.
        status: "ok", "missing" (the main job cannot run) or "note" (it runs, this is worth knowing).
        detail: The finding.
        remedy: The command or action that mends it; empty where nothing is to be mended.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class DoctorCommand:
    """Say what is installed, what is missing, and the command that mends it.

    Casts rays, renders a frame of a generated house and puts it into a reconstruction: what training does.
    Exit code 0 if the main job can run on this machine, else 1.

    Examples:
        robonav doctor
        robonav doctor --json
        robonav doctor --clear-cache
    """

    json: bool = False
    """Print the findings as JSON instead of a table."""

    clear_cache: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """First throw out the scenes that are kept for loading them again faster."""

    out: Path = Path("runs")
    """Folder that training would write to; it is checked to be writable."""

    def run(self) -> int:
        """Print the findings; 0 if nothing is missing, else 1."""
        if self.clear_cache:
            from robonav.envs.scenes.array_cache import ArrayCache

            ArrayCache.of_user().clear()
        findings = list(examine(self.out))
        _print_json(findings) if self.json else _print_table(findings)
        return int(any(finding.status == "missing" for finding in findings))


def examine(out: Path) -> Iterator[CheckResult]:
    """Look at everything that the main job needs, in the order in which it needs it."""
    yield _python()
    yield _processor()
    for distribution, module in LIBRARIES:
        yield _library(distribution, module)
    yield _attempt("ray casting", _cast_a_ray, "embreex")
    yield _attempt("rendered frame", _render_a_frame, "robonav")
    yield _attempt("reconstruction", _reconstruct_a_frame, "warp-lang")
    yield _physics()
    yield _habitat()
    yield _physics()
    yield _gpu()
    yield _output_folder(out)
    yield _attempt("scene cache", _describe_cache, "robonav")


def _python() -> CheckResult:
    system = platform.platform(terse=True)
    return CheckResult("python", "ok", f"{platform.python_version()} on {system}, {sys.prefix}")


def _processor() -> CheckResult:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return CheckResult("processor", "ok", f"{cores} core{'s' if cores > 1 else ''}")


def _library(distribution: str, module: str) -> CheckResult:
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        return CheckResult(distribution, "missing", str(error), f"pip install {distribution}")
    except (ImportError, OSError) as error:  # a shared library of the system is missing
        remedy = f"pip install --force-reinstall {distribution}"
        return CheckResult(distribution, "missing", str(error).splitlines()[0], remedy)
    return CheckResult(distribution, "ok", str(getattr(imported, "__version__", "version unknown")))


def _attempt(name: str, do: Callable[[], str], distribution: str) -> CheckResult:
    """Do what training does, and report it; whatever goes wrong here is the finding, not a crash."""
    started = time.perf_counter()
    try:
        result = do()
    except Exception as error:
        remedy = f"pip install --force-reinstall {distribution}"
        return CheckResult(name, "missing", f"{type(error).__name__}: {error}", remedy)
    return CheckResult(name, "ok", f"{result} ({time.perf_counter() - started:.1f} s)")


def _cast_a_ray() -> str:
    import numpy as np

    from robonav.envs.scenes.rays import EmbreeRays, rays_of

    wall = np.array([[-9, -9, 2], [9, -9, 2], [0, 9, 2]], dtype=np.float32)
    rays = rays_of(wall, np.array([[0, 1, 2]]))
    ahead = np.array([[0, 0, 1]], dtype=np.float32)
    hit = float(rays.closest(np.zeros_like(ahead), ahead).distance[0])
    if abs(hit - 2.0) > 1e-4:
        raise RuntimeError(f"a wall 2 m away was seen at {hit:.3f} m")
    caster = "Embree" if isinstance(rays, EmbreeRays) else "Warp, as embreex cannot be imported"
    return f"a wall 2 m away is seen at 2 m by {caster}"


def _frame_of_a_house() -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """One RGB-D frame (1, H, W, ...) of a generated house, and its pose (1, 4, 4)."""
    import numpy as np

    from robonav.envs.scenes.procedural.houses import generate_house
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.sensors.raycast import RaycastSensor

    house = generate_house(seed=0)
    if house.free_space is None:
        raise RuntimeError("the generated house has no free space")
    xy = house.free_space.sample(np.random.default_rng(0))
    position = np.column_stack([xy, [house.free_space.floor_z]])
    camera = Camera()
    poses = camera.poses(position, np.zeros(1))
    rgb, depth = RaycastSensor(house, camera).render(poses)
    return rgb, depth, poses


def _render_a_frame() -> str:
    rgb, depth, _ = _frame_of_a_house()
    seen = float((depth > 0).mean())
    if seen < 0.5 or rgb.std() < 1.0:
        raise RuntimeError(f"only {seen:.0%} of the pixels see a surface, RGB spread {rgb.std():.1f}")
    return f"{rgb.shape[2]}x{rgb.shape[1]} RGB-D, {seen:.0%} of the pixels see a surface"


def _reconstruct_a_frame() -> str:
    import warp

    from robonav.envs.sensors.camera import Camera
    from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction

    warp.config.quiet = True
    rgb, depth, poses = _frame_of_a_house()
    height, width = depth.shape[1:]
    focal = Camera(width, height).focal
    reconstruction = Reconstruction(1, Pinhole(width, height, focal, focal, width / 2, height / 2))
    reconstruction.integrate(rgb, depth, poses)
    unknown = float(reconstruction.render(poses).unknown.mean())
    if unknown > 0.5:
        raise RuntimeError(f"{unknown:.0%} of a frame is unknown right after it was integrated")
    return f"a frame is integrated, {1 - unknown:.0%} of it is predicted back"


def _describe_cache() -> str:
    from robonav.envs.scenes.array_cache import ArrayCache

    cache = ArrayCache.of_user()
    used, limit = cache.size_bytes() / 1e9, cache.limit_bytes / 1e9
    return f"{cache.folder}: {used:.2f} of {limit:g} GB, {len(cache.entries())} scenes"


def _physics() -> CheckResult:
    """Look for physics engines; asks only whether they are installed, since loading them takes seconds."""
    from robonav.envs.physics import ENGINES, installed

    there = installed()
    if not there:
        remedy = "pip install 'robonav[drive]'"
        return CheckResult("physics", "note", "neither MuJoCo nor PyBullet; only robots need one", remedy)
    absent = [name for name in ENGINES if name not in there]
    lacking = f"; {absent[0]} is not installed, pip install {absent[0]} adds it" if absent else ""
    if absent == ["pybullet"]:
        lacking += " (where it has no wheel, a compiler builds it)"
    return CheckResult("physics", "ok", f"{' and '.join(there)}, robonav drive takes {there[0]}{lacking}")


def _habitat() -> CheckResult:
    try:
        version = importlib.import_module("habitat_sim").__version__
    except (ImportError, OSError) as error:
        absent = getattr(error, "name", None) == "habitat_sim"
        finding = "not installed" if absent else f"cannot be imported ({str(error).splitlines()[0]})"
        return CheckResult("habitat-sim", "note", f"{finding}; only --sensor habitat needs it")
    return CheckResult("habitat-sim", "ok", f"{version}, for --sensor habitat")


def _gpu() -> CheckResult:
    try:
        import torch
    except (ImportError, OSError) as error:
        return CheckResult("gpu", "note", f"unknown: {str(error).splitlines()[0]}")
    if torch.cuda.is_available():
        return CheckResult("gpu", "ok", torch.cuda.get_device_name())
    if shutil.which("nvidia-smi"):
        remedy = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu128"
        return CheckResult("gpu", "note", f"torch {torch.__version__} cannot use it", remedy)
    return CheckResult("gpu", "note", "none; robonav trains on the processor")


def _output_folder(out: Path) -> CheckResult:
    existing = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        remedy = "go to a folder of your own, or train with --out PATH"
        return CheckResult("output folder", "missing", f"{out} cannot be written: {error.strerror}", remedy)
    if free_gb < 1:
        return CheckResult("output folder", "note", f"{out}: only {free_gb:.1f} GB free", "free some space")
    return CheckResult("output folder", "ok", f"{out} is writable, {free_gb:.0f} GB free")


def _print_json(findings: list[CheckResult]) -> None:
    import robonav

    print(json.dumps({"robonav": robonav.__version__, "findings": [asdict(f) for f in findings]}, indent=2))


def _print_table(findings: list[CheckResult]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colors = {"ok": "green", "missing": "bold red", "note": "yellow"}
    table = Table(box=None, pad_edge=False)
    for column in ("", "looked at", "found"):
        table.add_column(column)
    for finding in findings:
        status = f"[{colors[finding.status]}]{finding.status}[/]"
        table.add_row(status, finding.name, escape(finding.detail))
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(table)
    remedies = dict.fromkeys(finding.remedy for finding in findings if finding.remedy)
    for remedy in remedies:
        console.print(f"  mend: {remedy}", markup=False, highlight=False)
    if any(finding.status == "missing" for finding in findings):
        console.print("robonav cannot train here yet.")
    else:
        console.print("robonav can train and evaluate here.")
