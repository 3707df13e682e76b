"""The panel on the board: keys, a keypad, GPIO buttons, lamps and the door relay, by the daemon from its package."""

import json
import re
import secrets
import time
from pathlib import Path

import image
import install
from rows import expect, row, until
from street import CALLER, Street
from visitor import Visitor

PATIENCE = 60
LAMPS = ["idle", "ringing", "talking", "offline", "fault"]


def panel():
    """The saved state in which a daemon runs that has a whole panel, and no camera, sound or screen."""
    package = install.package()
    ingredients = [package, Path(install.__file__).resolve()]
    return image.prepared("panel", ingredients, lambda board: install.install(board, package, install.PANEL_TOML))


@row("a press, a long press and a double press are told apart", panel)
def gestures(board):
    _play(board, "tap KEY_A 80", "1.2", "tap KEY_A 1500", "3", "tap KEY_A 60", "0.2", "tap KEY_A 60")
    _wanted_become(board, ["Mute", "Camera", "Hangup"])


@row("a contact that chatters acts a few times, is a fault, and is well when it is quiet", panel)
def chatter(board):
    # Open for longer than the debounce in between: no bounce; and faster than any hand.
    _play(board, *["down KEY_B", "up KEY_B", "0.04"] * 150)
    until("a fault", lambda: _faults(board, "KEY_B"), PATIENCE)
    told = len(_wanted(board))
    expect(f"fewer than 14 actions, not {told}", 0 < told < 14)
    until("it is well again", lambda: not _faults(board, "KEY_B"), PATIENCE)
    board.keypad("tap KEY_B")
    until("it acts again", lambda: len(_wanted(board)) == told + 1, PATIENCE)


@row("a contact that bounces acts once", panel)
def bounce(board):
    # What comes after the bounces shows that all of them have been looked at.
    board.keypad(*["down KEY_B", "up KEY_B"] * 40, "tap KEY_A")
    _wanted_become(board, ["Accept", "Mute"])


@row("a key that is stuck acts once, is a fault, and is well when it is released", panel)
def stuck(board):
    board.keypad("down KEY_B")
    until("a fault", lambda: _faults(board, "KEY_B"), PATIENCE)
    expect(f"one action, not {_wanted(board)}", _wanted(board) == ["Accept"])
    board.keypad("up KEY_B")
    until("it is well again", lambda: not _faults(board, "KEY_B"), PATIENCE)


@row("two keys at once do what each of them does", panel)
def two_at_once(board):
    _play(board, "down KEY_A", "0.3", "down KEY_B", "0.3", "up KEY_B", "1", "up KEY_A")
    _wanted_become(board, ["Accept", "Camera"])


@row("a keypad dials what was typed", panel)
def dial(board):
    board.keypad("tap KEY_1", "tap KEY_BACKSPACE", "tap KEY_2", "tap KEY_3", "tap KEY_ENTER", "tap KEY_9", "tap KEY_ENTER")
    _wanted_become(board, [f'Call(Plan {{ first: [UserId("{user}")], then: [] }})' for user in ("flat-23", "janitor")])


@row("a keypad that is pulled out is missed, and heard again when it is back", panel)
def unplugged(board):
    board.keypad("unplug")
    until("it is missed", lambda: _faults(board, "keys board-key"), PATIENCE)
    board.keypad("plug")
    until("it is back", lambda: not _faults(board, "keys board-key"), PATIENCE)
    board.keypad("tap KEY_B")
    _wanted_become(board, ["Accept"])


@row("a button at a GPIO line is pressed, and held", panel)
def gpio_button(board):
    line = "/run/board/gpio/button-bell/pull"
    board.run(f"echo pull-down > {line}; sleep 0.2; echo pull-up > {line}; sleep 1; echo pull-down > {line}; sleep 1.5; echo pull-up > {line}")
    expect("the door is unlocked", _relay(board) == "1")
    _wanted_become(board, ["Reject", "Unlock"])


@row("lamps follow the call", panel)
def lamps(board):
    until("offline", lambda: _lit(board) == ["offline"], PATIENCE)
    with Street() as street:
        street.hub()
        street.caller()
        until("idle", lambda: _lit(board) == ["idle"], 90)
        street.ctl("call", "door")
        until("ringing", lambda: _lit(board) == ["ringing"], 90)
        board.keypad("tap KEY_B")
        until("talking", lambda: _lit(board) == ["talking"], 90)
        street.ctl("hangup")
        until("idle again", lambda: _lit(board) == ["idle"], 90)
        board.keypad("unplug")
        until("a fault", lambda: _lit(board) == ["fault"], 90)
    board.run("systemctl stop callbox", patience=PATIENCE)
    expect(f"dark, not {_lit(board)}", _lit(board) == [])


@row("a lamp that blinks goes on and off", panel)
def blinking(board):
    board.run("sed -i 's/^offline = .*/offline = \"slow\"/' /etc/callbox/callbox.toml; systemctl restart callbox", patience=120)
    seen = "".join(board.run("for i in $(seq 60); do cat /run/board/gpio/lamp-offline/value; sleep 0.1; done").split())
    expect(f"on and off several times, not {seen}", len(re.findall("01", seen)) >= 2)


@row("an LED of the kernel shines", panel)
def led(board):
    board.write("/tmp/led.py", LED)
    holder = board.begin("python3 /tmp/led.py")
    try:
        name = until("an LED", lambda: board.run("ls /sys/devices/virtual/input/*/ | grep capslock || true"), PATIENCE)
        board.run(f"printf '[[lamps]]\\nled = \"{name}\"\\noffline = \"on\"\\n' >> /etc/callbox/callbox.toml; systemctl restart callbox", patience=120)
        until("it shines", lambda: board.run(f"cat /sys/class/leds/{name}/brightness") == "1", PATIENCE)
        expect("no fault of it", not _faults(board, name))
        board.run("systemctl stop callbox", patience=PATIENCE)
        expect("it is dark", board.run(f"cat /sys/class/leds/{name}/brightness") == "0")
    finally:
        holder.terminate()


@row("the relay is on for one pulse, and at most for its limit", panel)
def pulse(board):
    board.run("callbox ctl unlock")
    expect("the relay is on", _relay(board) == "1")
    until("the relay is off", lambda: _relay(board) == "0", PATIENCE)
    # Asked for all the time: 3 s a pulse, 5 s at most.
    for _ in range(8):
        board.run("callbox ctl unlock || true")
    until("the relay is off", lambda: _relay(board) == "0", PATIENCE)
    lengths = _pulses(board)
    expect(f"one longer than 3 s and none than 5 s, not {lengths}", 3.5 < max(lengths) < 5.5)


@row("the door opens from afar for who may, and for nothing that is forged, foreign, too late or said again", panel)
def from_afar(board):
    with Street() as street:
        street.hub()
        until("the board is connected", lambda: _status(board)["signaling"]["state"] == "up", PATIENCE)
        with Visitor(street, CALLER, "phone") as phone, Visitor(street, CALLER, "tablet") as tablet, Visitor(street, "eve", "phone") as eve:
            call = _ring(phone)
            expect("who is not listed is refused", _wish(eve, call, "n0") == "forbidden")
            expect("and so is another device of who may", _wish(tablet, call, "n0") == "forbidden")
            expect("a forged challenge is refused", _wish(phone, call, "n1", secrets.token_hex(16)) == "expired")
            late = _wish(phone, call, "n2")
            time.sleep(5.5)
            expect("a late one is refused", _wish(phone, call, "n2", late) == "expired")
            expect("the relay has not moved", _relay(board) == "0" and not _switched(board))
            _pick_up(board, phone, call)
            right = _wish(phone, call, "n3")
            expect("another device's challenge is refused", _wish(tablet, call, "n3", right) == "forbidden")
            expect("the right one opens", _wish(phone, call, "n3", right) == "ok")
            expect("the relay is on", _relay(board) == "1")
            until("the relay is off", lambda: _relay(board) == "0", PATIENCE)
            expect("the same words again have the same answer", _wish(phone, call, "n3", right) == "ok")
            expect("and in another wish they are refused", _wish(phone, call, "n4", right) == "expired")
            phone.say("hangup", to=DOOR, call=call, reason="hangup")
            until("the call is over", lambda: _status(board)["view"]["phase"] == "idle", PATIENCE)
            expect("after the call they are refused", _wish(phone, call, "n3", right) == "expired")
            expect("the relay was on once", _relay(board) == "0" and len(_switched(board)) == 1)
        audit = [(entry["by"], entry["outcome"]) for entry in _status(board)["record"]["door"]]
        strangers = [("eve/phone", "forbidden"), (f"{CALLER}/tablet", "forbidden")]
        phone_said = [(f"{CALLER}/phone", outcome) for outcome in ("expired", "expired", "ok", "expired")]
        wanted = [*strangers, *phone_said[:2], strangers[1], *phone_said[2:]]
        expect(f"the record has every try, {wanted}, not {audit}", audit == wanted)
        said = board.run("journalctl -b -u callbox --no-pager -o cat | grep -c 'door not unlocked'")
        expect(f"and the journal the seven that were refused, not {said}", said == "7")


@row("a daemon that is killed in a pulse leaves no door open", panel)
def killed_in_a_pulse(board):
    _long_pulse(board)
    board.run("systemctl kill -s KILL callbox")
    until("the relay is off", lambda: _relay(board) == "0", PATIENCE)
    until("the service is back", lambda: board.run("systemctl show -P ActiveState callbox || true") == "active", 120)
    expect("the relay is still off", _relay(board) == "0")


@row("nor does it where the line keeps its level when its holder dies", panel)
def killed_on_a_bad_chip(board):
    # The pull that a freed line falls back to is turned round, which is as good as a chip that keeps the level.
    board.write("/run/systemd/system/callbox.service.d/alone.conf", "[Service]\nRestart=no\n")
    board.run("systemctl daemon-reload", patience=PATIENCE)
    _long_pulse(board)
    board.run("echo pull-up > /run/board/gpio/door-relay/pull")
    board.write("/run/systemd/system/callbox.service.d/alone.conf", "[Service]\nRestart=no\nExecStopPost=\n")
    board.run("systemctl daemon-reload; systemctl kill -s KILL callbox", patience=PATIENCE)
    until("the service has failed", lambda: board.run("systemctl show -P ActiveState callbox || true") == "failed", PATIENCE)
    expect("without ExecStopPost the relay stays on", _relay(board) == "1")
    board.run("rm /run/systemd/system/callbox.service.d/alone.conf; systemctl daemon-reload", patience=PATIENCE)
    board.write("/run/systemd/system/callbox.service.d/alone.conf", "[Service]\nRestart=no\n")
    board.run("systemctl daemon-reload; systemctl reset-failed callbox; systemctl start callbox", patience=120)
    expect("the daemon's start closes it", _relay(board) == "0")
    board.run("callbox ctl unlock")
    board.run("echo pull-up > /run/board/gpio/door-relay/pull; systemctl kill -s KILL callbox", patience=PATIENCE)
    until("the service has failed", lambda: board.run("systemctl show -P ActiveState callbox || true") == "failed", PATIENCE)
    expect("relay-off has closed it", _relay(board) == "0")


@row("door and tamper contacts are told", panel)
def contacts(board):
    def door():
        return _status(board)["view"]["door"]

    until("closed", lambda: door() == {"state": "closed", "tamper": False}, PATIENCE)
    board.run("echo pull-up > /run/board/gpio/door-contact/pull")
    until("open for too long", lambda: door()["state"] == "open_too_long", PATIENCE)
    expect("and open before", "news=Opened" in board.run("journalctl -b -u callbox --no-pager -o cat"))
    board.run("echo pull-up > /run/board/gpio/tamper/pull; echo pull-down > /run/board/gpio/door-contact/pull")
    until("tampered with", lambda: door() == {"state": "closed", "tamper": True}, PATIENCE)


DOOR = {"user": "door", "device": "panel"}


def _ring(visitor):
    """Rings the board with nothing set up; gives the call, in which the visitor may open the door."""
    call = secrets.token_hex(16)
    visitor.say(
        "invite", to={"user": "door"}, call=call, kind="single", media="audio", callees=["door"], remaining_ms=60000,
        agent="browser", early="off")
    visitor.hear("door")
    return call


def _pick_up(board, visitor, call):
    """They talk from now on; without any link it ends by itself after 15 s."""
    board.keypad("tap KEY_B")
    visitor.hear("accept")
    visitor.say("confirm", to=DOOR, call=call)
    visitor.hear("door")


def _wish(visitor, call, nonce, challenge=None):
    """Wants the door opened; gives the challenge, or else the code that it is answered with."""
    visitor.say("command", to=DOOR, call=call, name="unlock", nonce=nonce, **({"challenge": challenge} if challenge else {}))
    while True:
        answer = visitor.hear("challenge", "result")
        if answer["type"] == "challenge":
            return answer["challenge"]
        if answer.get("re") == nonce:
            return answer["code"]


def _switched(board):
    """The lines of the journal that say that the relay was switched on."""
    return board.run("journalctl -b -u callbox --no-pager -o cat | grep 'door relay on' || true").splitlines()


def _long_pulse(board):
    board.run("sed -i 's/^pulse_ms = .*/pulse_ms = 60000/; s/^limit_ms = .*/limit_ms = 60000/' /etc/callbox/callbox.toml; systemctl restart callbox", patience=120)
    board.run("callbox ctl unlock")
    expect("the relay is on", _relay(board) == "1")


def _play(board, *lines):
    """Tells the keypad what to do, with pauses in seconds in between, at the board's own speed."""
    steps = (f"sleep {line}" if re.match(r"[0-9.]+$", line) else f"echo {line} >&3" for line in lines)
    board.run("exec 3>/run/board/keys; " + "; ".join(steps), patience=PATIENCE)


def _wanted(board):
    """What buttons wanted since the daemon's start, in order."""
    said = board.run("journalctl -b -u callbox --no-pager -o cat | grep -o 'button action=.*' || true")
    return [line.removeprefix("button action=") for line in said.splitlines()]


def _wanted_become(board, actions):
    until(f"{actions}", lambda: _wanted(board) == actions, PATIENCE / 2)
    time.sleep(1)
    expect(f"{actions}, not {_wanted(board)}", _wanted(board) == actions)


def _status(board):
    return json.loads(board.run("callbox ctl --json status"))


def _faults(board, word):
    return [fault for fault in _status(board)["faults"] if word in fault]


def _relay(board):
    return board.run("cat /run/board/gpio/door-relay/value")


def _lit(board):
    values = board.run("cd /run/board/gpio; cat " + " ".join(f"lamp-{name}/value" for name in LAMPS))
    return [name for name, value in zip(LAMPS, values.split()) if value == "1"]


def _pulses(board):
    """How long the relay was on each time, in seconds, as the daemon tells."""
    said = board.run("journalctl -b -u callbox --no-pager -o short-monotonic | grep -o '^.*door relay o[nf]*' || true")
    lengths, began = [], None
    for line in said.splitlines():
        at, is_on = float(line[1:line.index("]")]), line.endswith(" on")
        if is_on and began is None:
            began = at
        elif not is_on:
            lengths.append(at - began)
            began = None
    return lengths


LED = """
import time
from evdev import UInput, ecodes
device = UInput({ecodes.EV_KEY: [ecodes.KEY_CAPSLOCK], ecodes.EV_LED: [ecodes.LED_CAPSL]}, name="board-leds")
time.sleep(600)
"""
