# SPDX-License-Identifier: GPL-2.0-or-later
"""A viewer of QEMU's screen that only resizes its window, over QEMU's own D-Bus, peer to peer.

QEMU shows a vhost-user GPU on no other display that needs neither a GPU nor a desktop.
"""
import os
import socket
import struct


def _padded(data, align):
    return data + b"\0" * (-len(data) % align)


def _field(code, kind, text):
    """One header field: its code, a variant holding a string-like value."""
    raw = text.encode()
    size = struct.pack("<B", len(raw)) if kind == "g" else struct.pack("<I", len(raw))
    head = struct.pack("<BBcB", code, 1, kind.encode(), 0)
    return head + size + raw + b"\0"


def _call(serial, path, interface, member, signature, body):
    """A method call that wants no answer, as bytes."""
    fields = b""
    for code, kind, text in ((1, "o", path), (2, "s", interface), (3, "s", member),
                             (8, "g", signature)):
        fields = _padded(fields, 8) + _field(code, kind, text)
    head = struct.pack("<cBBBIII", b"l", 1, 1, 1, len(body), serial, len(fields))
    return head + _padded(fields, 8) + body


class Window:
    """Connected to a QEMU started with -display dbus,p2p=on."""

    def __init__(self, qmp):
        self._sock, theirs = socket.socketpair()
        self._sock.settimeout(60)
        with theirs:
            qmp.send_descriptor("window", theirs.fileno())
        qmp("add_client", protocol="@dbus-display", fdname="window")
        who = str(os.getuid()).encode().hex().encode()
        self._sock.sendall(b"\0AUTH EXTERNAL " + who + b"\r\n")
        answer = self._sock.recv(4096)
        if not answer.startswith(b"OK"):
            raise ConnectionError(f"QEMU's D-Bus: {answer}")
        self._sock.sendall(b"BEGIN\r\n")
        self._serial = 0

    def resize(self, width, height, console=0):
        self._serial += 1
        body = struct.pack("<HHiiII", 0, 0, 0, 0, width, height)
        self._sock.sendall(_call(self._serial, f"/org/qemu/Display1/Console_{console}",
                                 "org.qemu.Display1.Console", "SetUIInfo", "qqiiuu", body))

    def close(self):
        self._sock.close()
