"""Small Habitat episode files written by hand from habitat-lab's field names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

NORTH = [0.0, 0.0, 0.0, 1.0]  # looks along Habitat's -z


def point_episode(episode_id: int | str = 0, **other: Any) -> dict[str, Any]:
    """A PointNav episode 1 m right, 0.1 m up and 2 m ahead of the origin, turned 90° to the left."""
    return {
        "episode_id": episode_id,
        "scene_id": "data/scene_datasets/gibson/Room.glb",
        "start_position": [1.0, 0.1, -2.0],
        "start_rotation": [0.0, 0.5**0.5, 0.0, 0.5**0.5],
        "info": {"geodesic_distance": 2.5, "difficulty": "easy"},
        "goals": [{"position": [1.0, 0.1, -4.5], "radius": None}],
        "shortest_paths": None,
        **other,
    }


def table() -> dict[str, Any]:
    """An object 1 m ahead of the origin with one view point and one picture, both from the origin."""
    return {
        "position": [0.0, 1.0, -1.0],
        "object_id": 7,
        "object_category": "table",
        "view_points": [{"agent_state": {"position": [0.0, 0.0, 0.0], "rotation": NORTH}, "iou": 0.5}],
        "image_goals": [
            {"position": [0.0, 1.0, 0.0], "rotation": NORTH, "hfov": 90, "image_dimensions": [48, 64]}
        ],
    }


def write(path: Path, content: Any) -> Path:
    """Any content as .json.gz or .json, by the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
