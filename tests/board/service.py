"""The daemon on the board: from its package, as a service, with a second daemon on the street."""

import json

from install import running
from machine import CommandFailed
from rows import expect, row, until
from sound import loudest
from street import CALLER_HZ, Street

BOARD_HZ = 1000
CALL_PATIENCE = 90
BARS = {"yellow", "cyan", "green", "magenta", "red", "blue"}


@row("the unit is exposed no more than 1.5", running)
def exposure(board):
    said = board.run("systemd-analyze security --no-pager callbox.service", patience=120)
    line = next(line for line in said.splitlines() if "Overall exposure" in line)
    level = float(line.split(":")[1].split()[0])
    expect(f"at most 1.5, not {level}", level <= 1.5)
    expect("it does not run as root", board.run("ps -o user= -p $(systemctl show -P MainPID callbox)") == "callbox")


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
        board.keypad("tap KEY_ENTER")
        _both_are_idle(board, street, "hangup")


@row("a key of the board accepts, both see and hear, and a key hangs up", running)
def incoming(board):
    with Street() as street:
        connect(board, street)
        street.ctl("call", "door")
        until("it rings on the board", lambda: _phase(board) == "ringing", CALL_PATIENCE)
        _link_is_secured(board)
        board.keypad("tap KEY_ENTER")
        _both_talk(board, street)
        _both_see_and_hear(board, street)
        board.keypad("tap KEY_ENTER")
        _both_are_idle(board, street, "hangup")


@row("the daemon that is killed is back, and the other side is told", running)
def killed(board):
    with Street() as street:
        connect(board, street)
        street.ctl("call", "door")
        until("it rings on the board", lambda: _phase(board) == "ringing", CALL_PATIENCE)
        _link_is_secured(board)
        board.keypad("tap KEY_ENTER")
        _both_talk(board, street)
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


def _status(board):
    return json.loads(board.run("callbox ctl --json status"))


def is_up(board):
    try:
        return _status(board)["signaling"]["state"] == "up"
    except CommandFailed:  # it is just starting
        return False


def _phase(board):
    return _status(board)["view"]["phase"]


def _link_is_secured(board):
    """While it rings the link comes up; an emulated board takes seconds for what a real one does at once."""
    until("the link is secured", lambda: any(link["stage"] == "secured" for link in _status(board)["media"]["links"]), CALL_PATIENCE)


def _both_talk(board, street):
    until("the street talks", lambda: street.phase() == "talking", CALL_PATIENCE)
    until("the board talks", lambda: _phase(board) == "talking", CALL_PATIENCE)


def _both_are_idle(board, street, reason):
    until("the street is idle", lambda: street.phase() == "idle", CALL_PATIENCE)
    until("the board is idle", lambda: _phase(board) == "idle", CALL_PATIENCE)
    told = street.ctl("status")["view"]["last"]["reason"], _status(board)["view"]["last"]["reason"]
    expect(f"both tell {reason}, not {told}", told == (reason, reason))


def _both_see_and_hear(board, street):
    until("the street sees the board's camera", lambda: _is_bars(street.sees()), CALL_PATIENCE)
    first = street.sees()
    until("and its picture moves", lambda: street.sees().difference(first) > 5, CALL_PATIENCE)
    _board_hears(board)
    _street_hears(board, street)
    first = until("the board shows the caller's picture", lambda: street.read_code(board.screen()), CALL_PATIENCE)
    until("and it moves", lambda: street.read_code(board.screen()) not in (None, first), CALL_PATIENCE)


def _is_bars(picture):
    return picture is not None and len(BARS & set(picture.hues(0.9))) >= 5


def _board_hears(board):
    def near():
        hz, _ = loudest(board.bytes("arecord -q -D plughw:Speaker,1 -f S16_LE -r 48000 -c 1 -t raw -d 1"))
        return hz is not None and abs(hz - CALLER_HZ) < 30
    until(f"the board's speaker plays {CALLER_HZ} Hz", near, CALL_PATIENCE)


def _street_hears(board, street):
    player = board.begin(
        f"gst-launch-1.0 -q audiotestsrc freq={BOARD_HZ} volume=0.3 ! audio/x-raw,format=S16LE,rate=48000,channels=1 "
        "! alsasink device=plughw:Microphone,0 buffer-time=400000")
    try:
        until(f"the street hears {BOARD_HZ} Hz", lambda: abs((street.hears() or 0) - BOARD_HZ) < 30, CALL_PATIENCE)
    finally:
        player.terminate()
