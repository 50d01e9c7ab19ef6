"""Viewers and exports show what an episode's task measures, whatever that is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image, ImageDraw

from robonav.envs.navigation import tasks
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.tasks import Exploring, Score, TaskConfig, Walk
from robonav.envs.scenes import open_scenes
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.evaluation.comparison import compare, comparison_as_html
from robonav.evaluation.records import EPISODES, RunFolder, read_episodes, read_map, read_settings
from robonav.evaluation.report import render_report
from robonav.evaluation.runner import Evaluation, Settings
from robonav.evaluation.summary import summarise
from robonav.planners.blind import StraightExplorer
from robonav.viewer.exports import export_episode, replayed
from robonav.viewer.replay import RecordedRun, Recording
from robonav.viewer.video import CAPTION, SIDE
from robonav.watching import Curve
from tests.viewer.conftest import Run, Witness

STEPS, MARKS = 40, [0, 32]  # the steps of a curve


@dataclass(frozen=True)
class Away(TaskConfig):
    """Get away from the start; nobody measures completeness."""

    name: ClassVar[str] = "away"
    scores: ClassVar[tuple[Score, ...]] = (Score("away_m", "Distance from the start", "m"),)

    def make(self, simulator: NavigationSimulator) -> Exploring:
        return Exploring(simulator)

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        away = np.linalg.norm(walk.trajectory[:, :2] - walk.trajectory[0, :2], axis=1)
        return {"away_m": {str(step): round(float(away[step]), 3) for step in sorted(steps)}}


@dataclass(frozen=True)
class AwayAtLast(Away):
    """The same, which is only judged at the end."""

    name: ClassVar[str] = "away-at-last"

    def score(self, walk: Walk, steps: Iterable[int]) -> dict[str, Any]:
        return super().score(walk, [len(walk.trajectory) - 1])


@dataclass
class CurveWitness(Witness):
    """A viewer that remembers the curves that it was shown."""

    curves: list[Curve] = field(default_factory=list)

    def show(self, frames: Frames, curve: Callable[[], Curve]) -> None:
        super().show(frames, curve)
        self.curves.append(curve())


def evaluated(task: str, folder: Path, viewer: Witness | None = None) -> RecordedRun:
    """One episode of 40 steps ahead and off the walls."""
    settings = Settings("straight", episodes=1, steps=STEPS, num_envs=1, task=task)
    evaluation = Evaluation(settings, StraightExplorer(), open_scenes("procedural"), threads=1, viewer=viewer)
    evaluation.run(RunFolder(folder, asdict(settings), resume=False), lambda steps: None)
    return RecordedRun(folder, width=64, threads=1)


@pytest.fixture(scope="module", autouse=True)
def _plugged_in() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "TASKS", (*tasks.TASKS, Away, AwayAtLast))
        yield


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    return evaluated("away", tmp_path_factory.mktemp("scores") / "away")


@pytest.fixture(scope="module")
def without_curve(tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    return evaluated("away-at-last", tmp_path_factory.mktemp("scores") / "last")


def only_episode(run: RecordedRun) -> Recording:
    return run.open(run.episode_ids[0])


def rewritten(run: RecordedRun, folder: Path, change: Callable[[dict[str, Any]], None]) -> RecordedRun:
    """A copy whose only record was changed."""
    shutil.copytree(run.folder, folder)
    (record,) = read_episodes(folder)
    change(record)
    (folder / EPISODES).write_text(json.dumps(record) + "\n")
    return RecordedRun(folder, width=64, threads=1)


def as_of_old(record: dict[str, Any]) -> None:
    """Before records named a score they had curves of completeness, empty where it was not measured."""
    record.pop("main_score", None)
    names = ("step", "completeness_pct", "visible_completeness_pct")
    measured = "visible_completeness_pct" in record["curve"]
    record["curve"] = {name: record["curve"][name] if measured else [] for name in names}


def plot_and_facts(run: RecordedRun, step: int) -> tuple[dict[str, Any], str]:
    """The plot of the score, and the line of facts, as a browser gets them."""
    pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
    from robonav.viewer.player import Player
    from robonav.viewer.server import start_server
    from tests.viewer.browser_stand_in import Client

    server = start_server(0)
    player = Player(server, run, only_episode(run), voxel_size=0.1)
    player.go_to(step)
    controls = Client(server).controls.values()
    plots = [control for control in controls if "scales" in control]
    (plot,) = (plot for plot in plots if not plot["title"].startswith("Reward"))
    (facts,) = (text for control in controls if "step" in (text := control.get("_markdown", "")))
    server.stop()
    return plot, facts


def points(plot: dict[str, Any]) -> list[list[float]]:
    return [np.frombuffer(part, np.float64).tolist() for part in plot["data"]]


def rows_of(path: Path) -> dict[str, int]:
    """Rows by entity of a recording of rerun, those that hold for all steps left out."""
    chunks = pytest.importorskip("rerun.chunk", reason="the extra robonav[rerun] is not installed")
    rows: dict[str, int] = {}
    for chunk in chunks.RrdReader(path).stream():
        if not chunk.is_static:
            rows[chunk.entity_path] = rows.get(chunk.entity_path, 0) + chunk.num_rows
    return rows


def test_a_record_carries_the_score_and_its_curve(away: RecordedRun) -> None:
    recording = only_episode(away)
    way = recording.picture.trajectory[:, :2]
    assert recording.record["main_score"] == {
        "name": "away_m",
        "label": "Distance from the start",
        "unit": "m",
    }
    assert recording.record["curve"].keys() == {"step", "away_m"}
    assert (recording.curve.score, recording.curve.step) == (Away.scores[0], MARKS)
    gone = [np.linalg.norm(way[step] - way[0]) for step in MARKS]
    assert gone[1] > 0.1
    np.testing.assert_allclose(recording.curve.value, gone, atol=1e-3)


def test_who_watches_sees_the_curve_that_is_recorded(tmp_path: Path) -> None:
    witness = CurveWitness()
    run = evaluated("away", tmp_path / "run", witness)
    lengths = [len(curve.step) for curve in witness.curves]
    assert lengths == [1] * 32 + [2] * 8  # a step is shown before it is measured
    assert witness.curves[-1] == only_episode(run).curve


def test_the_viewer_draws_and_names_it(away: RecordedRun) -> None:
    curve = only_episode(away).curve
    plot, facts = plot_and_facts(away, step=STEPS)
    assert (plot["title"], plot["visible"]) == ("Distance from the start, m", True)
    assert points(plot) == [MARKS, list(curve.value)]
    assert f"Distance from the start {curve.value[-1]:.3f} m, reward" in facts
    plot, facts = plot_and_facts(away, step=31)
    assert points(plot) == [[0.0], [0.0]]
    assert "Distance from the start 0.000 m, reward" in facts


def test_the_video_names_it_below(away: RecordedRun, tmp_path: Path) -> None:
    recording = only_episode(away)
    (path,) = export_episode(recording, ["gif"], tmp_path / "a", 0.1, lambda: None)
    *_, last = replayed(recording, 0.1)
    with Image.open(path) as gif:
        gif.seek(STEPS)
        shown = np.asarray(gif.convert("L"))[SIDE:]
    score = f"Distance from the start {recording.curve.value[-1]:.3f} m"
    said = f"step {STEPS}   reward {sum(last.rewards):.1f}   {score}"
    expected = Image.new("L", shown.shape[::-1], 255)
    ImageDraw.Draw(expected).text((4, 2), said, fill=30)
    assert shown.shape[0] == CAPTION
    np.testing.assert_allclose(shown, np.asarray(expected), atol=40)  # 64 colours


def test_rerun_gets_it_by_its_name(away: RecordedRun, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="the extra robonav[rerun] is not installed")
    (path,) = export_episode(only_episode(away), ["rrd"], tmp_path / "a", 0.1, lambda: None)
    rows = rows_of(path)
    assert rows["/away_m"] == len(MARKS)
    assert "/visible_completeness_pct" not in rows


def test_a_task_without_a_curve_is_shown_without_one(without_curve: RecordedRun, tmp_path: Path) -> None:
    recording = only_episode(without_curve)
    assert recording.record["away_m"].keys() == {"40"}
    assert recording.record["curve"] == {"step": MARKS}
    plot, facts = plot_and_facts(without_curve, step=STEPS)
    assert not plot["visible"]
    assert f"step {STEPS}: reward" in facts
    export_episode(recording, ["gif"], tmp_path / "a", 0.1, lambda: None)
    assert (tmp_path / "a.gif").exists()


def test_a_task_without_a_curve_is_no_entity_of_rerun(without_curve: RecordedRun, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="the extra robonav[rerun] is not installed")
    (path,) = export_episode(only_episode(without_curve), ["rrd"], tmp_path / "a", 0.1, lambda: None)
    rows = rows_of(path)
    assert rows["/reward"] == STEPS + 1
    assert "/away_m" not in rows


def test_exploring_is_recorded_as_ever_and_older_recordings_mean_completeness(
    run: Run, away: RecordedRun, tmp_path: Path
) -> None:
    explored = RecordedRun(run.folder, width=64, threads=1)
    record = only_episode(explored).record
    assert "main_score" not in record
    assert list(record["curve"]) == ["step", "completeness_pct", "visible_completeness_pct"]
    plot, facts = plot_and_facts(explored, step=STEPS)
    percent = record["curve"]["visible_completeness_pct"]
    assert (plot["title"], plot["visible"], points(plot)[1]) == ("Visible completeness, %", True, percent)
    assert f"Visible completeness {percent[-1]:.1f} %, reward" in facts

    old = rewritten(away, tmp_path / "old", as_of_old)
    assert not plot_and_facts(old, step=STEPS)[0]["visible"]
    export_episode(only_episode(old), ["gif"], tmp_path / "a", 0.1, lambda: None)


def test_an_older_recording_of_apples_shows_completeness_and_a_new_one_apples(tmp_path: Path) -> None:
    new = evaluated("apples", tmp_path / "new")
    assert only_episode(new).curve.score.name == "apples_picked"
    assert "visible_completeness_pct" in only_episode(new).record["curve"]
    old = rewritten(new, tmp_path / "old", as_of_old)
    assert plot_and_facts(old, step=STEPS)[0]["title"] == "Visible completeness, %"
    assert plot_and_facts(new, step=STEPS)[0]["title"] == "Apples picked"


def test_old_and_new_records_are_compared_and_reported_together(away: RecordedRun, tmp_path: Path) -> None:
    old = rewritten(away, tmp_path / "old", as_of_old)
    rows = compare({"new": away.folder, "old": old.folder})
    assert [row.curve_steps for row in rows] == [[STEPS], [STEPS]]
    assert "<svg" in comparison_as_html(rows, "both", [], tmp_path / "page.html")
    assert compare({"new": away.folder, "again": away.folder})[0].curve_steps == MARKS
    records = [*read_episodes(away.folder), *read_episodes(old.folder)]
    summary = summarise(records, read_settings(away.folder), "", None)
    load_map = partial(read_map, away.folder)
    assert "<svg" in render_report(summary, records[:1], load_map)
    assert "<svg" not in render_report(summary, records, load_map)


def test_a_score_that_nobody_can_read_is_told(away: RecordedRun, tmp_path: Path) -> None:
    damaged = rewritten(away, tmp_path / "damaged", lambda record: record.update(main_score=["away_m"]))
    with pytest.raises(
        UsageError, match="as its main score, not a name, a label and a unit: evaluate it again"
    ):
        _ = only_episode(damaged).curve
