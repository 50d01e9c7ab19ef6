"""In a real browser: the page loads, the map is seen, the buttons work. pytest keeps the screenshots."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robonav.driving.driver import Driver
from robonav.driving.teleoperation import Pace, Teleoperation
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.sensors.camera import Camera
from robonav.viewer.drive_view import DriveViewer
from robonav.viewer.player import Player
from robonav.viewer.replay import RecordedRun
from robonav.viewer.server import start_server
from robonav.watching import Curve
from tests.driving.robots import Kept, Told, robot_in_a_room
from tests.viewer.conftest import STEPS, Run

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
PATIENCE_MS = 120_000  # software rendering on a busy machine

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")


@pytest.fixture
def page() -> Iterator[sync_api.Page]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS, timeout=PATIENCE_MS)
        page = browser.new_page(viewport={"width": 800, "height": 500})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def seen(page: sync_api.Page, path: Path) -> np.ndarray:
    """The middle of the scene, where nothing else is drawn; the whole window is kept as a picture."""
    before, now = np.zeros(0), middle(page)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not np.array_equal(before, now) and time.monotonic() < deadline:
        page.wait_for_timeout(1000)  # meshes are being loaded, and fade in
        before, now = now, middle(page)
    path.write_bytes(page.screenshot())
    return now


def middle(page: sync_api.Page) -> np.ndarray:
    """The colours there, as they are now."""
    window = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(float)
    return window[200:400, 120:400]


@pytest.mark.timeout(600)
def test_the_map_is_seen_and_the_buttons_work(run: Run, page: sync_api.Page, tmp_path: Path) -> None:
    recorded = RecordedRun(run.folder, width=64, threads=1)
    server = start_server(0)
    player = Player(server, recorded, recorded.open(recorded.episode_ids[0]), voxel_size=0.1)
    page.goto(f"http://127.0.0.1:{server.get_port()}", wait_until="commit")
    page.get_by_text("step 0:").wait_for()
    start = seen(page, tmp_path / "start.png")
    assert start.std() > 10  # something is drawn on the white ground

    pressed = threading.Thread(target=player.play_on)
    pressed.start()
    page.get_by_role("button", name="Step", exact=True).dispatch_event("click")
    page.get_by_text("step 1:").wait_for()
    pressed.join(60)
    assert player.episode.step == 1

    player.go_to(STEPS)
    page.get_by_text(f"step {STEPS}:").wait_for()
    end = seen(page, tmp_path / "end.png")
    assert np.abs(end - start).max(axis=2).mean() > 2  # the map has grown
    server.stop()


@pytest.mark.timeout(600)
def test_keys_of_the_browser_take_over_from_the_policy(page: sync_api.Page, tmp_path: Path) -> None:
    server, people, kept = start_server(0), Teleoperation(), Kept()
    robot = robot_in_a_room(camera=Camera(64, 64))
    viewer = DriveViewer(server, "a drive", robot.camera, people, Curve)
    driver = Driver(robot, Told(FORWARD), [kept, viewer, Pace(people, always=False)], people)
    people.take_over()  # before anything is driven, so that the page is there in time
    people.joined()
    drive = threading.Thread(target=driver.run, args=(3,))
    drive.start()
    page.goto(f"http://127.0.0.1:{server.get_port()}", wait_until="commit")
    page.get_by_text("a person drives").wait_for()
    assert seen(page, tmp_path / "standing.png").std() > 10
    for decided, key in enumerate(("j", "i"), start=1):
        page.keyboard.press(key)
        wait_for_decisions(page, kept, decided)
    page.screenshot(path=tmp_path / "steered.png")
    page.get_by_role("button", name="Hand back").dispatch_event("click")
    page.get_by_text("the policy drives").wait_for()
    drive.join(120)
    told = [(decision.action, decision.by) for decision in kept.decisions]
    assert told == [(LEFT, "person"), (FORWARD, "person"), (FORWARD, "pilot")]
    robot.close()
    server.stop()


def wait_for_decisions(page: sync_api.Page, kept: Kept, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while len(kept.decisions) < count and time.monotonic() < deadline:
        page.wait_for_timeout(200)
