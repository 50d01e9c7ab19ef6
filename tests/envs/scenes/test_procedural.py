"""Procedural houses: their names, seeds and looks."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest

from robonav.envs.scenes.procedural.houses import ProceduralHouses, generate_house, house_seed
from robonav.envs.scenes.procedural.layout import sample_layout
from robonav.envs.scenes.scene import Scene, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor


def fingerprint(scene: Scene) -> str:
    islands = hashlib.sha256(scene.free_space.islands.tobytes()).hexdigest()
    return f"{scene.content_hash} {islands} {json.dumps(scene.metadata)}"


def test_same_seed_gives_the_same_bytes():
    assert fingerprint(generate_house(7)) == fingerprint(generate_house(7))
    assert fingerprint(generate_house(7)) != fingerprint(generate_house(8))


def test_same_seed_gives_the_same_bytes_in_another_process():
    program = (
        "import numpy as np; np.random.seed(1); np.random.random(5)\n"  # the global generator must not matter
        "from robonav.envs.scenes.procedural.houses import generate_house\n"
        "generate_house(3); print(generate_house(7).content_hash)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == generate_house(7).content_hash


def test_splits_never_share_a_seed():
    seeds = [house_seed(i) for split in ("train", "val") for i in ProceduralHouses(split, 10_000).scene_ids]
    assert len(set(seeds)) == len(seeds) == 20_000


def test_longer_set_begins_with_the_houses_of_a_shorter_one():
    short, long = ProceduralHouses("val", 3), ProceduralHouses("val", 30)
    assert list(long.scene_ids[:3]) == list(short.scene_ids)
    assert long.load(short.scene_ids[2]).content_hash == short.load(short.scene_ids[2]).content_hash


def test_house_is_named_after_its_id_and_its_facts_are_plain_json():
    houses = ProceduralHouses("train", 5)
    scene = houses.load(houses.scene_ids[4])
    assert scene.scene_id == "procedural/train/000004"
    assert json.loads(json.dumps(scene.metadata))["rooms"] == len(scene.metadata["room_centres"])


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (lambda: ProceduralHouses("test"), "'test'"),
        (lambda: ProceduralHouses("val", 0), "0"),
        (lambda: ProceduralHouses("val", 3).load("procedural/val/000003"), "procedural/val/000003"),
        (lambda: ProceduralHouses("val", 3).load("procedural/train/000000"), "procedural/train/000000"),
        (lambda: generate_house(0, radius_m=0.4), "0.4 m"),
        (lambda: generate_house(0, height_m=2.1), "2.1 m"),
    ],
)
def test_mistake_gives_one_sentence_that_names_it(mistake, named):
    with pytest.raises(SceneError) as error:
        mistake()
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_floor_plans_are_as_large_and_as_loopy_as_promised():
    plans = [sample_layout(np.random.default_rng(np.random.SeedSequence(seed))) for seed in range(200)]
    graphs = [nx.Graph(door.rooms for door in plan.doors) for plan in plans]
    rooms = np.array([len(plan.rooms) for plan in plans])
    loops = np.array([g.number_of_edges() - g.number_of_nodes() + 1 for g in graphs])
    assert all(set(g) == set(range(n)) and nx.is_connected(g) for g, n in zip(graphs, rooms, strict=True))
    assert rooms.min() >= 5
    assert rooms.max() <= 16
    assert np.mean(rooms >= 10) > 0.6
    assert 0.7 < np.mean(loops > 0) < 1
    assert np.mean([min(dict(g.degree).values()) == 1 for g in graphs]) > 0.8  # dead ends
    sides = np.array([plan.size for plan in plans])
    assert sides.min() >= 9 - 0.05
    assert sides.max() <= 18
    assert all(2.4 <= plan.height <= 3.2 for plan in plans)
    kinds = [{room.kind for room in plan.rooms} for plan in plans]
    assert 0.5 < np.mean(["corridor" in k for k in kinds]) < 1
    assert 0.2 < np.mean(["closet" in k for k in kinds]) < 1


def test_rooms_can_be_told_apart_by_their_colours():
    right, chance = [], []
    for seed in range(8):
        scene = generate_house(seed)
        looks = [colour_histograms(scene, bounds, seed) for bounds in scene.metadata["room_bounds"]]
        here, there = (np.array([look[k] for look in looks]) for k in (0, 1))
        nearest = np.abs(here[:, None] - there[None]).sum(axis=2).argmin(axis=1)
        right += list(nearest == np.arange(len(looks)))
        chance.append(1 / len(looks))
    assert np.mean(right) > 0.6 > 4 * np.mean(chance)


def colour_histograms(scene: Scene, bounds: tuple[float, ...], seed: int) -> np.ndarray:
    """Histograms (2, 512) of what two random spots of a room show all around, floor and walls."""
    cells = np.argwhere(scene.free_space.islands == 1)
    xy = scene.free_space.centres(cells)
    xy = xy[np.all((xy > bounds[:2]) & (xy < bounds[2:]), axis=1)]
    spots = xy[np.random.default_rng(seed).choice(len(xy), 2, replace=False)]
    positions = np.column_stack([np.repeat(spots, 4, axis=0), np.zeros(8)])
    camera = Camera(16, 16)
    rgb, _ = RaycastSensor(scene, camera).render(
        camera.poses(positions, np.tile(np.arange(4) * np.pi / 2, 2))
    )
    codes = (rgb.astype(int) // 32) @ [64, 8, 1]
    return (
        np.array([np.bincount(code.ravel(), minlength=512) for code in codes.reshape(2, -1)]) / codes[0].size
    )
