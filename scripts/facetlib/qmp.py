# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of QEMU's machine protocol, as much of it as tests need."""
import json
import socket


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """One connection; events are kept in self.events."""

    def __init__(self, path, timeout=60):
        self.events = []
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(timeout)
        self._sock.connect(path)
        self._file = self._sock.makefile("r", encoding="utf-8")
        self._read()
        self("qmp_capabilities")

    def _read(self):
        line = self._file.readline()
        if not line:
            raise ConnectionError("QEMU closed its QMP socket")
        return json.loads(line)

    def __call__(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self._sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._read()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            elif "return" in answer:
                return answer["return"]

    def close(self):
        self._file.close()
        self._sock.close()
