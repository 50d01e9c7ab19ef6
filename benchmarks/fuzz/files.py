"""Small intact files for every reader."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from tests.envs.episode_files.habitat_files import point_episode, table, write


def write_box(path: Path) -> None:
    """A textured box of 6 x 4 x 2.5 m; a .ply gets vertex colours."""
    box = trimesh.creation.box(extents=(6, 4, 2.5))
    image = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))
    if path.suffix == ".ply":
        box.visual = trimesh.visual.ColorVisuals(box, vertex_colors=np.tile([200, 9, 9, 255], (8, 1)))
    else:
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image)
        if path.suffix == ".obj":
            material = material.to_simple()
        box.visual = trimesh.visual.TextureVisuals(uv=box.vertices[:, :2], material=material)
    scene = trimesh.Scene(box)
    if path.suffix == ".gltf":
        for name, content in scene.export(file_type="gltf").items():
            (path.parent / name.replace("model.gltf", path.name)).write_bytes(content)
    elif path.stem == "ascii":
        path.write_bytes(box.export(file_type="ply", encoding="ascii"))
    else:
        (scene if path.suffix == ".glb" else box).export(path)


def write_basis(folder: Path) -> None:
    """The same box with a KTX2 texture in the manner of HM3D."""
    path = folder / "a.gltf"
    write_box(path)
    header = json.loads(path.read_text())
    header["images"] = [{"uri": "flag.ktx2", "mimeType": "image/ktx2"}]
    header["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]
    path.write_text(json.dumps(header))
    (folder / "flag.ktx2").write_bytes(base64.b64decode(FLAG_KTX2))


def write_dataset(folder: Path) -> None:
    stages = {"default_attributes": {"up": [0, 0, 1], "front": [0, 1, 0]}}
    stages |= {"paths": {".glb": ["*/*.glb"], ".json": ["stages"]}}  # type: ignore[dict-item]
    (folder / "a.scene_dataset_config.json").write_text(json.dumps({"stages": stages}))
    (folder / "stages").mkdir()
    write_box(folder / "stages" / "a.glb")
    stage = {"render_asset": "a.glb", "up": [0, 1, 0], "front": [0, 0, -1], "scale": [2, 2, 2]}
    (folder / "stages" / "b.stage_config.json").write_text(json.dumps(stage))


def write_results(folder: Path) -> None:
    lines = [{"episode_id": f"house/{k}", "scene_id": "house", "seed": k, "steps": 3} for k in range(3)]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "settings.json").write_text(json.dumps({"episodes": 3, "seed": 0}))


def write_checkpoint(folder: Path) -> None:
    from gymnasium import spaces

    from robonav.agents.checkpoint import save_checkpoint
    from robonav.envs.navigation.world import observation_space
    from robonav.envs.sensors.camera import Camera
    from robonav.perception.predictor import PredictorConfig
    from robonav.policies.config import SequencePolicyConfig
    from robonav.policies.sequence import SequencePolicy

    predictor = PredictorConfig(channels=(2, 2, 2, 2), column=2, squeezed=2)
    config = SequencePolicyConfig(width=8, blocks=1, heads=1, window=4, predictor=predictor)
    policy = SequencePolicy(observation_space(Camera(64, 64)), spaces.Discrete(3), config)
    save_checkpoint(folder / "step_1", policy, {}, {"scenes": "procedural"}, {"steps": 1})


def write_habitat_episodes(folder: Path) -> None:
    """The four kinds of files, packed and not, and an index beside its content."""
    to_object = {"goals": [], "object_category": "table"}
    by_category = {
        "episodes": [point_episode(**to_object)],
        "goals_by_category": {"Room.glb_table": [table()]},
    }
    to_picture = {"goals": [], "goal_object_id": "7", "goal_image_id": 0, "object_category": "table"}
    write(folder / "image.json", {"episodes": [point_episode(**to_picture)], "goals": {"Room_7": table()}})
    write(folder / "index.json", {"episodes": []})
    write(folder / "content" / "object.json.gz", by_category)
    write(folder / "content" / "point.json.gz", {"episodes": [point_episode(k) for k in range(2)]})


def write_episode_list(folder: Path) -> None:
    from robonav.envs.episode_files import EpisodeList
    from robonav.envs.episode_files.episode_list import ListedEpisode, ListedGoal

    goals = (ListedGoal((1.0, 2.0, 0.0), "table", 1.0),)
    episodes = [ListedEpisode(f"house/{k}", "house", k, (1.0, 2.0, 0.5), goals, 3.5) for k in range(3)]
    EpisodeList({"house": "01e420b0df0c744d"}, episodes).write(folder / "a.jsonl")


# A 16 x 16 flag, red above blue with a green corner at the top left, as UASTC in KTX2.
FLAG_KTX2 = (
    "q0tUWCAyMLsNChoKAAAAAAEAAAAQAAAAEAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAaAAAACwAAACUAAAALAAAAAAAAAAAAAAAAAAA"
    "AAAAAADAAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAsAAAAAAAAAAIAKACmAQIAAwMAABAAAAAAAAAAAAB/AAAAAAAAAAAA/////x8A"
    "AABLVFh3cml0ZXIAQmFzaXMgVW5pdmVyc2FsIDIuMTAAAAQAAAB/fwAAF+Af4B8CDwAAAAAAAAAAAPcfAOAfegAAAAAAAAAAAAD3"
    "HwDgH3oAAAAAAAAAAAAA9x8A4B96AAAAAAAAAAAAAPcfAOAfegAAAAAAAAAAAAD3HwDgH3oAAAAAAAAAAAAA9x8A4B96AAAAAAAA"
    "AAAAAPcfAOAfegAAAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAABcA4P8fAuABAAAAAAAAAAAXAOD/HwLg"
    "AQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAABcA4P8fAuABAAAAAAAAAAAXAOD/HwLgAQAAAAAAAAAAFwDg/x8C4AEAAAAAAAAAAA=="
)
