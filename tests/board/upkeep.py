"""What keeps an appliance well: the doctor, a changed configuration, and a daemon that hangs."""

import json

from install import running
from rows import expect, row, until
from service import CALL_PATIENCE, connect, is_up, pick_up
from street import Street

# What emulates every instruction may miss a deadline; what is broken stays so.
FINE = {"configuration", "ticket", "hub", "GStreamer", "plug-ins", "camera", "sound", "screen", "keys", "GPIO"}
WATCHDOG = 120


@row("the doctor finds the board well, and names what is taken from it", running)
def doctor(board):
    with Street() as street:
        connect(board, street)
        report = json.loads(board.run("callbox doctor --json || true", patience=240))
        wrong = [f for f in report["findings"] if f["subject"] in FINE and f["verdict"] == "fail"]
        expect(f"nothing to mend, not {wrong}", not wrong)
        board.run("chgrp root /dev/gpiochip0; chmod 600 /dev/gpiochip0; sed -i s/board-keypad/lost-keypad/ /etc/callbox/callbox.toml")
        report = json.loads(board.run("callbox doctor --json || true", patience=240))
        found = {f["subject"]: f for f in report["findings"]}
        expect(f"the keypad is missed: {found['keys']}", found["keys"]["verdict"] == "fail" and "lost-keypad" in found["keys"]["text"])
        expect(f"GPIO is refused: {found['GPIO']}", found["GPIO"]["verdict"] == "warn" and "udevadm" in found["GPIO"]["fix"])


@row("a changed configuration is taken over while it runs", running)
def reload(board):
    with Street() as street:
        connect(board, street)
        before = board.run("systemctl show -P MainPID callbox")
        board.run("sed -i 's/^ring_seconds = .*/ring_seconds = 60/; s/^device = \"board\"/device = \"other\"/' /etc/callbox/callbox.toml")
        board.run("systemctl reload callbox")
        entry = until("the journal has the reload, field by field", lambda: _entry(board, "CALLBOX_TAKEN"), 30)
        expect(f"policy is taken over: {entry}", "call" in entry["CALLBOX_TAKEN"])
        expect(f"who we are is not: {entry}", "user" in entry["CALLBOX_LEFT"] and "restart" in entry["MESSAGE"])
        board.run("sed -i 's/^ring_seconds = .*/ring_seconds = 0/' /etc/callbox/callbox.toml; systemctl reload callbox")
        until("a wrong one is refused", lambda: "ring_seconds" in board.run("journalctl -u callbox -n 20 -o cat --no-pager"), 30)
        expect("it is the same process", board.run("systemctl show -P MainPID callbox") == before)
        expect("and still connected", is_up(board))


@row("a loop that hangs in a call is ended by the watchdog, the other side is told, and the board can be called again", running)
def frozen(board):
    with Street() as street:
        connect(board, street)
        pick_up(board, street)
        board.write("/tmp/freeze.py", FREEZE)
        pid = board.run("systemctl show -P MainPID callbox")
        board.run(f"systemd-run --unit=freeze python3 /tmp/freeze.py {pid}")
        until("systemd starts it again", lambda: board.run("systemctl show -P NRestarts callbox") != "0", 3 * WATCHDOG, 2)
        said = board.run("journalctl -u callbox -o cat --no-pager -n 400")
        expect("because of the watchdog", "atchdog timeout" in said)
        until("the street is idle again", lambda: street.phase() == "idle", CALL_PATIENCE)
        until("it is connected", lambda: is_up(board), CALL_PATIENCE)
        pick_up(board, street)


@row("a stop tells the other side and takes less than three seconds", running)
def stopped(board):
    with Street() as street:
        connect(board, street)
        street.ctl("call", "door")
        until("it rings on the board", lambda: street.phase() == "inviting", CALL_PATIENCE)
        seconds = float(board.run("s=$(date +%s.%N); systemctl stop callbox; e=$(date +%s.%N); echo $s $e | awk '{print $2 - $1}'", patience=30))
        expect(f"within 3 s, not {seconds}", seconds < 3)
        until("the street is idle again", lambda: street.phase() == "idle", 20)


def _entry(board, name):
    lines = board.run(f"journalctl -u callbox -o json --no-pager -n 400 | grep {name} || true").splitlines()
    return json.loads(lines[-1]) if lines else None


# Stops the one thread that runs the loop; all others go on.
FREEZE = """
import ctypes, sys, time
SEIZE, INTERRUPT = 0x4206, 0x4207
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in (SEIZE, INTERRUPT):
    if libc.ptrace(request, int(sys.argv[1]), None, None):
        raise OSError(ctypes.get_errno())
time.sleep(3600)
"""
