"""How do our navmesh reader and our free space compare with Habitat, in area and in geodesics?

    python benchmarks/navmesh_agreement.py

prints the numbers of docs/scenes/navmesh.md as JSON. It needs ../shared/data beside the checkout.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from robonav.envs.scenes import AgentShape, open_scenes
from robonav.envs.scenes.agreement import compare
from robonav.envs.scenes.datasets.habitat_frame import world_from_habitat
from robonav.envs.scenes.free_space import DEFAULT_AGENT
from robonav.envs.scenes.navmesh import NavMesh, navmesh_of

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SCENES = {
    "AwsSmallHouse": "hm3d/minival/00901-AwsSmallHouse",
    "AwsBookstore": "hm3d/minival/00903-AwsBookstore",
    "OsrfFirstOffice": "hm3d/minival/00908-OsrfFirstOffice",
    "AwsSmallWarehouse": "gibson/AwsSmallWarehouse",
    "TurtleBot3House": "gibson/TurtleBot3House",
}


def against_habitat(navmesh: NavMesh, name: str) -> tuple[dict[str, float], np.ndarray]:
    """The navmesh against habitat-sim on the same file: areas in m², and ours / its geodesics - 1."""
    with np.load(SHARED_DATA / "habitat_reference" / f"{name}.npz", allow_pickle=False) as reference:
        meta = json.loads(str(reference["meta"]))
        starts, ends = (world_from_habitat(reference[key]) for key in ("path_start", "path_end"))
        difference = navmesh.geodesic(starts, ends) / reference["geodesic"] - 1
    return {"area_m2": navmesh.area_m2(), "habitat_area_m2": meta["navmesh_area_m2"]}, difference


def summary(difference: np.ndarray) -> dict[str, Any]:
    """What is told of geodesic differences (N,)."""
    size = np.abs(difference)
    return {
        "ways": len(size),
        "median_pct": round(100 * float(np.median(size)), 5),
        "p95_pct": round(100 * float(np.quantile(size, 0.95)), 3),
        "longest_pct": round(100 * float(difference.max()), 5),
        "shortest_pct": round(100 * float(difference.min()), 3),
        "over_1_pct_shorter": round(100 * float(np.mean(difference < -0.01)), 1),
    }


def free_space_against_navmesh(scene_id: str, agent: AgentShape) -> dict[str, Any]:
    """One scene's own free space against the navmesh beside it."""
    folder = SHARED_DATA / "scene_datasets" / scene_id.split("/")[0]
    scene = open_scenes(str(folder), "minival", agent).load(scene_id)
    navmesh = navmesh_of(scene)
    assert scene.free_space is not None
    assert navmesh is not None
    return {key: round(value, 4) for key, value in vars(compare(scene.free_space, navmesh)).items()}


def main() -> None:
    results: dict[str, Any] = {}
    pooled = []
    for name, scene_id in SCENES.items():
        folder = SHARED_DATA / "scene_datasets" / scene_id.split("/")[0]
        navmesh = navmesh_of(open_scenes(str(folder), "minival").load(scene_id))
        assert navmesh is not None
        height, radius, _ = navmesh.agent
        areas, difference = against_habitat(navmesh, name)
        pooled.append(difference)
        results[name] = {
            "habitat": {**areas, **summary(difference)},
            "free_space_same_agent": free_space_against_navmesh(scene_id, AgentShape(radius, height)),
            "free_space_default_agent": free_space_against_navmesh(scene_id, DEFAULT_AGENT),
        }
    results["all"] = {"habitat": summary(np.concatenate(pooled))}
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
