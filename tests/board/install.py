"""The board with the daemon's package on it: installed, configured, started, and saved."""

from pathlib import Path

import image
from network import HOST
from rows import Seen, Skip, until
from street import APP, BUILT, CALLER, HUB_PORT, KEY, TARGET

START_PATIENCE = 300


def running():
    """The saved state in which the service runs and nobody has called yet."""
    package_file = package()
    if not (TARGET / "callbox-hub").exists():
        raise Skip("no target/release/callbox-hub: `cargo build --release`")
    return image.prepared("service", [package_file, Path(__file__).resolve()], lambda board: install(board, package_file, BOARD_TOML))


def package():
    """The newest package for the board."""
    packages = sorted(BUILT.glob("debian/callbox_*_amd64.deb"), key=lambda path: path.stat().st_mtime)
    if not packages:
        raise Skip("no target/debian/callbox_*_amd64.deb: `cargo deb`")
    return packages[-1]


def install(board, package_file, config):
    """Installs it, and waits until the service runs with this configuration."""
    board.put(package_file, "/tmp/callbox.deb")
    board.run("dpkg -i /tmp/callbox.deb", patience=120)
    board.write("/etc/callbox/key", KEY, mode="600")
    board.write("/etc/callbox/callbox.toml", config)
    board.write("/etc/systemd/system/callbox.service.d/board.conf", DROP_IN)
    board.run("systemd-tmpfiles --create /usr/lib/tmpfiles.d/callbox.conf; systemctl daemon-reload")
    board.run("v4l2-ctl -d /dev/video0 -c horizontal_movement=4,osd_text_mode=1")
    # A first start that runs out of time is followed by a second one, which finds GStreamer's plug-ins listed.
    board.run("systemctl enable callbox; systemctl start --no-block callbox")
    try:
        until("the service runs", lambda: board.run("systemctl show -P ActiveState callbox") == "active", START_PATIENCE, 2)
    except Seen as error:
        raise RuntimeError(f"{error}\n" + board.run("journalctl -u callbox --no-pager -n 60")) from error


# It emulates every instruction: a start takes longer than on any real board.
DROP_IN = """
[Service]
TimeoutStartSec=300
WatchdogSec=120
Environment=GST_DEBUG=2,v4l2*:1,rtp*:1,alsa:1 GST_DEBUG_NO_COLOR=1
"""

def _head(device):
    """Who a board is, and where its hub is."""
    return f"""
[user]
app = {APP}
user = "door"
device = "{device}"
key_file = "credential:key"

[signaling.websocket]
url = "ws://{HOST}:{HUB_PORT}/ws"

[call]
ring_seconds = 120
trusted = ["*"]

[callers]
allow = ["*"]
longest_ring_s = 120
"""


BOARD_TOML = f"""
{_head("board")}
[camera]
kind = "v4l2"
device = "/dev/video0"

[microphone]
kind = "alsa"
device = "plughw:CARD=Microphone,DEV=1"
echo = "off"

[speaker]
kind = "alsa"
device = "plughw:CARD=Speaker,DEV=0"

[screen]
kind = "kms"
driver = "bochs-drm"
size = "640x480"
fps = 5

[video]
size = "320x180"
fps = 5
bitrate = {{ min = 100, start = 300, max = 500 }}

[network]
jitter = 100

[[buttons]]
device = "board-keypad"
key = "KEY_ENTER"
action = "toggle"

[[buttons]]
device = "board-keypad"
key = "KEY_1"
action = "call:{CALLER}"

[records]
path = "/var/lib/callbox/calls.jsonl"

[log]
level = "info,callbox=debug"
"""

# A whole panel, and no camera, sound or screen.
PANEL_TOML = f"""
{_head("panel")}
[video]
size = "320x180"
fps = 5
bitrate = {{ min = 100, start = 300, max = 500 }}

[panel]
stuck_s = 5

[[buttons]]
device = "board-key*"
key = "KEY_A"
action = "mute"
long = "camera"
double = "hangup"

[[buttons]]
device = "board-key*"
key = "KEY_B"
action = "accept"

[[buttons]]
line = "button-bell active-low pull-up"
action = "reject"
long = "unlock"

[keypad]
device = "board-key*"
user = "flat-{{number}}"

[keypad.directory]
9 = "janitor"

[[lamps]]
line = "lamp-idle"
idle = "on"

[[lamps]]
line = "lamp-ringing"
ringing = "on"

[[lamps]]
line = "lamp-talking"
talking = "on"

[[lamps]]
line = "lamp-offline"
offline = "on"

[[lamps]]
line = "lamp-fault"
fault = "on"

[door]
relay = "door-relay pull-down"
pulse_ms = 3000
limit_ms = 5000
contact = "door-contact"
tamper = "tamper"
open_too_long_s = 2
allow = ["{CALLER}"]

[log]
level = "info,callbox=debug"
"""
