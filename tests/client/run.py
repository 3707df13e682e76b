"""Runs the calls one after the other: run.py BIN_DIR [NAME …]; a NAME is a part of a story's name."""

import asyncio
import contextlib
import pathlib
import sys
import tempfile
import time
import traceback

import borders
import groups
import stories
from street import Hub, Panel

STORY_S = 240


async def try_one(story, hub, panel):
    """One story with its deadline; a failure is printed with the last log lines."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(STORY_S):
            await story(hub, panel)
    except Exception:
        print(f"FAIL {story.__name__} after {time.monotonic() - began:.1f} s", flush=True)
        traceback.print_exc(file=sys.stdout)
        for program in (hub, panel):
            print(f"--- the end of the {program.name}'s log")
            sys.stdout.writelines(program.tail())
        await panel.stop()
        await panel.start()
        return False
    print(f"ok   {story.__name__} {time.monotonic() - began:.1f} s", flush=True)
    return True


async def main(bin_dir, names):
    """Runs all, or those that are named, and returns the exit status."""
    chosen = [story for story in stories.ALL + groups.ALL + borders.ALL if not names or any(name in story.__name__ for name in names)]
    with tempfile.TemporaryDirectory(prefix="callbox-client-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            hub = Hub(pathlib.Path(folder), bin_dir)
            stack.push_async_callback(hub.stop)
            await hub.start()
            panel = Panel(pathlib.Path(folder), bin_dir, hub)
            stack.push_async_callback(panel.stop)
            await panel.start()
            held = [await try_one(story, hub, panel) for story in chosen]
    print(f"{held.count(True)} passed, {held.count(False)} failed")
    return 0 if held and all(held) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(pathlib.Path(sys.argv[1]), sys.argv[2:])))
