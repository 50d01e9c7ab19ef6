"""Habitat's JSON configs of a data set: its stages and their axes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from robonav.envs.scenes.meshes.placing import MESH_SUFFIXES
from robonav.envs.scenes.meshes.scenes import Axes, Direction, SceneFile
from robonav.envs.scenes.scene import SceneError

CONFIG_SUFFIX, STAGE_SUFFIX = ".scene_dataset_config.json", ".stage_config.json"
_MAX_BYTES = 64 << 20
_FRONT_OF = {(0.0, 1.0, 0.0): (0.0, 0.0, -1.0), (0.0, 0.0, 1.0): (0.0, 1.0, 0.0)}  # Habitat's own defaults
_LISTED = (".json", *MESH_SUFFIXES)
_DAMAGE = (AttributeError, LookupError, NotImplementedError, OSError, RecursionError, TypeError, ValueError)
_SEMANTIC = (".semantic.glb", "_semantic.ply")  # labels painted on the mesh, not how it looks

Result = TypeVar("Result")


def configured_axes(folder: Path, default: Axes) -> Axes:
    """Axes from the first *.scene_dataset_config.json in a folder that gives them, else the default.

    Raises:
        SceneError: The config is damaged.
    """
    for path in sorted(folder.glob(f"*{CONFIG_SUFFIX}")):
        axes = _checked(path, lambda config: _axes(_stages(config).get("default_attributes", {}), default))
        if axes != default:
            return axes
    return default


def stages_of(config: Path) -> list[SceneFile]:
    """The stages that a scene_dataset_config.json lists, in the order of their paths; [] if it lists none.

    `stages.paths` maps a suffix to globs below the config's folder: of meshes, or of *.stage_config.json
    files that name a mesh and may have axes and a scale of their own. Labels (.semantic.glb) are left out.

    Raises:
        SceneError: A file is damaged, or names a file outside of the config's folder.
    """
    root = config.parent.resolve()
    defaults, paths = _checked(config, _described)
    files = []
    for suffix, patterns in paths.items():
        for path in _checked(config, partial(_matches, root, patterns, suffix)):
            if suffix == ".json":
                files.append(_stage(path, root, defaults))
            else:
                files.append(SceneFile(_name(path, root, path.suffix), path, defaults))
    return list({file.scene_id: file for file in files}.values())


def is_semantic(path: Path) -> bool:
    """Whether a mesh holds labels instead of colours."""
    return path.name.lower().endswith(_SEMANTIC)


def _checked(path: Path, read: Callable[[Any], Result]) -> Result:
    """The result of `read` for a JSON file; errors become one sentence."""
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ValueError(f"{size:,} bytes, at most {_MAX_BYTES:,} are read")
        return read(json.loads(path.read_text(encoding="utf-8")))
    except SceneError:
        raise
    except _DAMAGE as error:
        raise SceneError(
            f"{path} is damaged ({type(error).__name__}: {str(error)[:80]}): expected Habitat's JSON, with "
            "up and front as three numbers each and paths as lists of globs; mend it or download it again"
        ) from error


def _stages(config: Any) -> dict[str, Any]:
    stages = config.get("stages", {})
    if not isinstance(stages, dict):
        raise TypeError("stages is no object")
    return stages


def _described(config: Any) -> tuple[Axes, dict[str, list[str]]]:
    """Default axes and the globs of stages by suffix."""
    stages = _stages(config)
    known = {suffix: globs for suffix, globs in stages.get("paths", {}).items() if suffix in _LISTED}
    if not all(isinstance(glob, str) for globs in known.values() for glob in globs):
        raise TypeError("a path is no text")
    return _axes(stages.get("default_attributes", {}), Axes()), known


def _matches(root: Path, patterns: list[str], suffix: str, config: Any) -> list[Path]:
    """Files below the root, sorted; a folder stands for all of its files."""
    end = STAGE_SUFFIX if suffix == ".json" else suffix
    matches: set[Path] = set()
    for pattern in patterns:
        if ".." in Path(pattern).parts or Path(pattern).is_absolute():
            raise ValueError(f"{pattern} leads out of the folder")
        for found in root.glob(pattern) if pattern else ():
            files = found.iterdir() if found.is_dir() else (found,)
            matches.update(path for path in files if path.name.endswith(end) and path.is_file())
    return sorted(path for path in matches if not is_semantic(path))


def _stage(path: Path, root: Path, defaults: Axes) -> SceneFile:
    def read(config: Any) -> SceneFile:
        mesh = (path.parent / config["render_asset"]).resolve()
        if not mesh.is_relative_to(root):
            raise ValueError(f"its render_asset {config['render_asset']} is outside of {root}")
        return SceneFile(_name(path, root, STAGE_SUFFIX), mesh, _axes(config, defaults), _scale(config))

    return _checked(path, read)


def _name(path: Path, root: Path, suffix: str) -> str:
    return f"{root.name}/{path.relative_to(root).as_posix().removesuffix(suffix)}"


def _axes(attributes: dict[str, Any], default: Axes) -> Axes:
    if "up" not in attributes:
        return default
    up = _direction(attributes["up"])
    front = _direction(attributes["front"]) if "front" in attributes else _FRONT_OF[up]
    return Axes(up, front)


def _direction(values: Any) -> Direction:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _scale(config: dict[str, Any]) -> float:
    """The scale factor, which must be equal for all axes."""
    x, y, z = _direction(config.get("scale", (1, 1, 1)))
    if not (x == y == z and 0 < x < math.inf):
        raise ValueError(f"its scale is {x, y, z}, expected one positive number for all axes")
    return x
