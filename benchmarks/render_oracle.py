"""Error of our RGB-D frames against those that habitat-sim rendered of the same scenes at the same poses.

    python benchmarks/render_oracle.py

prints the table of frames (docs/sensors.md) and that of our free space against Habitat's navmesh
(docs/lab-notes/sensors.md). It needs ../shared/data beside the checkout.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes import AgentShape, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SCENES = {
    "AwsSmallHouse": "hm3d/minival/00901-AwsSmallHouse",
    "AwsBookstore": "hm3d/minival/00903-AwsBookstore",
    "OsrfFirstOffice": "hm3d/minival/00908-OsrfFirstOffice",
    "AwsSmallWarehouse": "gibson/AwsSmallWarehouse",
    "TurtleBot3House": "gibson/TurtleBot3House",
}
AGREE_M = 0.05


@dataclass(frozen=True)
class Agreement:
    """Our frames against the reference, over every pixel of its 24 frames of 128 x 128: none is left out.

    Attributes:
        median_depth_m: Median absolute depth error where both have a return.
        within_5cm: Share of all pixels whose depths differ by less than 5 cm (no return = 0 m).
        return_disagrees: Share of all pixels where only one of the two has a return.
        rgb_error: Mean absolute error of the 0-255 channels where both have a return and depth agrees.
    """

    median_depth_m: float
    within_5cm: float
    return_disagrees: float
    rgb_error: float


def world_from_habitat(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Habitat's world (x right, y up, -z forward) to robonav's (x forward, y left, z up), (N, 3)."""
    return np.stack([-points[:, 2], -points[:, 0], points[:, 1]], axis=1)


def compare(name: str, data: Path = SHARED_DATA) -> Agreement:
    """Render one scene at the reference's poses; a yaw is the same angle in both worlds."""
    dataset = SCENES[name].split("/")[0]
    scene = open_scenes(str(data / "scene_datasets" / dataset), split="minival").load(SCENES[name])
    with np.load(data / "habitat_reference" / f"{name}.npz", allow_pickle=False) as reference:
        their_rgb, their_depth = reference["rgb"], reference["depth"].astype(np.float32)
        positions, yaws = world_from_habitat(reference["position"]), reference["yaw"]
    camera = Camera(width=128, height=128, hfov_deg=90, height_m=1.25)
    rgb, depth = RaycastSensor(scene, camera, threads=1).render(camera.poses(positions, yaws))
    error = np.abs(depth - their_depth)
    both = (depth > 0) & (their_depth > 0)
    difference = np.abs(rgb.astype(np.int16) - their_rgb)
    return Agreement(
        median_depth_m=float(np.median(error[both])),
        within_5cm=float((error < AGREE_M).mean()),
        return_disagrees=float(((depth > 0) != (their_depth > 0)).mean()),
        rgb_error=float(difference[both & (error < AGREE_M)].mean()),
    )


@dataclass(frozen=True)
class FloorAgreement:
    """Our free space against the navmesh that Habitat baked of the same scene for the same agent.

    Attributes:
        navmesh_free: Share of points on the navmesh's floor that lie on our island 1.
        area_m2: Area of our island 1.
        navmesh_area_m2: Area of Habitat's whole navmesh, which may include roofs and tables.
        floor_z: Height of our floor in the world frame, metres.
    """

    navmesh_free: float
    area_m2: float
    navmesh_area_m2: float
    floor_z: float


def compare_floor(name: str, data: Path = SHARED_DATA) -> FloorAgreement:
    """Look the reference's navigable points up in our raster; its navmeshes are for a radius of 0.1 m."""
    dataset = SCENES[name].split("/")[0]
    scenes = open_scenes(str(data / "scene_datasets" / dataset), "minival", AgentShape(radius_m=0.1))
    free_space = scenes.load(SCENES[name]).free_space
    assert free_space is not None
    with np.load(data / "habitat_reference" / f"{name}.npz", allow_pickle=False) as reference:
        points = np.concatenate([reference[key] for key in ("position", "path_start", "path_end")])
        meta = json.loads(str(reference["meta"]))
    return FloorAgreement(
        navmesh_free=float(np.mean(free_space.island_at(world_from_habitat(points)[:, :2]) == 1)),
        area_m2=free_space.area_m2(),
        navmesh_area_m2=meta["navmesh_area_m2"],
        floor_z=free_space.floor_z,
    )


def main() -> None:
    print(
        "| scene | median depth error, mm | depth within 5 cm, % | return in only one, % | RGB error, 0-255 |"
    )
    print("|---|---|---|---|---|")
    for name in SCENES:
        a = compare(name)
        print(
            f"| {name} | {1e3 * a.median_depth_m:.2f} | {100 * a.within_5cm:.3f} "
            f"| {100 * a.return_disagrees:.3f} | {a.rgb_error:.2f} |"
        )
    print(
        "\n| scene | navmesh points that are free, % | our island, m² | their navmesh, m² | our floor z, m |"
    )
    print("|---|---|---|---|---|")
    for name in SCENES:
        f = compare_floor(name)
        print(
            f"| {name} | {100 * f.navmesh_free:.1f} | {f.area_m2:.0f} "
            f"| {f.navmesh_area_m2:.0f} | {f.floor_z:.2f} |"
        )


if __name__ == "__main__":
    main()
