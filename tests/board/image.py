"""The board's image and its saved states: made once, kept under build/board, known by a hash of what they are made from."""

import shutil
import subprocess
import sys
import time

import qemu
from machine import Machine
from qemu import CACHE, RECIPE, hash_of

BOOT_PATIENCE = 600
RESUME_PATIENCE = 180


def folder():
    """Where the image of the present recipe lies."""
    return CACHE / f"image-{hash_of(sorted(path for path in RECIPE.rglob('*') if path.is_file()))}"


def make():
    """Makes what is not there yet. Needs the network; nothing later does."""
    image, binaries = folder(), qemu.folder()
    if binaries and not binaries.exists():
        _made(binaries, lambda place: subprocess.run([RECIPE / "qemu", place], check=True, timeout=600))
    if not image.exists():
        _forget(CACHE, "image")
        _made(image, lambda place: subprocess.run([RECIPE / "build", place], check=True, timeout=1800, stdout=sys.stderr))


def booted():
    """The state after a boot: a folder with disk and memory."""
    image = folder()
    state = image / f"booted-{hash_of([qemu.DEFINITION])}"
    if not state.exists():
        _forget(image, "booted")
        def boot(place):
            _overlay(image / "disk.ext4", "raw", place / "disk.qcow2")
            machine = Machine(image, f"file={place}/disk.qcow2,format=qcow2")
            _settle_and_save(machine, place, BOOT_PATIENCE, _wait_for_boot)
        _made(state, boot)
    return state


def prepared(name, ingredients, prepare):
    """The state after `prepare(machine)` on a booted board; `ingredients` are the files that it depends on."""
    image, base = folder(), booted()
    state = image / f"{name}-{hash_of([qemu.DEFINITION, *ingredients])}"
    if not state.exists():
        _forget(image, name)

        def settle(place):
            _overlay(base / "disk.qcow2", "qcow2", place / "disk.qcow2")
            machine = Machine(image, f"file={place}/disk.qcow2,format=qcow2", base / "memory")
            _settle_and_save(machine, place, RESUME_PATIENCE, prepare)
        _made(state, settle)
    return state


def resume(state):
    """A board that goes on from a saved state; the state itself stays as it is."""
    drive = f"file={state}/disk.qcow2,format=qcow2,snapshot=on"
    machine = Machine(folder(), drive, state / "memory")
    try:
        machine.wait(RESUME_PATIENCE)
    except BaseException:
        machine.stop()
        raise
    return machine


def _forget(place, name):
    for old in place.glob(f"{name}-*"):
        shutil.rmtree(old)


def _settle_and_save(machine, place, patience, prepare):
    try:
        machine.wait(patience)
        prepare(machine)
        machine.save(place / "memory")
    finally:
        machine.stop()


def _wait_for_boot(machine):
    machine.run("systemctl is-system-running --wait || { systemctl --failed >&2; false; }", patience=BOOT_PATIENCE)
    # GStreamer's plug-in scan, once for all.
    machine.run("gst-inspect-1.0 >/dev/null", patience=120)


def _overlay(base, kind, target):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", kind, target], check=True, timeout=30)


def _made(target, make_in):
    """Makes a folder elsewhere and moves it into place when it is whole."""
    began = time.monotonic()
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    make_in(partial)
    partial.rename(target)
    print(f"board: made {target.name} in {time.monotonic() - began:.0f} s", file=sys.stderr)
