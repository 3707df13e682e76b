"""The fake hardware itself: what a board test relies on is there and can be read back."""

import subprocess
from collections import Counter

from machine import CommandFailed
from network import HOST
from rows import expect, row, until
from sound import loudest

READER = """
import evdev
device = evdev.InputDevice('/dev/input/DEVICE')
print('ready', flush=True)
for event in device.read_loop():
    if event.type == evdev.ecodes.EV_KEY:
        print(evdev.ecodes.KEY[event.code], event.value, flush=True)
"""
PLAY = "gst-launch-1.0 -q"


@row("the camera gives a picture that moves")
def camera(board):
    size, rate = "width=320,height=180", "framerate=15/1"
    raw = board.bytes(
        f"{PLAY} v4l2src device=/dev/video0 num-buffers=20 ! video/x-raw,format=NV12,{size},{rate} ! fdsink", patience=60)
    length = 320 * 180 * 3 // 2
    frames = [raw[at:at + length] for at in range(0, len(raw), length)]
    expect(f"20 frames, not {len(frames)}", len(frames) == 20 and len(frames[-1]) == length)
    # A few bars of one brightness each, and a text that counts milliseconds.
    line = Counter(frames[0][320 * 170:320 * 171])
    expect(f"bars, not {line.most_common(3)}", len([1 for count in line.values() if count >= 20]) >= 5)
    expect("frames that differ", len(set(frames)) >= 19)


@row("what is played to the speaker can be heard")
def speaker(board):
    player = board.begin(_tone(1000, "plughw:Speaker,0"))
    try:
        _hears(board, "plughw:Speaker,1", 1000)
    finally:
        player.terminate()


@row("what is said into the microphone is recorded")
def microphone(board):
    player = board.begin(_tone(600, "plughw:Microphone,0"))
    try:
        _hears(board, "plughw:Microphone,1", 600)
    finally:
        player.terminate()


@row("the screen shows what is drawn")
def screen(board):
    pattern = "videotestsrc ! video/x-raw,width=640,height=480,framerate=5/1"
    player = board.begin(f"{PLAY} {pattern} ! videoconvert ! kmssink driver-name=bochs-drm force-modesetting=true")
    bars = ["white", "yellow", "cyan", "green", "magenta", "red", "blue"]
    try:
        until(f"the bars {bars}", lambda: board.screen().hues(0.3) == bars, patience=60)
    finally:
        player.terminate()


@row("a key that is pressed reaches its reader, also after the keypad was pulled out")
def keys(board):
    for _ in range(2):
        device = until("the keypad", lambda: board.run(
            "grep -l '^board-keypad$' /sys/class/input/event*/device/name | cut -d/ -f5 || true"))
        board.write("/tmp/read.py", READER.replace("DEVICE", device))
        reader = board.begin("timeout 60 python3 /tmp/read.py")
        try:
            first = reader.stdout.readline()
            board.keypad("tap KEY_ENTER")
            said = [first, reader.stdout.readline(), reader.stdout.readline()]
        finally:
            reader.terminate()
        expect(f"a press and a release, not {said}", [line.strip() for line in said] == [b"ready", b"KEY_ENTER 1", b"KEY_ENTER 0"])
        board.keypad("unplug")
        until("no keypad", lambda: not board.run("grep -l '^board-keypad$' /sys/class/input/event*/device/name || true"))
        board.keypad("plug")


@row("a GPIO line that is driven is seen outside, and back")
def gpio(board):
    def relay():
        return board.run("cat /run/board/gpio/door-relay/value")

    expect("the relay is off", relay() == "0")
    holder = board.begin("gpioset --mode=signal $(gpiofind door-relay)=1")
    try:
        until("the relay is on", lambda: relay() == "1")
    finally:
        holder.terminate()
    until("the relay is off again", lambda: relay() == "0")
    watcher = board.begin("echo ready; timeout 60 gpiomon --num-events=2 --format=%e $(gpiofind door-contact)")
    try:
        watcher.stdout.readline()
        until("it watches the line", lambda: "gpiomon" in board.run("gpioinfo | grep door-contact"))
        board.run("cd /run/board/gpio/door-contact && echo pull-up > pull && sleep 0.2 && echo pull-down > pull")
        edges = [watcher.stdout.readline().strip() for _ in range(2)]
    finally:
        watcher.terminate()
    expect(f"a rising and a falling edge, not {edges}", edges == [b"1", b"0"])


@row("a watchdog that is not fed resets the board")
def watchdog(board):
    board.run(
        "for dog in /sys/class/watchdog/*; do"
        "  grep -q 'Software Watchdog' $dog/identity || continue;"
        "  wdctl --settimeout 2 /dev/${dog##*/} >/dev/null;"
        "  (exec 3>/dev/${dog##*/}; echo 1 >&3; sleep 60) >/dev/null 2>&1 & "
        "done")
    expect("a reset within 30 s", board.ended(30))


@row("the board reaches this street and nothing else")
def network(board):
    board.run(f"bash -c 'echo > /dev/udp/{HOST}/9' && python3 -c \"import socket; socket.create_server(('', 7000))\"")
    routes = board.run("ip route").splitlines()
    expect(f"one route, not {routes}", len(routes) == 1 and routes[0].startswith("10.77.0.0/24"))
    outside = subprocess.run(["ip", "route", "show", "default"], capture_output=True, text=True, timeout=10).stdout
    expect(f"no way out on this side, not {outside}", not outside.strip())


def _hears(board, device, hz):
    def near():
        try:
            found, _ = loudest(board.bytes(f"arecord -q -D {device} -f S16_LE -r 48000 -c 1 -t raw -d 1"))
        except CommandFailed:  # nobody plays yet
            return False
        return found is not None and abs(found - hz) < hz * 0.03
    until(f"{hz} Hz at {device}", near, patience=60)



def _tone(hz, device):
    return (
        f"{PLAY} audiotestsrc freq={hz} volume=0.3 ! audio/x-raw,format=S16LE,rate=48000,channels=1 "
        f"! alsasink device={device} buffer-time=400000")
