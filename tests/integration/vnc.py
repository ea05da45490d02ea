# SPDX-License-Identifier: GPL-2.0-or-later
"""A viewer of QEMU's screen that only ever resizes its window (RFB 3.8 with ExtendedDesktopSize)."""
import socket
import struct


class Viewer:
    """Connected to QEMU's -vnc unix:PATH."""

    def __init__(self, path, timeout=60):
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(timeout)
        self._sock.connect(path)
        self._take(12)
        self._sock.sendall(b"RFB 003.008\n")
        kinds = self._take(self._take(1)[0])
        if 1 not in kinds:
            raise ConnectionError("QEMU's VNC wants a password")
        self._sock.sendall(b"\x01")
        self._take(4)
        self._sock.sendall(b"\x01")
        name = struct.unpack(">20xI", self._take(24))[0]
        self._take(name)
        self._sock.sendall(struct.pack(">BxHii", 2, 2, 0, -308))

    def _take(self, size):
        data = b""
        while len(data) < size:
            more = self._sock.recv(size - len(data))
            if not more:
                raise ConnectionError("QEMU closed the VNC connection")
            data += more
        return data

    def resize(self, width, height):
        self._sock.sendall(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1,
                                       0, 0, 0, width, height, 0))

    def close(self):
        self._sock.close()
