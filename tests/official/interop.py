"""Tickets both ways: the official libraries' with callbox, callbox's with the official libraries."""

import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import TLSSigAPIv2 as official
import zlib

CALLBOX = sys.argv[1]
HERE = pathlib.Path(__file__).parent
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
CLOCK = time.time
passed, failed = 0, 0


def check(name, found, expected):
    global passed, failed
    if found == expected:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}\n  expected {expected!r}\n  found    {found!r}", file=sys.stderr)


class Node:
    """The npm library, in its own process."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", HERE / "official.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def make(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def python_make(app, key, user, expire, now=None, userbuf=None):
    official.time.time = CLOCK if now is None else lambda: now
    api = official.TLSSigAPIv2(app, key)
    try:
        return api.gen_sig(user, expire) if userbuf is None else api.gen_sig_with_userbuf(user, expire, userbuf)
    finally:
        official.time.time = CLOCK


def claims_of(token):
    """A token's JSON by the official library's own alphabet."""
    return json.loads(zlib.decompress(official.base64_decode_url(token.encode())))


class Callbox:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def run(self, *arguments):
        words = [CALLBOX, "ticket", *map(str, arguments)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
        return done.returncode, done.stdout, done.stderr

    def owner(self, app, key, user):
        file = self.directory / "key"
        file.write_text(key + "\n")
        return "--app", app, "--key-file", file, "--user", user

    def make(self, app, key, user, expire, room=None, bits=None):
        rights = []
        if bits is not None:
            rights = ["--room" if isinstance(room, int) else "--room-name", room, "--rights", bits]
        status, out, err = self.run("make", *self.owner(app, key, user), "--expire", expire, *rights)
        check(f"make for {user} of {app}", (status, out.count("\n"), err), (0, 1, ""))
        return out.strip()

    def verify(self, app, key, user, token):
        """Exit status and the code in the refusal."""
        status, out, err = self.run("verify", *self.owner(app, key, user), token)
        check("verify prints nothing on standard output", out, "")
        return status, err.split(":")[0]

    def show(self, token):
        status, out, err = self.run("show", "--json", token)
        check("show", (status, err), (0, ""))
        return json.loads(out)


def parties():
    chance = random.Random(1)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    yield 1400000000, KEY, "xiaojun", 15552000
    yield 1, "k", "a", 60
    yield 4294967295, "K" * 200, "x" * 32, 50 * 365 * 86400
    for _ in range(20):
        user = "".join(chance.choices(letters, k=chance.randint(1, 32)))
        user = user if user[0] != "-" else "u" + user[1:]
        key = "".join(chance.choices("0123456789abcdef", k=64))
        yield chance.randint(1, 2**32 - 1), key, user, chance.randint(60, 10**9)


def theirs_with_callbox(callbox, node):
    for app, key, user, expire in parties():
        for library, token in [
            ("PyPI", python_make(app, key, user, expire)),
            ("npm", node.make(app=app, key=key, user=user, expire=expire)),
        ]:
            check(f"{library} ticket of {user}", callbox.verify(app, key, user, token), (0, ""))
            shown, raw = callbox.show(token), claims_of(token)
            found = [shown[name] for name in ("user", "app", "issued_at", "expire", "userbuf_hex")]
            check(f"{library} claims of {user}", found, [user, app, raw["TLS.time"], expire, None])
        for room, bits in [(10000, 255), (2147483647, 42), ("adbjkl", 255), ("123", 1), ("hall 3 (east)", 170)]:
            token = node.make(app=app, key=key, user=user, expire=expire, room=room, bits=bits)
            check(f"npm rights of {user} in {room!r}", callbox.verify(app, key, user, token), (0, ""))
            rights = callbox.show(token)["rights"]
            check(f"npm claims of {user} in {room!r}", (rights["room"], rights["bits"]), (room, bits))
        token = python_make(app, key, user, expire, userbuf=b"abc\0\xff")
        check(f"PyPI userbuf of {user}", callbox.verify(app, key, user, token), (0, ""))
        check("PyPI userbuf", callbox.show(token)["userbuf_hex"], "61626300ff")


def callbox_with_theirs(callbox, node):
    for app, key, user, expire in parties():
        ours = claims_of(callbox.make(app, key, user, expire))
        now = ours["TLS.time"]
        check("the time is now", abs(now - CLOCK()) < 5, True)
        theirs = claims_of(python_make(app, key, user, expire, now=now))
        check(f"PyPI would make the same for {user}", ours, theirs)
        theirs = claims_of(node.make(app=app, key=key, user=user, expire=expire, now=now))
        check(f"npm would make the same for {user}", ours, theirs)
        for room, bits in [(1, 1), (2147483647, 42), ("adbjkl", 255), ("123", 128)]:
            ours = claims_of(callbox.make(app, key, user, expire, room, bits))
            request = dict(app=app, key=key, user=user, expire=expire, room=room, bits=bits)
            theirs = claims_of(node.make(**request, now=ours["TLS.time"]))
            check(f"npm would give the same rights to {user} in {room!r}", ours, theirs)


def refusals(callbox):
    app, user = 1400000000, "xiaojun"
    token, past = python_make(app, KEY, user, 60), int(CLOCK()) - 100
    changed = claims_of(token) | {"TLS.expire": 10**9}
    forged = official.base64_encode_url(zlib.compress(json.dumps(changed).encode()))
    for name, code, arguments in [
        ("another key", "70009", (app, KEY[::-1], user, token)),
        ("a changed claim", "70009", (app, KEY, user, forged)),
        ("another user", "70013", (app, KEY, "Xiaojun", token)),
        ("another app", "70014", (app + 1, KEY, user, token)),
        ("half a ticket", "70003", (app, KEY, user, token[: len(token) // 2])),
        ("no ticket", "70002", (app, KEY, user, "")),
        ("an old ticket", "70001", (app, KEY, user, python_make(app, KEY, user, 60, now=past))),
        ("a ticket of tomorrow", "70003", (app, KEY, user, python_make(app, KEY, user, 60, now=past + 86400))),
    ]:
        check(f"{name} is refused", callbox.verify(*arguments), (1, code))


def main():
    node = Node()
    with tempfile.TemporaryDirectory() as directory:
        callbox = Callbox(directory)
        theirs_with_callbox(callbox, node)
        callbox_with_theirs(callbox, node)
        refusals(callbox)
    node.end()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
