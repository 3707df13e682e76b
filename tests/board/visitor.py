"""A device that says whatever it is told to say, right or wrong (docs/protocol.md), over a WebSocket of its own."""

import json
import secrets
import subprocess
import time

import websocket

from network import HOST
from street import APP, HUB_PORT, TARGET


class Visitor:
    """One login at the hub; ended by `with`."""

    def __init__(self, street, user, device):
        self.you = {"user": user, "device": device}
        self._socket = websocket.create_connection(f"ws://{HOST}:{HUB_PORT}/ws", timeout=10, http_no_proxy=[HOST])
        made = subprocess.run(
            [TARGET / "callbox", "ticket", "make", "--app", str(APP), "--key-file", street.key, "--user", user, "--expire", "600"],
            capture_output=True, text=True, timeout=10, check=True)
        self.say("login", app=APP, ticket=made.stdout.strip(), agent="browser", **self.you)
        self.hear("welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def say(self, kind, /, **fields):
        """Sends one message."""
        self._socket.send(json.dumps({"v": 1, "id": secrets.token_hex(16), "type": kind, **fields}))

    def hear(self, *kinds, patience=60):
        """The next message of one of these kinds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            self._socket.settimeout(max(end - time.monotonic(), 0.1))
            try:
                text = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                break
            if not text:
                raise RuntimeError(f"the hub leaves {self.you}")
            message = json.loads(text)
            if message["type"] in kinds:
                return message
        raise AssertionError(f"{self.you} hears no {' or '.join(kinds)} in {patience} s")
