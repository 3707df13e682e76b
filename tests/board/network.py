"""A street of its own: the tests and the board share a network namespace that leads nowhere else."""

import os
import subprocess
import sys

HOST = "10.77.0.1"
BOARD = "10.77.0.2"
TAP = "board0"
MARK = "CALLBOX_BOARD_STREET"


def enter():
    """Starts this program again in new namespaces: whatever it starts there ends with it, and reaches nothing outside."""
    if MARK in os.environ:
        return
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])


def lay():
    """The loopback and the cable to the board."""
    for line in (
        "link set lo up",
        f"tuntap add {TAP} mode tap",
        f"link set {TAP} address 02:00:0a:4d:00:01",
        f"address add {HOST}/24 dev {TAP}",
        f"link set {TAP} up",
    ):
        subprocess.run(["ip", *line.split()], check=True, timeout=10)
