"""What happens to a board in the middle of a call, and that the call goes on."""

import json
import time
from contextlib import contextmanager

from install import START_PATIENCE, running
from machine import CommandFailed
from rows import expect, row, until
from service import CALL_PATIENCE, board_hears, board_talks, both_see, connect, hang_up, is_bars, is_up, pick_up, status, street_hears
from street import Street

DAY = 24 * 60 * 60
# From the step of the clock to the login, the wait of a minute cut short.
STEP_PATIENCE = 10
LONGER_THAN_THE_FIRST_WAIT_MS = 3000
PLATFORM = "/sys/bus/platform/drivers"


@row("a camera that is pulled out in a call is a placeholder until it is back", running)
def camera(board):
    with _talk(board) as street:
        until("the street sees the board's camera", lambda: is_bars(street.sees()), CALL_PATIENCE)
        _pull_out(board, "vivid", "vivid.0")
        until("the camera is missed", lambda: "Camera" in status(board)["faults"], CALL_PATIENCE)
        until("the street sees a placeholder", lambda: (seen := street.sees()) is not None and not is_bars(seen), CALL_PATIENCE)
        _put_back(board, "vivid", "vivid.0")
        until("the camera is back", lambda: "Camera" not in status(board)["faults"], CALL_PATIENCE)
        until("the street sees it again", lambda: is_bars(street.sees()), CALL_PATIENCE)


@row("a camera that lacks the configured size is seen at the nearest size it has", running)
def nearest_size(board):
    # vivid's webcam has a fixed list of sizes; this one is not among them.
    file = "/etc/callbox/callbox.toml"
    board.run(f"grep -q '^\\[video\\]' {file} || printf '\\n[video]\\n' >> {file}")
    board.run(f"sed -i '/^\\[video\\]/,/^\\[/{{/^size = /d}}; s/^\\[video\\]/[video]\\nsize = \"256x144\"/' {file}; systemctl restart callbox", patience=120)
    with _talk(board) as street:
        until("the street sees the board's camera", lambda: is_bars(street.sees()), CALL_PATIENCE)
        expect("the camera is no fault", "Camera" not in status(board)["faults"])


@row("sound cards that are pulled out in a call are used again when they are back", running)
def sound(board):
    with _talk(board) as street:
        board_hears(board)
        _pull_out(board, "snd_aloop", "snd_aloop.0")
        _pull_out(board, "snd_aloop", "snd_aloop.1")
        until("they are missed", lambda: {"Microphone", "Speaker"} <= set(status(board)["faults"]), CALL_PATIENCE)
        _put_back(board, "snd_aloop", "snd_aloop.0")
        _put_back(board, "snd_aloop", "snd_aloop.1")
        until("they are back", lambda: not {"Microphone", "Speaker"} & set(status(board)["faults"]), CALL_PATIENCE)
        board_hears(board)
        street_hears(board, street)


@row("a keypad that is pulled out in a call ends it when it is back", running)
def keypad(board):
    with _talk(board) as street:
        board.keypad("unplug")
        until("it is missed", lambda: any("board-keypad" in fault for fault in status(board)["faults"]), CALL_PATIENCE)
        board.keypad("plug")
        until("it is back", lambda: not any("board-keypad" in fault for fault in status(board)["faults"]), CALL_PATIENCE)
        _goes_on(board, street)
        hang_up(board, street)


@row("a disk that is full loses the record of a call, and nothing else", running)
def disk(board):
    with _talk(board) as street:
        # All that the daemon's user could have; what is kept for root is not for it.
        board.run("fallocate -l $(df --output=avail -B1 / | tail -n 1) /var/lib/filler; sync")
        expect("the disk is full", int(board.run("df --output=avail -B1M / | tail -n 1")) == 0)
        _goes_on(board, street)
        hang_up(board, street)
        until("the journal tells of it", lambda: "call record not written" in _journal(board), CALL_PATIENCE)
        board.run("rm /var/lib/filler")
        pick_up(board, street)
        hang_up(board, street)
        last = status(board)["record"]["call"]
        kept = board.run("cat /var/lib/callbox/calls.jsonl").splitlines()
        expect("the next call is written down", kept and json.loads(kept[-1])["call"] == last)


@row("a call goes on when the clock jumps by a day, and back", running)
def clock(board):
    with _talk(board) as street:
        for jump in (DAY, -DAY):
            board.run(f"date -s @$(($(date +%s) + {jump}))")
            _goes_on(board, street)
        board.run(f"date -s @$(($(date +%s) + {DAY}))")
        hang_up(board, street)
        talked = status(board)["record"]["talk_seconds"]
        expect(f"the record counts minutes, not {talked} s", 0 < talked < 10 * 60)
        expect("it is still connected", is_up(board))
        pick_up(board, street)
        hang_up(board, street)
        expect("nothing was started again", board.run("systemctl show -P NRestarts callbox") == "0")


@row("a clock that is set right ends the wait for it: the board is signed in within 10 s", running)
def clock_is_set(board):
    with Street() as street:
        street.hub()
        # The board makes its tickets by its own clock. What is made in 1970 has expired (70001); what is made in the future is none yet (70003).
        for wrong, code in ((1_000_000, "70001"), (int(time.time()) + 400 * DAY, "70003")):
            board.run(f"systemctl stop callbox; date -s @{wrong}; systemctl start --no-block callbox", patience=60)
            until(f"the hub refuses with {code}, and the board waits", lambda: _waits_after(board, code), START_PATIENCE)
            board.run(f"date -s @{time.time():.3f}", patience=10)
            until("the board is signed in", lambda: is_up(board), STEP_PATIENCE)
        expect("nothing was started again", board.run("systemctl show -P NRestarts callbox") == "0")


@row("a changed configuration does not touch the call that is under way", running)
def reload(board):
    with _talk(board) as street:
        board.run("sed -i 's/^ring_seconds = .*/ring_seconds = 60/; s/^bitrate = .*/bitrate = { min = 90, start = 200, max = 400 }/' /etc/callbox/callbox.toml")
        board.run("systemctl reload callbox", patience=60)
        until("it is read again", lambda: "configuration read again" in _journal(board), CALL_PATIENCE)
        _goes_on(board, street)


@contextmanager
def _talk(board):
    """A call from the street that the board accepted by a key; the same call must still go on in the end, or be over by a hang-up."""
    with Street() as street:
        connect(board, street)
        call = pick_up(board, street)
        yield street
        view = status(board)["view"]
        if view["phase"] != "idle":
            expect(f"the same call still goes on, not {view}", view["phase"] == "talking" and view["call"]["call"] == call)
            expect("on the street too", street.phase() == "talking")


def _goes_on(board, street):
    """Both talk, and new pictures arrive on both sides."""
    both_see(board, street)
    expect("both talk", board_talks(board) and street.phase() == "talking")


def _waits_after(board, code):
    """Whether the board was refused with this code and is in the wait of a minute: the one before it lasts a second."""
    try:
        signaling = status(board)["signaling"]
    except CommandFailed:  # it is just starting
        return False
    is_long = signaling["state"] == "waiting" and signaling["for_ms"] > LONGER_THAN_THE_FIRST_WAIT_MS
    return is_long and code in signaling.get("last_error", "")


def _pull_out(board, driver, device):
    # Aside: the kernel lets a card go only when nobody holds it any more.
    board.run(f"systemd-run --quiet sh -c 'echo {device} > {PLATFORM}/{driver}/unbind'")
    until(f"{device} has gone", lambda: board.run(f"test -e {PLATFORM}/{driver}/{device} || echo gone") == "gone", CALL_PATIENCE)


def _put_back(board, driver, device):
    board.run(f"echo {device} > {PLATFORM}/{driver}/bind")


def _journal(board):
    return board.run("journalctl -b -u callbox --no-pager -o cat -n 2000")
