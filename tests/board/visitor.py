"""A device that says whatever it is told to say, right or wrong (docs/protocol.md), over a WebSocket of its own (RFC 6455)."""

import base64
import json
import os
import secrets
import socket
import struct
import subprocess
import time

from network import HOST
from street import APP, HUB_PORT, TARGET

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Visitor:
    """One login at the hub; ended by `with`."""

    def __init__(self, street, user, device):
        self.you = {"user": user, "device": device}
        self._socket = socket.create_connection((HOST, HUB_PORT), timeout=10)
        self._input = self._socket.makefile("rb")
        self._shake_hands()
        made = subprocess.run(
            [TARGET / "callbox", "ticket", "make", "--app", str(APP), "--key-file", street.key, "--user", user, "--expire", "600"],
            capture_output=True, text=True, timeout=10, check=True)
        self.say("login", app=APP, ticket=made.stdout.strip(), agent="browser", **self.you)
        self.hear("welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._input.close()
        self._socket.close()

    def say(self, kind, /, **fields):
        """Sends one message."""
        message = {"v": 1, "id": secrets.token_hex(16), "type": kind, **fields}
        self._send(TEXT, json.dumps(message).encode())

    def hear(self, *kinds, patience=60):
        """The next message of one of these kinds."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            self._socket.settimeout(max(end - time.monotonic(), 0.1))
            try:
                message = json.loads(self._receive())
            except TimeoutError:
                break
            if message["type"] in kinds:
                return message
        raise AssertionError(f"{self.you} hears no {' or '.join(kinds)} in {patience} s")

    def _shake_hands(self):
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall((
            f"GET /ws HTTP/1.1\r\nHost: {HOST}:{HUB_PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        first = self._input.readline()
        if b" 101 " not in first:
            raise RuntimeError(f"the hub answers {first}")
        while self._input.readline().strip():
            pass

    def _send(self, kind, payload):
        length = len(payload)
        head = bytes([0x80 | kind]) + (bytes([0x80 | length]) if length < 126 else struct.pack("!BH", 0x80 | 126, length))
        mask = os.urandom(4)
        self._socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

    def _receive(self):
        """The next text; answers what the hub's heartbeat asks."""
        while True:
            first, length = self._input.read(2)
            if length == 126:
                length, = struct.unpack("!H", self._input.read(2))
            elif length == 127:
                length, = struct.unpack("!Q", self._input.read(8))
            payload, kind = self._input.read(length), first & 0x0F
            if kind == TEXT:
                return payload
            if kind == PING:
                self._send(PONG, payload)
            elif kind == CLOSE:
                raise RuntimeError(f"the hub leaves {self.you}: {payload}")
