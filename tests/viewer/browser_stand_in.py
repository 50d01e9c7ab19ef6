"""A client that speaks viser's wire format: what a browser would be told, without a browser."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import viser
import zstandard
from websockets.sync.client import connect

_CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": (1.0, 0.0, 0.0, 0.0),
    "position": (0.0, 0.0, 5.0),
    "fov": 1.0,
    "near": 0.1,
    "far": 100.0,
    "image_height": 100,
    "image_width": 100,
    "look_at": (0.0, 0.0, 0.0),
    "up_direction": (0.0, 0.0, 1.0),
}


class Client:
    """Knows what a browser that joined would show.

    Attributes:
        nodes: Properties of the nodes in the scene, by name.
        controls: Properties of buttons, plots and so on, by id.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        address, version = f"ws://127.0.0.1:{server.get_port()}", f"viser-v{viser.__version__}"
        self._socket = connect(address, subprotocols=[version], max_size=None)  # type: ignore[list-item]
        self.nodes: dict[str, dict[str, Any]] = {}
        self.controls: dict[str, dict[str, Any]] = {}
        self._send(_CAMERA)
        self.listen()

    def listen(self) -> None:
        """Take in all that the server has to say before it is silent for a moment."""
        timeout = 20.0
        while True:
            try:
                raw = self._socket.recv(timeout)
            except TimeoutError:
                return
            timeout = 0.3
            for message in self._decoded(bytes(raw)):
                self._take(message)

    def set(self, label: str, value: object) -> None:
        """Move the slider, choose from the list or press the button of that label."""
        (uuid,) = (uuid for uuid, props in self.controls.items() if props.get("label") == label)
        self._send({"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": value}})

    def press(self, key: str) -> None:
        """Press the key of a command."""
        (uuid,) = (uuid for uuid, props in self.controls.items() if props.get("hotkey") == key)
        self._send({"type": "CommandTriggerMessage", "uuid": uuid})

    def close(self) -> None:
        """Leave without a word to anyone."""
        self._socket.close()

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.send(msgspec.msgpack.encode(message))

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "RemoveSceneNodeMessage":
            self.nodes.pop(message["name"], None)
        elif kind == "SceneNodeUpdateMessage":
            self.nodes[message["name"]].update(message["updates"])
        elif kind == "SetPositionMessage":
            self.nodes[message["name"]]["position"] = message["position"]
        elif kind == "GuiUpdateMessage":
            self.controls[message["uuid"]].update(message["updates"])
        elif "props" in message and "uuid" in message:
            value = {"value": message["value"]} if "value" in message else {}
            self.controls[message["uuid"]] = {**message["props"], **value}
        elif "props" in message:
            self.nodes[message["name"]] = dict(message["props"])

    @staticmethod
    def _decoded(raw: bytes) -> list[dict[str, Any]]:
        length = int.from_bytes(raw[8:16], "little")
        content = msgspec.msgpack.decode(zstandard.decompress(raw[16 : 16 + length]))
        aligned = [-(-size // 8) * 8 for size in content["binaryBufferLengths"]]
        starts = itertools.accumulate(aligned, initial=-(-(16 + length) // 8) * 8)
        buffers = [raw[s : s + n] for s, n in zip(starts, content["binaryBufferLengths"], strict=False)]
        return [_filled(message, buffers) for message in content["messages"]]


def _filled(value: Any, buffers: list[bytes]) -> Any:
    """A message with its bytes put back where a number stands for them."""
    if isinstance(value, dict):
        if "__binary_index" in value:
            return buffers[value["__binary_index"]]
        return {key: _filled(inner, buffers) for key, inner in value.items()}
    return [_filled(inner, buffers) for inner in value] if isinstance(value, list) else value
