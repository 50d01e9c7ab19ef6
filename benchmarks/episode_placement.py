"""Share of the points that habitat-sim drew on its navmesh from which an agent of ours can start.

    python benchmarks/episode_placement.py

prints the table of docs/scenes/episodes.md as JSON. It needs ../shared/data beside the checkout.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robonav.envs.episode_files.placement import SNAP_M, StartFloor
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.datasets.habitat_frame import world_from_habitat

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SCENES = {
    "AwsSmallHouse": "hm3d/minival/00901-AwsSmallHouse",
    "AwsBookstore": "hm3d/minival/00903-AwsBookstore",
    "OsrfFirstOffice": "hm3d/minival/00908-OsrfFirstOffice",
    "AwsSmallWarehouse": "gibson/AwsSmallWarehouse",
    "TurtleBot3House": "gibson/TurtleBot3House",
}


@dataclass(frozen=True)
class Placement:
    """Placement of the ends of a scene's reference paths.

    Attributes:
        points: Number of ends.
        free: Share that is free as it is.
        placed: Share that is free, or has free floor within 0.25 m.
        farthest_m: Distance by which the farthest of them was moved.
    """

    points: int
    free: float
    placed: float
    farthest_m: float


def measure(name: str, data: Path = SHARED_DATA) -> Placement:
    """Place both ends of all paths of one scene."""
    dataset = SCENES[name].split("/")[0]
    free_space = open_scenes(str(data / "scene_datasets" / dataset)).load(SCENES[name]).free_space
    assert free_space is not None
    with np.load(data / "habitat_reference" / f"{name}.npz", allow_pickle=False) as reference:
        points = world_from_habitat(np.concatenate([reference["path_start"], reference["path_end"]]))
    snapped = StartFloor(free_space).snap(points.tolist())
    placed = np.array([reason == "" for reason in snapped.reasons])
    assert np.all(free_space.island_at(snapped.xy[placed]) > 0)
    moved = np.linalg.norm(snapped.xy - points[:, :2], axis=1)[placed]
    assert moved.max() <= SNAP_M
    return Placement(
        points=len(points),
        free=float(np.count_nonzero(moved == 0) / len(points)),
        placed=float(placed.mean()),
        farthest_m=float(moved.max()),
    )


def main() -> None:
    """Measure all scenes."""
    print(json.dumps({name: asdict(measure(name)) for name in SCENES}, indent=2))


if __name__ == "__main__":
    main()
