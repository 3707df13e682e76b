"""The daemon on the board: from its package, as a service, with a second daemon on the street."""

import json
import subprocess
import sys

import image
from install import running
from machine import CommandFailed
from rows import expect, row, until
from sound import loudest
from street import CALLER_HZ, Street

BOARD_HZ = 1000
CALL_PATIENCE = 90
# Within this time of the pick-up a press of the one button does not hang up.
PRESS_GUARD_MS = 1000
IDLE_WAKE_UPS = 3
IDLE_LOOKS = 3
BARS = {"yellow", "cyan", "green", "magenta", "red", "blue"}


# Processor time in nanoseconds, as the scheduler counts it: ticks are too coarse for what hardly runs.
IDLE = """
import json, pathlib, sys, time

def now():
    place = pathlib.Path("/proc", sys.argv[1])
    busy = sum(int((task / "schedstat").read_text().split()[0]) for task in (place / "task").iterdir())
    lines = [line for task in (place / "task").iterdir() for line in (task / "status").read_text().splitlines()]
    switches = sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    resident = int(next(line for line in (place / "status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])
    return time.monotonic(), busy, switches, resident

before = now()
time.sleep(40)
after = now()
print(json.dumps([b - a for a, b in zip(before[:3], after)] + [after[3]]))
"""

# The same work here and there.
YARDSTICK = """
import time
began = time.process_time()
sum(n * n for n in range(400000))
print(time.process_time() - began)
"""


@row("the unit is exposed no more than 1.5", running)
def exposure(board):
    said = board.run("systemd-analyze security --no-pager callbox.service", patience=120)
    line = next(line for line in said.splitlines() if "Overall exposure" in line)
    level = float(line.split(":")[1].split()[0])
    expect(f"at most 1.5, not {level}", level <= 1.5)
    users = set(board.run("ps -o user= -p $(paste -sd, /sys/fs/cgroup/system.slice/callbox.service/cgroup.procs)").split())
    expect(f"nothing of it runs as {users - {'callbox'}}", users == {"callbox"})
    return f"exposure {level}"


@row("it is ready after a power cut, by itself", running)
def boot(board):
    with Street() as street:
        street.hub()
        street.caller()
        board.power_cycle()
        board.wait(image.BOOT_PATIENCE)
        until("it is connected", lambda: is_up(board), CALL_PATIENCE)
        expect("without a second try", board.run("systemctl show -P NRestarts callbox") == "0")
        started, ready = (
            int(board.run(f"systemctl show -P {name}TimestampMonotonic callbox")) / 1e6 for name in ("InactiveExit", "ActiveEnter"))
        pick_up(board, street)
        return f"ready {ready:.1f} s after the kernel began, {ready - started:.1f} s after its own start (every instruction emulated)"


@row("idle it hardly does anything", running)
def idle(board):
    with Street() as street:
        connect(board, street)
        # What is left of the start ends at some time, which is not known beforehand.
        for _ in range(IDLE_LOOKS):
            seconds, busy, switches, resident = json.loads(board.run("python3 - $(systemctl show -P MainPID callbox)", 120, IDLE.encode()))
            if switches / seconds <= IDLE_WAKE_UPS:
                break
        here = subprocess.run([sys.executable, "-c", YARDSTICK], capture_output=True, text=True, check=True, timeout=60).stdout
        slower = float(board.run("python3 -", 120, YARDSTICK.encode())) / float(here)
        woken, cpu = switches / seconds, busy / seconds / 1e7
        told = (f"{woken:.1f} wake-ups a second, {cpu:.2f} % of an emulated core, which is {slower:.0f} times as slow as one of this "
                f"machine, so {cpu / slower:.3f} % of that; {resident / 1024:.0f} MiB resident, over {seconds:.0f} s")
        expect(f"at most {IDLE_WAKE_UPS} wake-ups a second: {told}", woken <= IDLE_WAKE_UPS)
        expect(f"0.0 % of a core: {told}", round(cpu / slower, 1) == 0)
        return told


@row("the board calls, both see and hear, and the board hangs up", running)
def outgoing(board):
    with Street() as street:
        connect(board, street)
        board.keypad("tap KEY_1")
        until("it rings on the street", lambda: street.phase() == "ringing", CALL_PATIENCE)
        _link_is_secured(board)
        street.ctl("accept")
        _both_talk(board, street)
        _both_see_and_hear(board, street)
        hang_up(board, street)


@row("a key of the board accepts, both see and hear, and a key hangs up", running)
def incoming(board):
    with Street() as street:
        connect(board, street)
        pick_up(board, street)
        _both_see_and_hear(board, street)
        hang_up(board, street)


@row("the daemon that is killed is back, and the other side is told", running)
def killed(board):
    with Street() as street:
        connect(board, street)
        pick_up(board, street)
        board.run("systemctl kill -s KILL callbox")
        until("the street is idle again", lambda: street.phase() == "idle", CALL_PATIENCE)
        until("the board can be called again", lambda: is_up(board), CALL_PATIENCE)


@row("a wrong configuration stops the service, with its reason", running)
def misconfigured(board):
    board.run("sed -i 's/^kind = \"kms\"/kind = \"cinema\"/' /etc/callbox/callbox.toml; systemctl restart callbox || true", patience=90)
    until("the service has failed", lambda: board.run("systemctl show -P ActiveState callbox") == "failed", 60)
    expect("it is not started again and again", board.run("systemctl show -P NRestarts callbox") == "0")
    expect("the journal names the key", "screen.kind" in board.run("journalctl -u callbox -n 20 --no-pager -o cat"))


@row("the package is purged without a trace", running)
def purged(board):
    board.run("dpkg --purge callbox", patience=120)
    left = board.run("ls -d /etc/callbox /var/lib/callbox /var/cache/callbox /run/callbox /usr/bin/callbox 2>/dev/null || true")
    expect(f"nothing left, not {left}", not left)
    expect("no unit", "callbox" not in board.run("systemctl list-unit-files --no-legend 'callbox*' || true"))


def connect(board, street):
    street.hub()
    street.caller()
    until("the board is connected", lambda: is_up(board), CALL_PATIENCE)


def status(board):
    return json.loads(board.run("callbox ctl --json status"))


def pick_up(board, street):
    """The street calls, a key of the board accepts, and both talk; gives the call's id."""
    street.ctl("call", "door")
    until("it rings on the board", lambda: _phase(board) == "ringing", CALL_PATIENCE)
    _link_is_secured(board)
    board.keypad("tap KEY_ENTER")
    _both_talk(board, street)
    return _call(board)["call"]


def hang_up(board, street):
    """A key of the board hangs up, as soon as the daemon takes the press for that."""
    until("the board talks long enough", lambda: (_call(board).get("talk_ms") or 0) > PRESS_GUARD_MS, CALL_PATIENCE)
    board.keypad("tap KEY_ENTER")
    both_are_idle(board, street, "hangup")


def is_up(board):
    try:
        return status(board)["signaling"]["state"] == "up"
    except CommandFailed:  # it is just starting
        return False


def board_talks(board):
    return _phase(board) == "talking"


def _call(board):
    return status(board)["view"].get("call") or {}


def _phase(board):
    return status(board)["view"]["phase"]


def _link_is_secured(board):
    """While it rings the link comes up; an emulated board takes seconds for what a real one does at once."""
    until("the link is secured", lambda: any(link["stage"] == "secured" for link in status(board)["media"]["links"]), CALL_PATIENCE)


def _both_talk(board, street):
    until("the street talks", lambda: street.phase() == "talking", CALL_PATIENCE)
    until("the board talks", lambda: board_talks(board), CALL_PATIENCE)


def both_are_idle(board, street, reason):
    until("the street is idle", lambda: street.phase() == "idle", CALL_PATIENCE)
    until("the board is idle", lambda: _phase(board) == "idle", CALL_PATIENCE)
    told = street.ctl("status")["view"]["last"]["reason"], status(board)["view"]["last"]["reason"]
    expect(f"both tell {reason}, not {told}", told == (reason, reason))


def _both_see_and_hear(board, street):
    both_see(board, street)
    board_hears(board)
    street_hears(board, street)


def both_see(board, street):
    """Each side shows the other's camera, and the pictures move."""
    first = until("the street sees the board's camera", lambda: seen if is_bars(seen := street.sees()) else None, CALL_PATIENCE)
    until("and its picture moves", lambda: street.sees().difference(first) > 5, CALL_PATIENCE)
    first = until("the board shows the caller's picture", lambda: street.read_code(board.screen()), CALL_PATIENCE)
    until("and it moves", lambda: street.read_code(board.screen()) not in (None, first), CALL_PATIENCE)


def is_bars(picture):
    return picture is not None and len(BARS & set(picture.hues(0.9))) >= 5


def board_hears(board):
    def near():
        hz, _ = loudest(board.bytes("arecord -q -D plughw:Speaker,1 -f S16_LE -r 48000 -c 1 -t raw -d 1"))
        return hz is not None and abs(hz - CALLER_HZ) < 30
    until(f"the board's speaker plays {CALLER_HZ} Hz", near, CALL_PATIENCE)


def street_hears(board, street):
    player = board.begin(
        f"gst-launch-1.0 -q audiotestsrc freq={BOARD_HZ} volume=0.3 ! audio/x-raw,format=S16LE,rate=48000,channels=1 "
        "! alsasink device=plughw:Microphone,0 buffer-time=400000")
    try:
        until(f"the street hears {BOARD_HZ} Hz", lambda: abs((street.hears() or 0) - BOARD_HZ) < 30, CALL_PATIENCE)
    finally:
        player.terminate()
