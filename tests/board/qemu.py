"""The machine that qemu plays: its devices, its kernel's command line, and where qemu itself lies."""

import hashlib
import os
import shlex
import shutil
from pathlib import Path

from network import TAP

DEFINITION = Path(__file__).resolve()
HERE = DEFINITION.parent
CACHE = HERE.parent.parent / "build" / "board"
RECIPE = HERE / "image"
# The display starts in a small mode: its driver cannot scale, and every pixel is emulated.
KERNEL = (
    "console=ttyS0 root=/dev/vda rw quiet mitigations=off nokaslr audit=0 net.ifnames=0 "
    "systemd.show_status=0 tsc=reliable video=Virtual-1:640x480"
)


def folder():
    """Where qemu is unpacked; none where the machine has one."""
    return None if shutil.which("qemu-system-x86_64") else CACHE / f"qemu-{hash_of([RECIPE / 'qemu'])}"


def command(image, drive, saved, place):
    """The whole command line."""
    command = [
        *_binary(), "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem", "-m", "1024", "-smp", "2",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-rtc", "base=utc",
        "-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img"), "-append", KERNEL,
        "-drive", f"{drive},if=virtio,cache=unsafe",
        "-netdev", f"tap,id=street,ifname={TAP},script=no,downscript=no", "-device", "virtio-net-pci,netdev=street,romfile=",
        "-device", "virtio-rng-pci", "-device", "bochs-display",
        "-chardev", f"file,id=serial,path={place}/serial.log", "-serial", "chardev:serial",
        "-qmp", f"unix:{place}/qmp,server=on,wait=off",
    ]
    if saved:
        command += ["-incoming", f"exec:cat {shlex.quote(str(saved))}"]
    return command


def _binary():
    unpacked = folder()
    if unpacked is None:
        return ["qemu-system-x86_64"]
    os.environ["QEMU_MODULE_DIR"] = str(unpacked / "usr/lib/x86_64-linux-gnu/qemu")
    share = unpacked / "usr/share"
    return [str(unpacked / "usr/bin/qemu-system-x86_64"), "-L", str(share / "qemu"), "-L", str(share / "seabios")]


def hash_of(paths):
    """A short name for what these files hold."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.name} {path.stat().st_mode & 0o111}\n".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]
