"""The table of tests: each row gets a board fresh from a saved state, and either holds or says what was seen instead."""

import sys
import time
import traceback
from pathlib import Path

import image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import skip  # noqa: E402


class Skip(Exception):
    """What a row needs is not here."""


class Seen(AssertionError):
    """Something else than expected was seen."""


TABLE = []


def row(title, state=image.booted):
    """Puts a function of one machine into the table. `state` gives the saved state it starts from, or raises `Skip`.
    What the function gives is told beside its outcome: the figures it took."""
    def put(test):
        TABLE.append((title, state, test))
        return test
    return put


def expect(what, held):
    """One thing that must hold."""
    if not held:
        raise Seen(what)


def until(what, ask, patience=15.0, pause=0.2):
    """Asks until the answer is not false; gives it."""
    end = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Seen(f"not within {patience:g} s: {what}")
        time.sleep(pause)


def go_through(wanted, logs):
    """Runs the rows whose titles hold one of the wanted words; gives how many passed, failed, were skipped."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for title, state, test in TABLE:
        if wanted and not any(word in title for word in wanted):
            continue
        began = time.monotonic()
        outcome, note = _try(title, state, test, logs)
        if outcome == "skipped":
            skip.note(f"board: {title}", note)
            outcome = "failed" if skip.required() else outcome
        counts[outcome] += 1
        mark = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}[outcome]
        print(f"{mark:8} {title}  ({time.monotonic() - began:.1f} s)" + (f"\n         {note}" if note else ""), flush=True)
    return counts


def _try(title, state, test, logs):
    machine = None
    try:
        machine = image.resume(state())
        return "passed", test(machine)
    except Skip as reason:
        return "skipped", str(reason)
    except Exception as error:
        kept = _keep(title, machine, logs)
        if not isinstance(error, Seen):
            traceback.print_exc(file=sys.stderr)
        return "failed", f"{error or type(error).__name__}; logs: {kept}"
    finally:
        if machine:
            machine.stop()


def _keep(title, machine, logs):
    """Keeps what tells why a row failed."""
    folder = logs / title.replace(" ", "-").replace("/", "-")[:60]
    folder.mkdir(parents=True, exist_ok=True)
    if machine:
        (folder / "serial").write_text(machine.serial())
        try:
            (folder / "journal").write_text(machine.run("journalctl -b --no-pager -o short-monotonic -n 6000"))
            folder.joinpath("screen.ppm").write_bytes(machine.screen().ppm())
        except Exception as error:
            (folder / "unreachable").write_text(str(error))
    return folder
