"""A long drive that is watched in a browser: does it stay fluid, and what do server and browser keep?

    python benchmarks/viewer_soak.py --steps 1400 --out viewer_soak.json

What `robonav drive explorer --view --camera 128` does, as fast as the machine can: the robot is drawn at
every frame and the map after every step, as often as in a drive in real time. One Chromium looks on in
software rendering, a plain client counts bytes, and a browser joins after it. Every minute of the robot's
clock gives a line; "cpu" times are of the drive's thread and of the browser, others are by the wall.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
import viser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from robonav.agents.registry import make_explorer
from robonav.driving.driver import Decision, DriveObserver, RobotState
from robonav.driving.simulation import SimulatedDrive
from robonav.driving.teleoperation import Teleoperation
from robonav.envs.robots.spec import TURTLEBOT, Noise
from robonav.envs.scenes import open_scenes
from robonav.launch.warp_start import start_warp
from robonav.viewer import drive_view
from robonav.viewer.drive_view import DriveViewer
from robonav.viewer.server import address, start_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run"]
PATIENCE_MS = 180_000
SILENCE_S = 0.5  # after so long without a word a client that joined has been given everything
COUNT_FRAMES = """() => {
    window.gaps = []; let last = performance.now();
    const drawn = now => { window.gaps.push(now - last); last = now; requestAnimationFrame(drawn); };
    requestAnimationFrame(drawn);
}"""
TAKE_GAPS = "() => { const gaps = window.gaps; window.gaps = []; return gaps; }"


def main(
    explorer: str = "explorer",
    scene: str = "procedural",
    steps: int = 1400,
    seed: int = 0,
    camera: int = 128,
    out: Path = Path("viewer_soak.json"),
) -> None:
    """Drive, print a line a minute, and write all of them."""
    start_warp()
    drive_view.MAP_EVERY_S = drive_view.ROBOT_EVERY_S = 0.0
    people = Teleoperation()
    drive = SimulatedDrive(
        make_explorer(explorer), open_scenes(scene), TURTLEBOT, Noise(), seed, camera, threads=1
    )
    with ExitStack() as stack:
        server = start_server(0)
        stack.callback(server.stop)
        viewer = DriveViewer(server, "a long drive", drive.robot.camera, people, lambda: drive.curve())
        onlooker = browser(stack)
        page = Page(onlooker, server)
        soak = Soak(viewer, drive, Client(server), page)
        outcome, record, _ = drive.run(steps, [soak], people)
        page.close()
        result = {
            "scene_id": record["scene_id"],
            "decisions": outcome.decisions,
            "stopped_by": outcome.cause,
            **{name: record["drive"][name] for name in ("driven_s", "real_time_factor")},
            "minutes": soak.lines,
        }
        out.write_text(json.dumps(result, indent=1) + "\n")
        result["late_joiner"] = late_joiner(server, onlooker)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: value for key, value in result.items() if key != "minutes"}, indent=1))


class Soak(DriveObserver):
    """Times what the viewer does, and looks at everybody's memory every minute of the robot's clock."""

    def __init__(self, viewer: DriveViewer, drive: SimulatedDrive, client: Client, page: Page) -> None:
        self._viewer, self._drive, self._client, self._page = viewer, drive, client, page
        self._updates: list[tuple[float, float, bool]] = []  # wall and CPU seconds, and whether of the map
        self._decisions = 0
        self.lines: list[dict[str, Any]] = []

    def tick(self, state: RobotState) -> None:
        """Let the viewer draw, and time it."""
        drawn, wall, cpu = self._viewer._drawn_steps, time.perf_counter(), time.thread_time()
        self._viewer.tick(state)
        if state.is_new:
            spent = time.perf_counter() - wall, time.thread_time() - cpu
            self._updates.append((*spent, self._viewer._drawn_steps != drawn))
        if state.stamp_s >= 60 * (len(self.lines) + 1):
            self._write_line(state.stamp_s)

    def decided(self, decision: Decision) -> None:
        """Pass it on."""
        self._viewer.decided(decision)
        self._decisions += 1

    def _write_line(self, stamp_s: float) -> None:
        updates = np.array(self._updates) * (1000, 1000, 1)
        self._updates.clear()
        of_map, of_robot = updates[updates[:, 2] == 1], updates[updates[:, 2] == 0]
        sent, episode = self._client.take(), self._viewer._episode
        assert episode is not None
        line = {
            "minute": round(stamp_s / 60, 1),
            "decisions": self._decisions,
            "seen_pct": self._drive.curve().value[-1],
            "map_blocks": episode.reconstruction.num_blocks(0),
            "server_rss_mb": rss_mb("self"),
            "map_update_ms": quartiles(of_map[:, 0]),
            "map_update_cpu_ms": quartiles(of_map[:, 1]),
            "robot_update_ms": quartiles(of_robot[:, 0]),
            "robot_update_cpu_ms": quartiles(of_robot[:, 1]),
            "sent_kb_an_update": round(sum(sent) / 1000 / len(updates), 1),
            "sent_batches": len(sent),
            "nodes": len(self._viewer._server.scene._handle_from_node_name),
            **kept(self._viewer._server),
            **self._page.take(),
        }
        self.lines.append(line)
        print(json.dumps(line), flush=True)


class Client:
    """Connected like a browser; all it does is count bytes."""

    def __init__(self, server: viser.ViserServer) -> None:
        protocol: Any = f"viser-v{viser.__version__}"
        self._socket = connect(address(server).replace("http", "ws"), subprotocols=[protocol], max_size=None)
        self._sizes: list[int] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self) -> list[int]:
        """Bytes of every batch of messages since the last call."""
        sizes, self._sizes = self._sizes, []
        return sizes

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _listen(self) -> None:
        try:
            while True:
                self._sizes.append(len(self._socket.recv()))
        except ConnectionClosed:
            return


class Page:
    """A browser that looks on, if there is one: its frames and its memory."""

    def __init__(self, onlooker: Browser | None, server: viser.ViserServer) -> None:
        self._browser, self._page = onlooker, None
        if onlooker is None:
            return
        began = time.perf_counter()
        self._page = onlooker.new_context(viewport={"width": 480, "height": 320}).new_page()
        self._page.set_default_timeout(PATIENCE_MS)
        self._page.goto(address(server), wait_until="commit")
        self._page.get_by_text("Hand back").wait_for()
        self.ready_s = time.perf_counter() - began
        self._page.evaluate(COUNT_FRAMES)
        self._devtools = self._page.context.new_cdp_session(self._page)
        self._cpu_s = self._processes()[1]

    def take(self) -> dict[str, Any]:
        """Frame times since the last call, and memory after garbage is collected."""
        if self._page is None:
            return {}
        gaps = self._page.evaluate(TAKE_GAPS)
        self._devtools.send("HeapProfiler.collectGarbage")
        heap = self._devtools.send("Runtime.getHeapUsage")["usedSize"]
        rss, cpu_s = self._processes()
        spent_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        return {
            "frames": len(gaps),
            "frames_a_second": round(1000 * len(gaps) / sum(gaps), 1),
            "frame_gap_ms": quartiles(np.array(gaps)),
            "browser_cpu_ms_a_frame": round(1000 * spent_s / len(gaps), 1),
            "js_heap_mb": round(heap / 1e6, 1),
            "browser_rss_mb": rss,
        }

    def close(self) -> None:
        """Leave."""
        if self._page is not None:
            self._page.context.close()

    def _processes(self) -> tuple[float, float]:
        """Memory of all of the browser's processes, MB, and the CPU time that they took, seconds."""
        assert self._browser is not None
        devtools = self._browser.new_browser_cdp_session()
        processes = devtools.send("SystemInfo.getProcessInfo")["processInfo"]
        devtools.detach()
        return (
            round(sum(rss_mb(process["id"]) for process in processes), 1),
            sum(process["cpuTime"] for process in processes),
        )


def browser(stack: ExitStack) -> Browser | None:
    """A headless Chromium; None where there is none."""
    if CHROMIUM is None:
        return None
    from playwright.sync_api import sync_playwright

    playwright = stack.enter_context(sync_playwright())
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS, timeout=PATIENCE_MS)
    stack.callback(found.close)
    return found


def late_joiner(server: viser.ViserServer, onlooker: Browser | None) -> dict[str, Any]:
    """Load of a client that joins after the drive, and the time in which a browser shows it."""
    page = Page(onlooker, server)
    if onlooker is None:
        return kept(server)
    time.sleep(20)  # while it draws what it was given
    return {**kept(server), "ready_s": round(page.ready_s, 1), **page.take()}


def kept(server: viser.ViserServer) -> dict[str, Any]:
    """Messages that the server keeps for a client that joins now."""
    client, sizes = Client(server), []
    while news := (time.sleep(SILENCE_S), client.take())[1]:
        sizes += news
    client.close()
    buffer = server._websock_server._broadcast_buffer
    return {"kept_messages": len(buffer.message_from_id), "kept_kb": round(sum(sizes) / 1000, 1)}


def rss_mb(process: int | str) -> float:
    """Resident memory of a process, MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1000, 1)


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Median and 95th percentile."""
    if not len(values):
        return {}
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (50, 95)}


if __name__ == "__main__":
    tyro.cli(main)
