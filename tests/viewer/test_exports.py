"""Exported files are read back by other programs, and appear whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import trimesh
import yaml
from mcap.reader import make_reader
from PIL import Image
from rosbags.typesys import Stores, get_typestore
from scipy.spatial.transform import Rotation

from robonav.errors import UsageError
from robonav.launch import cli
from robonav.viewer import exports
from robonav.viewer.episode_files import MeshFile
from robonav.viewer.replay import RecordedRun, Recording
from tests.viewer.conftest import STEPS, Run


@pytest.fixture(scope="module")
def recording(run: Run) -> Recording:
    return RecordedRun(run.folder, width=64, threads=1).open(run.witness.titles[0])


@pytest.fixture(scope="module")
def written(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The common path of all files that need no extra, as the command writes them."""
    target = tmp_path_factory.mktemp("exports") / "deep" / "episode"
    options = ["--width", "64", "--voxel", "0.1", "--threads", "1", "--out", str(target)]
    formats = ["ply", "glb", "tum", "nav2", "graphml", "mcap", "gif", "mp4"]
    assert cli.main(["export", str(run.folder), "--format", *formats, *options]) == 0
    assert sorted(path.name for path in target.parent.iterdir()) == [
        f"episode.{ending}"
        for ending in ("gif", "glb", "graphml", "mcap", "mp4", "pgm", "ply", "tum", "yaml")
    ]
    return target


def test_the_mesh_lies_on_the_scene(written: Path, recording: Recording) -> None:
    mesh = trimesh.load(written.with_suffix(".ply"), force="mesh", process=False)
    o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")
    scene, truth = recording.sensor.scene, o3d.t.geometry.RaycastingScene()
    truth.add_triangles(scene.vertices, scene.triangles.astype(np.uint32))
    away = truth.compute_distance(np.asarray(mesh.vertices, np.float32)).numpy()
    assert len(mesh.faces) > 1000
    assert np.quantile(away, 0.95) < 0.05
    assert np.asarray(mesh.visual.vertex_colors)[:, :3].std() > 10
    glb = trimesh.load(written.with_suffix(".glb"), force="mesh", process=False)
    np.testing.assert_array_equal(glb.faces, mesh.faces)


def test_the_trajectory_is_the_cameras(written: Path, recording: Recording) -> None:
    rows = np.loadtxt(written.with_suffix(".tum"))
    assert rows[:, 0].tolist() == list(range(STEPS + 1))
    for step in (0, 7, STEPS):
        pose = recording.frames(step).T_world_camera[0]
        np.testing.assert_allclose(rows[step, 1:4], pose[:3, 3], atol=1e-5)
        np.testing.assert_allclose(Rotation.from_quat(rows[step, 4:]).as_matrix(), pose[:3, :3], atol=1e-5)


def test_the_nav2_map_is_free_where_the_agent_went(written: Path, recording: Recording) -> None:
    """By map_server's rule: (255 - grey) / 255 below the threshold is free, rows from the north."""
    said = yaml.safe_load(written.with_suffix(".yaml").read_text())
    grey = np.asarray(Image.open(written.parent / said["image"])).astype(float)
    free = ((255 - grey) / 255 < said["free_thresh"])[::-1].T
    way = (recording.picture.trajectory[:, :2] - said["origin"][:2]) / said["resolution"]
    assert free[tuple(np.floor(way).astype(int).T)].all()
    centres = (np.argwhere(free) + 0.5) * said["resolution"] + said["origin"][:2]
    feet = np.c_[centres, np.full(len(centres), recording.floor_z + 0.5)].astype(np.float32)
    o3d = pytest.importorskip("open3d", reason="the extra robonav[open3d] is not installed")
    scene, truth = recording.sensor.scene, o3d.t.geometry.RaycastingScene()
    truth.add_triangles(scene.vertices, scene.triangles.astype(np.uint32))
    down = np.c_[feet, np.tile([0, 0, -1], (len(feet), 1))].astype(np.float32)
    below = truth.cast_rays(o3d.core.Tensor(down))["t_hit"].numpy()
    assert len(centres) > 500
    assert np.mean(np.abs(below - 0.5) < 0.16) > 0.97  # floor, or what is lower than an obstacle


def test_the_graph_follows_the_way(written: Path, recording: Recording) -> None:
    graph = nx.read_graphml(written.with_suffix(".graphml"))
    way = recording.picture.trajectory[:, :2]
    kinds = nx.get_node_attributes(graph, "kind")
    at = {node: np.array([data["x"], data["y"]]) for node, data in graph.nodes(data=True)}
    places = [node for node, kind in kinds.items() if kind == "place"]
    assert len(places) >= 2
    assert "frontier" in kinds.values()
    assert nx.is_connected(graph)
    for node in places:
        assert np.linalg.norm(way - at[node], axis=1).min() < 0.13  # a step is 0.25 m long
    for a, b, data in graph.edges(data=True):
        if data["kind"] == "traversed":
            assert data["length"] > np.linalg.norm(at[a] - at[b]) - 0.2


def test_ros_reads_the_recording(written: Path, recording: Recording) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    found: dict[str, list] = {}
    with open(written.with_suffix(".mcap"), "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            found.setdefault(channel.topic, []).append(store.deserialize_cdr(message.data, schema.name))
    position = np.array([[m.pose.pose.position.x, m.pose.pose.position.y] for m in found["/odom"]])
    np.testing.assert_allclose(position, recording.picture.trajectory[:, :2], atol=1e-9)
    frames = recording.frames(7)
    image, depth = found["/camera/image_raw"][7], found["/camera/depth/image_raw"][7]
    np.testing.assert_array_equal(image.data.reshape(frames.rgb[0].shape), frames.rgb[0])
    np.testing.assert_array_equal(depth.data.view("<f4").reshape(frames.depth[0].shape), frames.depth[0])
    assert image.header.stamp.nanosec == 700_000_000
    before, after = recording.picture.trajectory[6:8]
    twist = found["/cmd_vel"][7]  # a step a tenth of a second
    assert twist.linear.x == pytest.approx(np.linalg.norm(after[:2] - before[:2]) / 0.1, abs=1e-6)
    turned = np.angle(np.exp(1j * (after[2] - before[2])))
    assert twist.angular.z == pytest.approx(turned / 0.1, abs=1e-6)
    assert found["/map"][-1].info.width > 10


def test_the_gif_shows_every_step_with_the_camera_on_the_right(written: Path, recording: Recording) -> None:
    with Image.open(written.with_suffix(".gif")) as gif:
        assert gif.n_frames == STEPS + 1
        gif.seek(STEPS)
        picture = np.asarray(gif.convert("RGB")).astype(float)
    camera = Image.fromarray(recording.frames(STEPS).rgb[0]).resize((256, 256))
    shown = picture[:256, -257:-1] if picture.shape[1] % 2 else picture[:256, -256:]
    assert np.abs(shown - np.asarray(camera, float)).mean() < 12  # 64 colours
    assert np.ptp(picture[:, :-256].reshape(-1, 3), axis=0).min() > 100  # free floor and walls


def test_the_video_has_every_step(written: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(written.with_suffix(".mp4")))
    assert frames == STEPS + 1
    assert seconds == pytest.approx((STEPS + 1) / 10, abs=0.2)


def test_every_third_step_and_the_last(recording: Recording, tmp_path: Path) -> None:
    steps: list[None] = []
    exports.export_episode(recording, ["tum"], tmp_path / "a", 0.1, lambda: steps.append(None), every=3)
    assert np.loadtxt(tmp_path / "a.tum")[:, 0].tolist() == [*range(0, STEPS, 3), STEPS]
    assert len(steps) == STEPS + 1


def test_rerun_reads_its_recording(recording: Recording, tmp_path: Path) -> None:
    chunks = pytest.importorskip("rerun.chunk", reason="the extra robonav[rerun] is not installed")
    (path,) = exports.export_episode(recording, ["rrd"], tmp_path / "a", 0.1, lambda: None)
    rows: dict[str, int] = {}
    for chunk in chunks.RrdReader(path).stream():
        if not chunk.is_static:
            rows[chunk.entity_path] = rows.get(chunk.entity_path, 0) + chunk.num_rows
    assert rows["/reward"] == STEPS + 1
    assert rows["/visible_completeness_pct"] == 2  # after 0 and 32 steps
    assert rows["/world/camera"] > STEPS
    assert sum(path.startswith("/world/map/") for path in rows) > 5


def test_missing_extras_are_named(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, extra in (("rerun", "rrd", "rerun"), ("imageio_ffmpeg", "mp4", "video")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UsageError, match=rf"pip install 'robonav\[{extra}\]'"):
            exports.export_episode(recording, [name], tmp_path / "a", 0.1, lambda: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", [MeshFile.finish, MeshFile.add])
def test_what_fails_leaves_nothing_behind(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Callable
) -> None:
    """An old file stays, and no other format appears without it."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MeshFile, failing.__name__, full)
    (tmp_path / "a.ply").write_text("old")
    with pytest.raises(OSError, match="No space"):
        exports.export_episode(recording, ["tum", "mp4", "ply"], tmp_path / "a", 0.1, lambda: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]
    assert (tmp_path / "a.ply").read_text() == "old"
