"""One virtual board: a qemu that is started, asked, looked at and ended."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import qemu
from network import BOARD
from picture import Picture
from qmp import Qmp

LOAD_PATIENCE = 60


class CommandFailed(Exception):
    """A command on the board did not do."""


class Machine:
    def __init__(self, image, drive, saved=None):
        """`drive`: what qemu is told about the disk. `saved`: a file with the memory to go on from."""
        self._place = Path(tempfile.mkdtemp(prefix="board-"))
        self._key = image / "key"
        try:
            self._qemu = subprocess.Popen(
                qemu.command(image, drive, saved, self._place),
                stdin=subprocess.DEVNULL, stdout=open(self._place / "qemu.log", "wb"), stderr=subprocess.STDOUT,
            )
            self._qmp = Qmp(self._place / "qmp", LOAD_PATIENCE)
            if saved:
                self._go_on()
        except BaseException:
            self.stop()
            raise

    def wait(self, patience):
        """Until it answers; sets its clock, which stood still while it was saved."""
        end = time.monotonic() + patience
        while True:
            self._must_run()
            try:
                self.run(f"date -s @{time.time():.3f}", patience=10)
                return
            except (CommandFailed, subprocess.TimeoutExpired):
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def run(self, command, patience=60, given=None):
        """Runs a shell command on the board; gives what it printed, as text."""
        return self.bytes(command, patience, given).decode(errors="replace").strip()

    def bytes(self, command, patience=60, given=None):
        """Runs a shell command on the board; gives what it printed."""
        done = subprocess.run([*self._ssh(), command], input=given or b"", capture_output=True, timeout=patience)
        if done.returncode:
            said = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise CommandFailed(f"`{command}` on the board: {done.returncode}: {said[-2000:]}")
        return done.stdout

    def shell(self):
        """Gives the board's shell to whoever sits here."""
        return subprocess.call(self._ssh())

    def begin(self, command):
        """Starts a shell command on the board that goes on; ends when the returned process is terminated."""
        # A terminal of its own: the command gets a hang-up when the connection goes.
        return subprocess.Popen([*self._ssh(), "-tt", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def put(self, source, target):
        """Copies a file to the board."""
        self.run(f"cat > {shlex.quote(target)}", patience=60, given=Path(source).read_bytes())

    def write(self, target, text, mode="644"):
        """Writes a text file on the board."""
        self.run(f"install -D -m {mode} /dev/stdin {shlex.quote(target)}", given=text.encode())

    def keypad(self, *lines):
        """Tells the keypad what to do: `tap KEY_ENTER`, `unplug`."""
        self.run("cat > /run/board/keys", given="".join(f"{line}\n" for line in lines).encode())

    def screen(self):
        """What a person in front of the board sees."""
        path = self._place / "screen.ppm"
        self._qmp.ask("screendump", filename=str(path))
        return Picture.read(path)

    def power_cycle(self):
        """Power goes and comes back: memory is lost, the disk is as it was left."""
        self._hang_up()
        # It was told to leave at a reset, for a watchdog's sake.
        self._qmp.ask("set-action", reboot="reset")
        self._qmp.ask("system_reset")

    def ended(self, patience):
        """Whether it goes down by itself in this time: a reset ends it."""
        try:
            self._qemu.wait(patience)
            return True
        except subprocess.TimeoutExpired:
            return False

    def save(self, memory):
        """Stops it, and writes its memory to a file."""
        self.run("sync")
        self._hang_up()
        self._qmp.ask("stop")
        self._qmp.ask("migrate-set-parameters", **{"max-bandwidth": 10 << 30})
        self._qmp.ask("migrate", uri=f"exec:cat > {shlex.quote(str(memory))}")
        end = time.monotonic() + 60
        while (status := self._qmp.ask("query-migrate")["status"]) != "completed":
            if status == "failed" or time.monotonic() > end:
                raise RuntimeError(f"saving the board: {status}")
            time.sleep(0.1)
        self._qmp.ask("quit")
        self._qemu.wait(10)

    def serial(self):
        """What it printed to its serial console."""
        return (self._place / "serial.log").read_text(errors="replace")

    def stop(self):
        """Ends it, whatever state it is in."""
        self._hang_up()
        if hasattr(self, "_qemu") and self._qemu.poll() is None:
            self._qemu.kill()
            self._qemu.wait(10)
        if hasattr(self, "_qmp"):
            self._qmp.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _go_on(self):
        """Waits until the memory is read: it was saved standing still."""
        end = time.monotonic() + LOAD_PATIENCE
        while self._qmp.ask("query-status")["status"] == "inmigrate":
            if time.monotonic() > end:
                raise RuntimeError("the saved board is not read in time")
            time.sleep(0.05)
        self._qmp.ask("cont")

    def _must_run(self):
        if self._qemu.poll() is not None:
            raise RuntimeError("qemu ended: " + (self._place / "qemu.log").read_text(errors="replace")[-2000:])

    def _ssh(self):
        return [
            "ssh", "-i", str(self._key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5",
            "-o", "ControlMaster=auto", "-o", "ControlPersist=yes", "-o", f"ControlPath={self._place}/ssh", f"root@{BOARD}",
        ]

    def _hang_up(self):
        if (self._place / "ssh").exists():
            subprocess.run([*self._ssh()[:-1], "-O", "exit", f"root@{BOARD}"], capture_output=True, timeout=10)
