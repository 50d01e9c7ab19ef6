"""Contract of a sensor, held on our renderers and on the habitat-sim backend over a stand-in for it.

The stand-in reads the mesh file itself and renders in Habitat's own frame, so a wrong conversion shows.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD
from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.meshes.scenes import Axes, MeshScenes, SceneFile
from robonav.envs.scenes.scene import Scene, SceneError
from robonav.envs.sensors import SensorName
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.habitat import sensor as habitat
from robonav.envs.sensors.raster.sensor import RasterSensor
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import SENSORS, render_views
from robonav.envs.world import Episode
from robonav.launch import cli
from robonav.launch.evaluate import EvaluateCommand
from robonav.training.config import TrainConfig
from tests.worlds import SIZE, box_room

CAMERA = Camera(width=48, height=36, hfov_deg=70)
DEFAULT_AXES = Axes()
SHORT = ("--episodes", "1", "--steps", "4", "--threads", "1")


@pytest.fixture
def habitat_sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if habitat-sim were installed; the processes that it runs in look where we do."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "fake_habitat"))
    yield
    for process in list(habitat._open.values()):
        process.close()
    habitat._open.clear()
    assert not multiprocessing.active_children(), "every simulator was ended"


def room_file(path: Path, axes: Axes = DEFAULT_AXES, scale: float = 1.0, shade: int = 0) -> SceneFile:
    """A coloured room with a pillar in one corner, written as a file of these axes and this unit."""
    room = box_room(shade=shade)
    pillar = trimesh.creation.box(extents=(0.5, 0.3, 1.2))
    pillar.apply_translation((5.0, 3.0, 0.6))
    corners = np.concatenate([room.vertices[room.triangles], pillar.triangles])
    colors = np.concatenate([room.corner_colors[:, 0], np.full((12, 3), 240 - shade)]).astype(np.uint8)
    up, front = np.array(axes.up or (0, 1, 0)), np.array(axes.front or (0, 0, -1))
    file_from_world = np.stack([front, np.cross(up, front), up], axis=1)
    vertices = corners.reshape(-1, 3) @ file_from_world.T / scale
    mesh = trimesh.Trimesh(vertices, np.arange(len(vertices)).reshape(-1, 3), process=False)
    mesh.visual.vertex_colors = np.column_stack([np.repeat(colors, 3, axis=0), np.full(len(vertices), 255)])
    mesh.export(path)
    return SceneFile(path.stem, path, axes, scale)


def load(file: SceneFile) -> Scene:
    return MeshScenes([file]).load(file.scene_id)


def poses(count: int, seed: int = 0) -> np.ndarray:
    """Cameras anywhere in the room, turned about all three axes."""
    rng = np.random.default_rng(seed)
    T = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    T[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    T[:, :3, 3] = rng.uniform(0.3, 0.7, (count, 3)) * SIZE
    return T


AXES = {
    "gltf": Axes(),
    "hm3d": Axes((0, 0, 1), (0, 1, 0)),
    "odd": Axes((1, 0, 0), (0, 0, 1)),
}


@pytest.mark.parametrize("kind", [RaycastSensor, RasterSensor, habitat.HabitatSensor])
@pytest.mark.parametrize(("axes", "scale"), [("gltf", 1.0), ("hm3d", 1.0), ("odd", 0.01)])
@pytest.mark.usefixtures("habitat_sim")
def test_every_sensor_sees_the_same_room(
    kind: type[RaycastSensor], axes: str, scale: float, tmp_path: Path
) -> None:
    scene = load(room_file(tmp_path / "room.glb", AXES[axes], scale))
    expected_rgb, expected_depth = RaycastSensor(scene, CAMERA, 1).render(poses(12))
    sensor = kind(scene, CAMERA, 1)
    rgb, depth = sensor.render(poses(12))
    assert (rgb.shape, rgb.dtype) == ((12, 36, 48, 3), np.uint8)
    assert (depth.shape, depth.dtype) == ((12, 36, 48), np.float32)
    assert (np.abs(depth - expected_depth) < 2e-3).mean() > 0.999
    assert (np.abs(rgb.astype(int) - expected_rgb).max(axis=-1) <= 2).mean() > 0.995
    sensor.close()


@pytest.mark.parametrize("kind", [RaycastSensor, RasterSensor, habitat.HabitatSensor])
@pytest.mark.usefixtures("habitat_sim")
def test_every_sensor_keeps_its_other_promises(kind: type[RaycastSensor], tmp_path: Path) -> None:
    scene = load(room_file(tmp_path / "room.glb"))
    sensor = kind(scene, CAMERA, 1)
    none_rgb, none_depth = sensor.render(np.zeros((0, 4, 4)))
    assert (none_rgb.shape, none_depth.shape) == ((0, 36, 48, 3), (0, 36, 48))
    first_rgb, first_depth = sensor.render(poses(3))
    kept = first_rgb.copy(), first_depth.copy()
    again = sensor.render(poses(3))
    sensor.render(poses(3, seed=1))
    for frames in (
        (first_rgb, first_depth),
        again,
    ):  # neither changes with later frames, nor from call to call
        np.testing.assert_array_equal(frames[0], kept[0])
        np.testing.assert_array_equal(frames[1], kept[1])
    outside = np.eye(4)[None].copy()
    outside[0, :3, 3] = (0, 0, 50)  # looks up, where nothing is
    rgb, depth = sensor.render(outside)
    assert not rgb.any()
    assert not depth.any()
    middle, wall = np.array([[1.0, 1.0, 1.0]]), np.array([[0.0, 1.0, 1.0]])
    np.testing.assert_allclose(sensor.distances(middle, np.array([[-1.0, 0, 0]])), 1.0, atol=1e-5)
    assert not sensor.is_occluded(middle, wall)[0]
    sensor.close()
    sensor.close()
    np.testing.assert_array_equal(sensor.render(poses(3))[0], kept[0])
    sensor.close()


@pytest.mark.usefixtures("habitat_sim")
def test_scenes_are_shown_side_by_side_and_the_longest_unseen_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process cannot hold two simulators: the stand-in would end it."""
    monkeypatch.setattr(habitat, "MAX_OPEN", 2)
    scenes = [load(room_file(tmp_path / f"room{k}.glb", shade=15 * k)) for k in range(3)]
    sensors = {k: habitat.HabitatSensor(scene, CAMERA) for k, scene in enumerate(scenes)}
    assert len(multiprocessing.active_children()) == 2
    rgb, depth = np.zeros((3, 36, 48, 3), np.uint8), np.zeros((3, 36, 48), np.float32)
    render_views(sensors, poses(3), rgb, depth)
    for k, scene in enumerate(scenes):
        expected, _ = RaycastSensor(scene, CAMERA, 1).render(poses(3)[k : k + 1])
        assert (np.abs(rgb[k].astype(int) - expected[0]).max(axis=-1) <= 2).mean() > 0.99
    assert len(multiprocessing.active_children()) == 2


@pytest.mark.usefixtures("habitat_sim")
def test_a_lost_simulator_is_one_sentence_and_the_next_frame_starts_it_again(tmp_path: Path) -> None:
    sensor = habitat.HabitatSensor(load(room_file(tmp_path / "room.glb")), CAMERA)
    before = sensor.render(poses(1))
    (child,) = multiprocessing.active_children()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    with pytest.raises(SceneError, match=r"room.glb: habitat-sim ended \(exit code -9\).*--sensor raycast"):
        sensor.render(poses(1))
    np.testing.assert_array_equal(sensor.render(poses(1))[0], before[0])
    broken = poses(1)
    broken[0, :3, 3] = np.nan
    with pytest.raises(SceneError, match=r"cannot show it .*non-finite"):
        sensor.render(broken)
    np.testing.assert_array_equal(sensor.render(poses(1))[1], before[1])


@pytest.mark.parametrize(
    ("name", "found"), [("evil.glb", r"ended \(exit code -6\)"), ("gone.glb", "cannot show it .*stage")]
)
@pytest.mark.usefixtures("habitat_sim")
def test_a_file_that_habitat_cannot_show_is_one_sentence(name: str, found: str, tmp_path: Path) -> None:
    scene = load(room_file(tmp_path / name))
    if name == "gone.glb":
        (tmp_path / name).unlink()
    with pytest.raises(SceneError, match=f"{name}: habitat-sim {found}"):
        habitat.HabitatSensor(scene, CAMERA)


@pytest.mark.usefixtures("habitat_sim")
def test_a_world_without_a_mesh_file_says_so() -> None:
    houses = open_scenes("procedural")
    with pytest.raises(SceneError, match="procedural/val/000000 is not read from a mesh file"):
        habitat.HabitatSensor(houses.load(houses.scene_ids[0]), CAMERA)


def test_without_habitat_sim_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(habitat, "find_spec", lambda name: None)
    room_file(tmp_path / "room.glb")
    for command in (("evaluate", "straight", *SHORT), ("train", "nano", "--steps", "8")):
        options = (
            "--scenes",
            str(tmp_path / "room.glb"),
            "--sensor",
            "habitat",
            "--out",
            str(tmp_path / "out"),
        )
        assert cli.main([*command, *options]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert "conda install habitat-sim headless -c conda-forge -c aihabitat" in error
        assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("habitat_sim")
def test_agents_walk_and_see_through_it(tmp_path: Path) -> None:
    scenes = MeshScenes([room_file(tmp_path / f"room{k}.glb", shade=15 * k) for k in range(2)])
    episodes = [Episode(str(k), f"room{k}", 0, (2.0, 2.0, 0.4)) for k in range(2)]
    seen = []
    for name in (None, "habitat"):
        simulator = NavigationSimulator(scenes, 2, CAMERA, sensor=SENSORS[name])
        simulator.start(episodes)
        seen.append(simulator.step(np.array([FORWARD, FORWARD])))
        simulator.close()
    assert not multiprocessing.active_children()
    np.testing.assert_allclose(seen[1].position, seen[0].position)
    assert (np.abs(seen[1].depth - seen[0].depth) < 2e-3).mean() > 0.999


@pytest.mark.usefixtures("habitat_sim")
def test_an_evaluation_names_its_sensor_and_measures_with_ours(tmp_path: Path) -> None:
    """`straight` sees nothing, so its records are the same whoever renders, if the metrics' eye is."""
    room_file(tmp_path / "room.glb")
    records: dict[Any, Any] = {}
    for name in ("raycast", "habitat"):
        out = tmp_path / name
        options = ["--scenes", str(tmp_path / "room.glb"), "--sensor", name, "--out", str(out)]
        assert cli.main(["evaluate", "straight", *SHORT, *options]) == 0
        summary = json.loads((out / "summary.json").read_text())
        assert summary["settings"]["sensor"] == name
        assert summary["command"].endswith(f"--sensor {name}")
        records[name] = (out / "episodes.jsonl").read_bytes()
    assert records["habitat"] == records["raycast"]


def test_results_from_before_there_was_a_choice_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli.main(["evaluate", "straight", *SHORT, "--out", str(out)]) == 0
    settings = json.loads((out / "settings.json").read_text())
    assert settings.pop("sensor") is None
    (out / "settings.json").write_text(json.dumps(settings))
    assert cli.main(["evaluate", "straight", *SHORT, "--out", str(out), "--resume"]) == 0
    assert (
        cli.main(["evaluate", "straight", *SHORT, "--out", str(out), "--resume", "--sensor", "raycast"]) == 2
    )


@pytest.mark.parametrize("command", [EvaluateCommand, TrainConfig])
def test_the_commands_offer_every_sensor(command: Callable[..., Any]) -> None:
    assert set(get_args(SensorName)) == set(SENSORS) - {None}
    asked = get_type_hints(command)["sensor"]
    assert {name for option in get_args(asked) for name in get_args(option)} == set(get_args(SensorName))
