"""Any other data set for Habitat: a folder whose *.scene_dataset_config.json lists its stages."""

from __future__ import annotations

from pathlib import Path

from robonav.envs.scenes.datasets.dataset_config import CONFIG_SUFFIX, stages_of
from robonav.envs.scenes.meshes.scenes import SceneFile


def discover(path: Path, split: str) -> list[SceneFile] | None:
    """The stages that a config lists; `path` is the config or its folder. Such sets have no splits.

    Raises:
        SceneError: A config is damaged.
    """
    if path.is_file():
        configs = [path] if path.name.endswith(CONFIG_SUFFIX) else []
    else:
        configs = sorted(path.glob(f"*{CONFIG_SUFFIX}"))
    files = {file.scene_id: file for config in configs for file in stages_of(config)}
    return list(files.values()) or None
