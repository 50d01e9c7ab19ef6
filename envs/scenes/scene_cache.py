"""A cache of loaded scenes on disk, keyed by the content of their file and by the loading code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from robonav.envs.scenes.array_cache import ArrayCache, Arrays
from robonav.envs.scenes.meshes.mesh_file import warn_of_what_is_not_shown
from robonav.envs.scenes.meshes.side_files import SideFiles, digest_of
from robonav.envs.scenes.pyramids import TexturePyramids
from robonav.envs.scenes.scene import FreeSpace, Scene

# What decides how a file is read, beside the code in this folder; absent ones count too.
_LIBRARIES = ("embreex", "numpy", "opengl-basisu", "pillow", "scipy", "trimesh", "warp-lang")
_RECORDS: dict[str, Callable[..., Any]] = {"Scene": Scene, "FreeSpace": FreeSpace}
_FACTS = "facts"


def cached_scene(path: Path, recipe: str, build: Callable[[], Scene], entries: ArrayCache) -> Scene:
    """The scene that `build` makes of a file, with free space; from the cache if it has it.

    Args:
        path: The scene's file.
        recipe: Everything that `build` depends on, apart from the file's content and the code.
        build: Loads the scene; its metadata has what `load_mesh_file` gives.
        entries: The cache.
    """
    key = hashlib.sha256(f"{digest_of(path)} {recipe} {_loader()}".encode()).hexdigest()[:32]
    arrays = entries.read(key)
    if arrays is not None:
        scene = unpack(arrays)
        if SideFiles(path).digests(scene.metadata["side_files"]) == scene.metadata["side_files"]:
            facts = scene.metadata
            warn_of_what_is_not_shown(path, facts["unread_textures"], facts["remarks"])
            return scene
    scene = build()
    pyramids = TexturePyramids.of(scene.textures)
    scene = replace(scene, pyramids=pyramids, textures=pyramids.largest_levels(len(scene.textures)))
    entries.write(key, pack(scene))
    return scene


def pack(scene: Scene) -> Arrays:
    """A scene as named arrays: its textures as pyramids, all else as it is, numbers and names as JSON.

    Raises:
        TypeError: A field has a type that the cache does not support.
    """
    assert scene.pyramids is not None
    arrays: Arrays = {"texels": scene.pyramids.texels, "texture_sizes": scene.pyramids.sizes}
    plain = replace(scene, pyramids=None, textures=())
    facts = {"scene": _described(plain, "scene", arrays), "textures": len(scene.textures)}
    return {**arrays, _FACTS: np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}


def unpack(arrays: Arrays) -> Scene:
    """The scene of `pack`; its textures stay memory-mapped, the rest is copied."""
    facts = json.loads(arrays[_FACTS].tobytes())
    pyramids = TexturePyramids.restored(arrays["texels"], arrays["texture_sizes"])
    scene = _rebuilt(facts["scene"], arrays)
    return replace(scene, pyramids=pyramids, textures=pyramids.largest_levels(facts["textures"]))


def _described(value: Any, name: str, arrays: Arrays) -> Any:
    """A value as JSON that names the arrays in it, which are added to `arrays`."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple | list):
        items = [_described(item, f"{name}.{k}", arrays) for k, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    kind = type(value).__name__
    if kind in _RECORDS:
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    elif kind != "dict":
        raise TypeError(f"{name} is a {kind}, which the scene cache does not know")
    return {kind: {key: _described(item, f"{name}.{key}", arrays) for key, item in value.items()}}


def _rebuilt(described: Any, arrays: Arrays) -> Any:
    """The value that `_described` was given."""
    if not isinstance(described, dict):
        return described
    ((kind, content),) = described.items()
    if kind == "array":
        return arrays[content].copy()
    if kind in ("tuple", "list"):
        items = [_rebuilt(item, arrays) for item in content]
        return tuple(items) if kind == "tuple" else items
    return _RECORDS.get(kind, dict)(**{key: _rebuilt(item, arrays) for key, item in content.items()})


@cache
def _loader() -> str:
    """A hash of the code that loads scenes."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    for library in _LIBRARIES:
        try:
            digest.update(f"{library} {metadata.version(library)}".encode())
        except metadata.PackageNotFoundError:
            digest.update(f"{library} absent".encode())
    return digest.hexdigest()
