"""What a test that cannot run here means: with `CALLBOX_REQUIRE=1` or `CI=true` a failure, otherwise a line of the summary."""

import os


def required():
    """Whether everything has to run."""
    return os.environ.get("CALLBOX_REQUIRE") == "1" or os.environ.get("CI") == "true"


def note(what, why):
    """Notes a skip in the file that `CALLBOX_SKIPS` names: `make test` and `make nightly` print it in their last line."""
    if file := os.environ.get("CALLBOX_SKIPS"):
        with open(file, "a", encoding="utf-8") as skips:
            skips.write(f"{what}: {why}\n")
