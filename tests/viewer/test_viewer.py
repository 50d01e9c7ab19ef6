"""The viewer shows each client what is known of a run, whenever it joins, and lets it pause the run."""

from __future__ import annotations

import collections
import io
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree
from stable_baselines3 import PPO

from robonav.envs.scenes import open_scenes
from robonav.envs.scenes.spec import Spec
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.launch import cli
from robonav.maps.export import write_mesh
from robonav.maps.topology.graph import Edge, FrontierNode, PlaceGraph
from robonav.training.watching_callback import ViewerCallback
from robonav.viewer.controls import Controls
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.glb import LINEAR
from robonav.viewer.graph_drawing import GraphDrawing
from robonav.viewer.live import LiveViewer
from robonav.viewer.path_drawing import MOST_PARTS, PART_POINTS, PathDrawing
from robonav.viewer.player import Player
from robonav.viewer.replay import RecordedRun
from robonav.viewer.scene_browser import SceneBrowser, SingleMesh
from robonav.viewer.server import start_server
from robonav.watching import Curve
from tests.viewer.conftest import STEPS, Run, Witness
from tests.worlds import Rooms

viser = pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
Client = pytest.importorskip("tests.viewer.browser_stand_in").Client


@pytest.fixture
def server() -> Iterator[viser.ViserServer]:
    server = start_server(0)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def recorded(run: Run) -> RecordedRun:
    return RecordedRun(run.folder, width=64, threads=1)


@pytest.fixture
def player(server: viser.ViserServer, recorded: RecordedRun) -> Player:
    return Player(server, recorded, recorded.open(recorded.episode_ids[0]), voxel_size=0.1)


def triangles_in(client: Client) -> int:
    """Number of triangles of the map that a browser would show."""
    parts = [props["glb_data"] for name, props in client.nodes.items() if name.startswith("/map/")]
    loaded = [trimesh.load(io.BytesIO(part), file_type="glb", force="mesh", process=False) for part in parts]
    return sum(len(part.faces) for part in loaded)


def segments_of_path(client: Client) -> np.ndarray:
    """The lines of the way (K, 2, 3), in the order in which they were gone."""
    paths = {
        int(name.removeprefix("/path/")): props["points"]
        for name, props in client.nodes.items()
        if name.startswith("/path/")
    }
    parts = [np.frombuffer(paths[k], np.float32).reshape(-1, 2, 3) for k in sorted(paths)]
    return np.concatenate([np.zeros((0, 2, 3), np.float32), *parts])


def moves_of(episode: EpisodeMap) -> int:
    """Steps that led elsewhere."""
    return int(np.any(np.diff(np.array(episode.poses)[:, :2], axis=0), axis=1).sum())


def points_of(client: Client, part: str) -> set[tuple[float, ...]]:
    """x and y of the nodes of the graph that a browser would show, rounded to millimetres."""
    points = np.frombuffer(client.nodes[f"/graph/{part}"]["points"], np.float32).reshape(-1, 3)
    return drawn(points[:, :2])


def drawn(points: Iterable[np.ndarray]) -> set[tuple[float, ...]]:
    """Points (2,) rounded to millimetres."""
    return {tuple(np.round(np.asarray(point, float), 3).tolist()) for point in points}


def test_the_server_is_for_this_machine_only(server: viser.ViserServer) -> None:
    assert server.get_host() == "127.0.0.1"
    with urlopen(f"http://127.0.0.1:{server.get_port()}") as page:
        assert b"<html" in page.read()


def test_what_is_drawn_wakes_browsers_in_the_servers_thread_only(server: viser.ViserServer) -> None:
    """Those who wait are in a queue that changes with who comes and goes: no other thread may look at it."""
    buffer, clients = server._websock_server._broadcast_buffer, [Client(server), Client(server)]
    visitors: list[int] = []

    class Queue(collections.deque):
        def __iter__(self) -> Iterator[Any]:
            visitors.append(threading.get_ident())
            return super().__iter__()

    buffer.message_event._waiters = Queue(buffer.message_event._waiters)
    server.gui.add_markdown("news")
    for client in clients:
        client.listen()
        assert "news" in [props.get("_markdown") for props in client.controls.values()]
    assert visitors
    assert threading.get_ident() not in visitors


def test_a_late_joiner_sees_what_the_others_see(server: viser.ViserServer, player: Player) -> None:
    early = Client(server)
    for step in (1, 2, 5, 20):
        player.go_to(step)
    early.listen()
    late = Client(server)
    whole = player.episode.reconstruction.mesh(0)
    for client in (early, late):
        assert triangles_in(client) == len(whole[1]) > 500
        assert len(segments_of_path(client)) == moves_of(player.episode) > 0
        assert {"/robot/camera", "/robot/body", "/floor"} <= client.nodes.keys()
        graph = player.episode.graph()
        assert points_of(client, "places") == drawn(graph.places.xy)
        assert points_of(client, "frontiers") == drawn(n.xy for n in graph.frontiers.values())
    assert late.nodes.keys() == early.nodes.keys()
    assert late.nodes["/floor"] == early.nodes["/floor"]
    early.close()
    player.go_to(40)  # nobody misses who left
    late.listen()
    assert len(segments_of_path(late)) == moves_of(player.episode)


def test_what_is_sent_is_what_changed(server: viser.ViserServer, player: Player) -> None:
    """And what the server keeps for those who come later does not grow with time."""
    player.go_to(STEPS)
    buffer = server._websock_server._broadcast_buffer
    kept, sent = len(buffer.message_from_id), buffer.message_counter
    player._draw()
    assert buffer.message_counter - sent < 15  # the robot and the curves, but none of the parts of the map
    for _ in range(20):
        player._draw()
    assert len(buffer.message_from_id) == kept


def test_stepping_back_is_having_been_there(server: viser.ViserServer, player: Player) -> None:
    player.go_to(12)
    client = Client(server)
    before, rewards = triangles_in(client), list(player.episode.rewards)
    player.go_to(30)
    player.go_to(12)
    client.listen()
    assert player.episode.rewards == rewards
    assert triangles_in(client) == before
    assert len(segments_of_path(client)) == moves_of(player.episode) > 0


def test_the_graph_is_drawn_as_it_is_by_now(server: viser.ViserServer) -> None:
    """Its edges lie between its places; what is gone is taken away, and nothing is sent twice."""
    graph, drawing = PlaceGraph(2), GraphDrawing(server.scene, floor_z=1.0)
    for x in (0.0, 2.0, 4.0):
        graph.places.append(graph.new_id(), (x, 1.0), (1.0, 0.0), 1, 0.0, 0.0)
    a, b, c = graph.places.ids.tolist()
    graph.edges = {(a, b): Edge(2.0), (b, c): Edge(2.5)}
    graph.frontiers = {graph.new_id(): FrontierNode(np.array([5.0, 2.0]), 9, c, 1.0)}
    drawing.draw(graph)
    nodes = Client(server).nodes
    assert points_of(Client(server), "frontiers") == {(5.0, 2.0)}
    ways = np.frombuffer(nodes["/graph/ways"]["points"], np.float32).reshape(-1, 2, 3)
    np.testing.assert_allclose(ways[:, :, 0], [[0, 2], [2, 4]])
    np.testing.assert_allclose(ways[:, :, 2], 1.5)
    sights = np.frombuffer(nodes["/graph/sights"]["points"], np.float32).reshape(-1, 2, 3)
    np.testing.assert_allclose(sights[0, :, :2], [[4, 1], [5, 2]])
    sent = server._websock_server._broadcast_buffer.message_counter
    drawing.draw(graph)
    assert server._websock_server._broadcast_buffer.message_counter == sent
    graph.frontiers = {}
    drawing.draw(graph)
    assert {"/graph/frontiers", "/graph/sights"}.isdisjoint(Client(server).nodes)


def test_a_long_way_is_drawn_in_parts(server: viser.ViserServer) -> None:
    """Every step is drawn once, turning on the spot draws nothing, and a step sends one part again."""
    way, poses = PathDrawing(server.scene, 0.0), [(0.1 * k, 0.0, 0.0) for k in range(2 * PART_POINTS + 8)]
    way.draw(poses)
    poses += [(9.0, 0.1 * k, 0.0) for k in range(1, PART_POINTS + 1)]
    way.draw(poses)
    sent = server._websock_server._broadcast_buffer.message_counter
    poses.append((9.0, 0.1 * PART_POINTS + 0.25, 0.0))
    way.draw(poses)
    poses += [(*poses[-1][:2], 0.3 * k) for k in range(10)]
    way.draw(poses)
    assert server._websock_server._broadcast_buffer.message_counter == sent + 1
    segments = segments_of_path(Client(server))
    moved = np.array(poses)[:-10, :2]
    np.testing.assert_allclose(segments[:, 0, :2], moved[:-1], atol=1e-5)
    np.testing.assert_allclose(segments[:, 1, :2], moved[1:], atol=1e-5)


def test_a_way_without_end_is_thinned_out(server: viser.ViserServer) -> None:
    """However long it is, few points are kept; they lead from the start to the agent, without gaps."""
    way, angles = PathDrawing(server.scene, 0.0), np.arange(20 * MOST_PARTS * PART_POINTS) * 0.003
    poses = [(float(a * np.cos(a)), float(a * np.sin(a)), 0.0) for a in angles]
    for end in range(1000, len(poses) + 1000, 1000):
        way.draw(poses[:end])
    segments = segments_of_path(Client(server))
    assert MOST_PARTS * PART_POINTS / 2 <= len(segments) <= MOST_PARTS * PART_POINTS
    np.testing.assert_allclose(segments[0, 0, :2], poses[0][:2], atol=1e-4)
    np.testing.assert_allclose(segments[-1, 1, :2], poses[-1][:2], atol=1e-4)
    np.testing.assert_array_equal(segments[1:, 0], segments[:-1, 1])
    far = cKDTree(np.array(poses)[:, :2]).query(segments[:, 0, :2])[0]
    assert far.max() < 1e-4  # all of it was gone


def test_people_step_scrub_and_play_to_the_end(server: viser.ViserServer, player: Player) -> None:
    """Each request comes from a client, as a browser's would."""
    client = Client(server)
    client.set("Step", True)
    player.play_on()
    assert player.episode.step == 1
    client.set("Go to step", 25)
    player.play_on()
    assert player.episode.step == 25
    client.set("Steps/s", "as fast as possible")
    client.set("Play", True)
    for _ in range(STEPS - 25):
        player.play_on()
    client.listen()
    assert player.episode.step == STEPS
    labels = {props.get("label") for props in client.controls.values()}
    assert "Play" in labels  # at the end it pauses
    assert "Pause" not in labels


def test_pausing_holds_a_run_that_goes_on_and_nothing_else_does(server: viser.ViserServer, run: Run) -> None:
    live, shown = LiveViewer(server), []

    def go_on() -> None:
        live.begin("first", run.witness.camera, run.witness.frames[0])
        for k, frames in enumerate(run.witness.frames[1:], start=1):
            live.show(frames, Curve)
            shown.append(k)

    client = Client(server)
    client.set("Pause", True)
    deadline = time.monotonic() + 20
    while live._controls.playing and time.monotonic() < deadline:
        time.sleep(0.01)
    loop = threading.Thread(target=go_on)
    loop.start()
    client.listen()
    assert shown == []
    assert any(name.startswith("/map/") for name in client.nodes)  # a paused run is drawn whole
    client.set("Step", True)
    client.listen()
    assert shown == []  # `begin` returned; the frame of the step is drawn before it waits
    client.close()  # whoever paused it leaves: others can go on with it
    Client(server).set("Play", True)
    loop.join(60)
    assert shown == list(range(1, STEPS + 1))


def test_speed_is_steps_a_second(server: viser.ViserServer) -> None:
    controls = Controls(server, "20", playing=True)
    controls.wait()
    started = time.monotonic()
    for _ in range(4):
        assert controls.wait()
    assert time.monotonic() - started + 1e-3 >= 4 / 20
    controls.play(False)
    controls.seek()
    assert not controls.wait()  # someone wants to be elsewhere: no step is due


def test_an_episode_that_cannot_be_shown_is_told_and_the_other_stays(
    server: viser.ViserServer, recorded: RecordedRun, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(episode_id: str) -> None:
        raise UsageError(f"{episode_id} is broken")

    monkeypatch.setattr(recorded, "open", broken)
    player._try_to_open("other")
    player.go_to(1)
    assert player.episode.step == 1
    player._try_to_open("other")
    texts = [props.get("_markdown", "") for props in Client(server).controls.values()]
    assert any("other is broken" in text for text in texts)


def test_a_scene_is_shown_with_its_textures_and_free_floor(server: viser.ViserServer) -> None:
    scenes = open_scenes("procedural")
    scene = scenes.load(scenes.scene_ids[0])
    SceneBrowser(server, scenes, scene)
    nodes = Client(server).nodes
    parts = [
        trimesh.load(io.BytesIO(nodes[f"/scene/{name}"]["glb_data"]), file_type="glb")
        for name in ("low", "high")
    ]
    assert sum(len(mesh.faces) for part in parts for mesh in part.geometry.values()) == len(scene.triangles)
    bounds = np.array([part.bounds for part in parts])
    np.testing.assert_allclose(bounds[:, 0].min(axis=0), scene.vertices.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(bounds[:, 1].max(axis=0), scene.vertices.max(axis=0), atol=1e-4)
    textured = [m for part in parts for m in part.geometry.values() if hasattr(m.visual, "material")]
    assert len(textured) >= len(np.unique(scene.texture_ids[scene.texture_ids >= 0]))
    assert nodes["/scene/floor"]["render_width"] == pytest.approx(scene.free_space.islands.shape[0] * 0.05)


def test_a_map_is_shown_as_it_was_written(server: viser.ViserServer, tmp_path: Path) -> None:
    """Also one in which no agent fits: a corner of a room, 3 m high."""
    corners = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 3.0]])
    triangles = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3]])
    path = write_mesh(tmp_path / "corner.ply", corners, triangles, np.full((4, 3), 120, np.uint8))
    meshes = SingleMesh(Spec.parse(f"{path},up=z,scale=1"))
    SceneBrowser(server, meshes, meshes.load(meshes.scene_ids[0]))
    shown = trimesh.load(
        io.BytesIO(Client(server).nodes["/scene/low"]["glb_data"]), file_type="glb", force="mesh"
    )
    np.testing.assert_allclose(np.unique(shown.vertices, axis=0), np.unique(corners, axis=0), atol=1e-6)
    assert np.all(shown.visual.vertex_colors[:, :3] == LINEAR[120])


def test_linear_colours_are_those_of_the_standard() -> None:
    """IEC 61966-2-1: mid grey on a screen is 21.4 % of the light."""
    assert (LINEAR[0], LINEAR[255]) == (0, 255)
    assert LINEAR[round(0.5 * 255)] == pytest.approx(0.214 * 255, abs=1)
    assert np.all(np.diff(LINEAR.astype(int)) >= 0)


@pytest.mark.parametrize(
    ("what", "waiting"), [("RUN", (Player, "play_on")), ("procedural", (SceneBrowser, "wait_and_show"))]
)
def test_the_command_serves_until_it_is_interrupted(
    run: Run,
    what: str,
    waiting: tuple[type, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(shown: Player | SceneBrowser) -> None:
        assert "/robot/body" in Client(shown._server).nodes or "/scene/low" in Client(shown._server).nodes
        raise KeyboardInterrupt

    monkeypatch.setattr(*waiting, interrupted)
    path = str(run.folder) if what == "RUN" else what
    assert cli.main(["view", path, "--port", "0", "--threads", "1", "--width", "64", "--voxel", "0.1"]) == 0
    assert "open http://127.0.0.1:" in capsys.readouterr().out


def test_an_evaluation_can_be_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And has the same results."""
    options = ["--episodes", "1", "--steps", "4", "--threads", "1", "--num-envs", "1"]
    for name, watched in (("seen", ["--view"]), ("unseen", [])):
        assert cli.main(["evaluate", "straight", *options, *watched, "--out", str(tmp_path / name)]) == 0
    assert "open http://127.0.0.1:" in capsys.readouterr().out
    results = [(tmp_path / name / "episodes.jsonl").read_bytes() for name in ("seen", "unseen")]
    assert results[0] == results[1]


@pytest.mark.parametrize("rollout", [8, 2])
def test_a_training_run_shows_its_first_agent_episode_by_episode(rollout: int) -> None:
    """Here one of SB3's own, as the callback is SB3's; in which rollout an episode lies does not matter."""
    worlds = NavigationVecEnv(Rooms(1), 2, Camera(40, 40), max_episode_steps=4, seed=1, threads=1)
    size = {"n_steps": rollout, "batch_size": 2 * rollout, "n_epochs": 1}
    witness, learner = Witness(), PPO("MultiInputPolicy", worlds, **size)
    learner.learn(16, ViewerCallback(witness, worlds))
    # 8 steps of each agent: begun by the training, then by the ends of episodes after 4 and 8 steps
    assert witness.titles == [f"training, after {steps} steps" for steps in (0, 8, 16)]
    assert len(witness.frames) == 1 + 8
    np.testing.assert_array_equal(witness.frames[-1].rgb, worlds.frames.rgb[:1])


def test_a_missing_viser_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    assert cli.main(["view", "procedural", "--port", "0"]) == 2
    assert "pip install 'robonav[view]'" in capsys.readouterr().err
