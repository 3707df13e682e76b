"""A hub and a panel on this machine: started with a folder of their own, seen, pressed, and ended by their own process id."""

import asyncio
import json
import secrets
import socket
import time
from collections import deque

from call import Address
from client import Client
import ticket

APP = 1400000001
PANEL = Address("door", "panel")
PANEL_HZ = 640
TICKET_S = 3600
# What the panel saw or heard longer ago is not what is there now.
FRESH_MS = 1_000
END_S = 8
TAIL = 20

CONFIG = """
[user]
app = {app}
user = "{you.user}"
device = "{you.device}"
key_file = "{folder}/app.key"

[signaling.websocket]
url = "{address}"

[call]
ring_seconds = 30
early_media = "{early}"

[camera]
kind = "test"
name = "{you.user}"

[microphone]
kind = "test"
hz = {hz}

[speaker]
kind = "test"

[screen]
kind = "test"
size = "640x360"
fps = 10

[video]
codec = "{codec}"
size = "640x360"
fps = 10

[control]
socket = "{folder}/panel.sock"

[log]
level = "info,callbox=debug"
"""


async def until(what, check, seconds):
    """Waits until the check gives something and returns it; tells what was not seen in time."""
    end = time.monotonic() + seconds
    while not (found := await check() if asyncio.iscoroutinefunction(check) else check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what} (last: {found!r})")
        await asyncio.sleep(0.1)
    return found


class Program:
    """One child process and its log."""

    def __init__(self, folder, name, *command):
        self.name, self.command = name, [str(word) for word in command]
        self.log = folder / f"{name}.log"
        self._process = None

    async def start(self):
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self.command, stdout=log, stderr=log)

    def check_alive(self):
        if self._process.returncode is not None:
            raise RuntimeError(f"{self.name} has ended with {self._process.returncode}")

    async def stop(self):
        """Asks it to end, and makes it end when it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def kill(self):
        """Ends it as a power cut would."""
        self._process.kill()
        await self._process.wait()

    def tail(self):
        """The last lines it wrote."""
        with self.log.open(errors="replace") as log:
            return list(deque(log, maxlen=TAIL))


class Hub(Program):
    """The switchboard, with one app."""

    def __init__(self, folder, bin_dir):
        port = free_port()
        self.key = secrets.token_hex(32)
        key_file = folder / "app.key"
        key_file.touch(mode=0o600)
        key_file.write_text(self.key + "\n")
        config = folder / "hub.toml"
        config.write_text(
            f'[server]\nlisten = "127.0.0.1:{port}"\n[store]\npath = ":memory:"\n[[app]]\nid = {APP}\nkey_file = "app.key"\n'
        )
        self.address = f"ws://127.0.0.1:{port}/ws"
        self._port = port
        super().__init__(folder, "hub", bin_dir / "callbox-hub", "run", "--config", config)

    async def start(self):
        await super().start()
        await until("the hub listens", self._listens, 20)

    def client(self, user, device="client", **wishes):
        """A client of this user with a ticket of its own."""
        own = ticket.make(APP, self.key, user, TICKET_S)
        return Client(self.address, APP, Address(user, device), own, **wishes)

    async def _listens(self):
        self.check_alive()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True


class Panel(Program):
    """The daemon with test hardware; everything is asked and pressed through `callbox ctl`."""

    def __init__(self, folder, bin_dir, hub):
        self._callbox, self._folder, self._hub = bin_dir / "callbox", folder, hub
        self._config = folder / "panel.toml"
        self._ended = None
        super().__init__(folder, "panel", self._callbox, "run", "--config", self._config)

    async def start(self, codec="vp8", early="connect"):
        """Starts it with these settings and waits until it can be called."""
        self._config.write_text(
            CONFIG.format(app=APP, you=PANEL, folder=self._folder, address=self._hub.address, hz=PANEL_HZ, codec=codec, early=early)
        )
        self._ended = None
        await super().start()
        await until("the panel is connected", self._connected, 30)

    async def press(self, *command):
        """A command for the daemon; returns what it printed."""
        words = [self._callbox, "ctl", "--socket", self._folder / "panel.sock", *command]
        program = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(program.communicate(), 20)
        if program.returncode != 0:
            raise AssertionError(f"callbox ctl {' '.join(command)}: {err.decode().strip()}")
        return out.decode()

    async def status(self):
        """What `callbox ctl status --json` tells."""
        return json.loads(await self.press("status", "--json"))

    async def is_in(self, phase, seconds=20):
        """Waits for a phase of its station."""

        async def reached():
            return (await self.status())["view"]["phase"] == phase

        await until(f"the panel is {phase}", reached, seconds)

    async def call_name(self):
        """The id of the call it is in."""
        return (await self.status())["view"]["call"]["call"]

    async def has_ended(self, reason, seconds=20):
        """Waits for the end of one more call, and checks why it ended."""

        async def ended():
            view = (await self.status())["view"]
            last = view.get("last")
            return last if view["phase"] == "idle" and last and last["call"] != self._ended else None

        last = await until("the panel's call is over", ended, seconds)
        self._ended = last["call"]
        assert last["reason"] == reason, f"the panel says {last['reason']} where {reason} was to be"

    async def sees(self):
        """Name and number of the code on its screen now, or nothing."""
        media = (await self.status())["media"]
        seen = media.get("seen")
        if not seen or media["at_ms"] - seen["at_ms"] > FRESH_MS:
            return None
        return seen["name"], seen["frame"]

    async def hears(self):
        """The loudest frequency that its speaker plays now, or nothing."""
        media = (await self.status())["media"]
        heard = media.get("heard")
        return heard["hz"] if heard and media["at_ms"] - heard["at_ms"] <= FRESH_MS else None

    async def _connected(self):
        self.check_alive()
        if not (self._folder / "panel.sock").exists():
            return False
        try:
            return (await self.status())["signaling"]["state"] == "up"
        except AssertionError:
            return False


def free_port():
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
