"""Talks to a running qemu (QEMU Machine Protocol)."""

import json
import socket
import time


class Refused(Exception):
    """qemu answered with an error."""


class Qmp:
    def __init__(self, path, patience=10.0):
        self._socket = _connect(path, patience)
        self._lines = self._socket.makefile("rw")
        self._lines.readline()  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """Sends a command; gives what it returns."""
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._lines.flush()
        for line in self._lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Refused(f"{command}: {answer['error']['desc']}")
        raise Refused(f"{command}: qemu has gone")

    def close(self):
        self._lines.close()
        self._socket.close()


def _connect(path, patience):
    end = time.monotonic() + patience
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(path))
            link.settimeout(60)
            return link
        except OSError:
            link.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
