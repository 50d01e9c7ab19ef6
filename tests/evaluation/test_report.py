"""The report stands alone and shows the numbers of the run."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robonav.envs.scenes.scene import Scene
from robonav.evaluation.path_graph import path_graph
from robonav.evaluation.pictures import FRONTIER, GRAPH, map_png
from robonav.evaluation.records import RunFolder
from robonav.evaluation.report import MAX_MAPS, render_report, shown
from robonav.evaluation.runner import Evaluation, Settings
from robonav.evaluation.summary import summarise
from robonav.evaluation.top_down_map import FLOOR_SEEN, WALL_SEEN
from robonav.planners.blind import StraightExplorer
from tests.evaluation.rooms import OneScene


@pytest.fixture(scope="module")
def folder(two_rooms: Scene, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("run")
    settings = Settings("straight", "two-rooms", episodes=3, steps=128, num_envs=3)
    folder = RunFolder(path, vars(settings), resume=False)
    Evaluation(settings, StraightExplorer(), OneScene(two_rooms), threads=1).run(folder, lambda steps: None)
    return folder


def test_the_summary_holds_means_intervals_versions_and_the_command(folder: RunFolder) -> None:
    records = folder.records()
    summary = summarise(records, {"explorer": "straight"}, "robonav evaluate straight", None)
    value = summary["metrics"]["visible_completeness_pct"]["128"]
    expected = np.mean([record["visible_completeness_pct"]["128"] for record in records])
    assert value["mean"] == pytest.approx(expected, abs=1e-3)
    assert value["low"] <= value["mean"] <= value["high"]
    assert value["count"] == summary["episodes"] == 3
    assert summary["versions"]["embreex"]
    assert summary["command"] == "robonav evaluate straight"
    json.dumps(summary)


def test_the_report_is_one_file_with_table_curves_and_maps(folder: RunFolder) -> None:
    records = folder.records()
    settings = {"explorer": "<straight>", "scenes": "two-rooms", "steps": 128}
    summary = summarise(records, settings, "robonav evaluate straight", "abc123")
    page = render_report(summary, records, folder.load_map)
    table = page[page.index('<table id="summary">') : page.index("</table>")]
    assert f"{summary['metrics']['visible_completeness_pct']['128']['mean']:.2f}" in table
    assert page.count("<svg") == 2
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(images) == 3
    assert all(Image.open(io.BytesIO(base64.b64decode(image))).size[0] > 100 for image in images)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "abc123" in page
    assert "<straight>" not in page
    assert "&lt;straight&gt;" in page


def test_the_map_shows_what_was_seen(folder: RunFolder) -> None:
    record = folder.records()[0]
    picture = folder.load_map(record["episode_id"])
    assert np.count_nonzero(picture.cells == FLOOR_SEEN) == pytest.approx(
        record["area_m2"] / 0.01, rel=0.15
    )  # walls are painted over floor
    assert (picture.cells == WALL_SEEN).any()
    cells = np.floor((picture.trajectory[:, :2] - picture.origin_xy) / 0.10).astype(int)
    assert (picture.cells[cells[:, 0], cells[:, 1]] != 0).all()
    assert len(picture.trajectory) == 129


def test_the_map_shows_places_along_the_path_and_frontiers_that_are_left(folder: RunFolder) -> None:
    picture = folder.load_map(folder.records()[0]["episode_id"])
    graph = path_graph(picture)
    gaps = np.linalg.norm(picture.trajectory[:, None, :2] - graph.places.xy, axis=-1)
    assert gaps.min(axis=0).max() < 1e-6 + 0.25, "places lie on the path"
    assert gaps.min(axis=1).max() < 2.11, "and there is one near all of it"
    image = Image.open(io.BytesIO(base64.b64decode(map_png(picture).partition(",")[2]))).convert("RGB")
    colours = np.unique(np.asarray(image).reshape(-1, 3), axis=0).astype(int)
    assert np.abs(colours - GRAPH).sum(axis=1).min() < 20
    assert (np.abs(colours - FRONTIER).sum(axis=1).min() < 20) == bool(graph.frontiers)


def test_pictures_are_limited_and_have_the_worst_and_the_best(folder: RunFolder) -> None:
    template = folder.records()[0]
    many = [
        {**template, "episode_id": str(k), "visible_completeness_pct": {"128": float(value)}}
        for k, value in enumerate(np.random.default_rng(0).permutation(60))
    ]
    chosen = shown(many)
    assert len(chosen) == MAX_MAPS
    assert [record["visible_completeness_pct"]["128"] for record in chosen[:2]] == [0, 59]
    assert len({record["episode_id"] for record in chosen}) == MAX_MAPS
    assert shown(many[:1]) == many[:1]


def test_no_half_written_file_is_left_behind(folder: RunFolder, tmp_path: Path) -> None:
    folder.write_text("summary.json", "{}")
    assert not list(folder.path.glob(".*partial"))
