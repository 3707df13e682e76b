"""The other side of the street: a hub, and a second daemon that calls and is called, on the host."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import image
from network import HOST
from picture import Picture
from rows import until

APP = 1400000001
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
HUB_PORT = 8080
# What the caller's camera and microphone carry.
CALLER = "anna"
CALLER_HZ = 600
FRESH_MS = 2000
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parent.parent.parent / "target"))
TARGET = BUILT / "release"


class Street:
    """Started by `with`; everything on it ends with it."""

    def __init__(self):
        self._place = Path(tempfile.mkdtemp(prefix="street-"))
        self._children = []
        self.key = self._place / "key"
        self.key.write_text(KEY)

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error:
            self._keep_logs()
        for child in reversed(self._children):
            child.terminate()
        for child in reversed(self._children):
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)
        shutil.rmtree(self._place, ignore_errors=True)

    def hub(self):
        """Starts the hub, for both sides."""
        config = self._place / "hub.toml"
        config.write_text(
            f'[server]\nlisten = "0.0.0.0:{HUB_PORT}"\n[store]\npath = ":memory:"\n'
            f'[[app]]\nid = {APP}\nkey_file = "key"\n')
        hub = self._start("hub", TARGET / "callbox-hub", "run", "--config", config)
        until("the hub listens", lambda: self._runs("hub", hub) and _listens(HUB_PORT))

    def caller(self):
        """Starts the second daemon; waits until the hub knows it."""
        config = self._place / "caller.toml"
        config.write_text(CALLER_TOML.format(place=self._place))
        caller = self._start("caller", TARGET / "callbox", "run", "--config", config)
        until("the caller is connected", lambda: self._runs("caller", caller) and self._is_up(), patience=60)

    def ctl(self, *command):
        """A command of the caller; gives its answer."""
        done = subprocess.run(
            [TARGET / "callbox", "ctl", "--socket", self._place / "ctl", "--json", *command],
            capture_output=True, text=True, timeout=20)
        if done.returncode:
            raise RuntimeError(f"callbox ctl {' '.join(command)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def phase(self):
        """Where the caller's station stands."""
        return self.ctl("status")["view"]["phase"]

    def hears(self):
        """The frequency that the caller's speaker plays now, or none."""
        media = self.ctl("status")["media"]
        heard = media["heard"]
        return heard["hz"] if heard and media["at_ms"] - heard["at_ms"] <= FRESH_MS else None

    def sees(self):
        """The caller's screen."""
        picture = self._place / "seen.jpg"
        done = subprocess.run(
            [TARGET / "callbox", "ctl", "--socket", self._place / "ctl", "snapshot", "screen", picture],
            capture_output=True, timeout=20)
        if done.returncode:
            return None
        ppm = self._place / "seen.ppm"
        _gst("filesrc", f"location={picture}", "!", "jpegdec", "!", "videoconvert", "!", "video/x-raw,format=RGB",
             "!", "pnmenc", "!", "filesink", f"location={ppm}")
        return Picture.read(ppm)

    def read_code(self, picture):
        """The frame number in the code of a caller's picture, wherever it is shown; none without a code."""
        ppm = self._place / "shown.ppm"
        ppm.write_bytes(picture.ppm())
        said = _gst("-m", "filesrc", f"location={ppm}", "!", "pnmdec", "!", "videoconvert", "!", "zbar", "!", "fakesink")
        code = re.search(r'BUFFERCOUNT\\":(\d+).*NAME\\":\\"' + CALLER, said)
        return int(code[1]) if code else None

    def _keep_logs(self):
        kept = image.CACHE / "logs" / "street"
        kept.mkdir(parents=True, exist_ok=True)
        for file in [*self._place.glob("*.log"), *self._place.glob("*.ppm")]:
            shutil.copy(file, kept)

    def _is_up(self):
        try:
            return self.ctl("status")["signaling"]["state"] == "up"
        except RuntimeError:  # no socket yet
            return False

    def _start(self, name, program, *given):
        log = open(self._place / f"{name}.log", "wb")
        environment = {**os.environ, "CALLBOX_LOG": "info,callbox=debug"}
        child = subprocess.Popen([program, *given], stdout=log, stderr=log, env=environment)
        self._children.append(child)
        return child

    def _runs(self, name, child):
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended: {(self._place / f'{name}.log').read_text()[-1000:]}")
        return True


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _gst(*given):
    done = subprocess.run(["gst-launch-1.0", *given], capture_output=True, text=True, timeout=60)
    return done.stdout


CALLER_TOML = f"""
[user]
app = {APP}
user = "{CALLER}"
device = "street"
key_file = "{{place}}/key"

[signaling.websocket]
url = "ws://{HOST}:{HUB_PORT}/ws"

[call]
ring_seconds = 120

[camera]
kind = "test"
name = "{CALLER}"

[microphone]
kind = "test"
hz = {CALLER_HZ}

[speaker]
kind = "test"

[screen]
kind = "test"
size = "320x180"
fps = 10

[video]
size = "320x180"
fps = 10
bitrate = {{{{ min = 100, start = 300, max = 500 }}}}

[network]
jitter = 100

[control]
socket = "{{place}}/ctl"
"""
