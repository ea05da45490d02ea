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
        return self._execute(command, arguments, [])

    def send_descriptor(self, name, descriptor):
        """Gives QEMU a file descriptor that later commands know by this name."""
        self._execute("getfd", {"fdname": name}, [descriptor])

    def _execute(self, command, arguments, descriptors):
        request = json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n"
        socket.send_fds(self._sock, [request], descriptors)
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
