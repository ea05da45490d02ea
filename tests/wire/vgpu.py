# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts the built facet-vgpu and speaks to it: varlink, and as QEMU would, vhost-user."""
import json
import mmap
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import tempfile

PROGRAM = os.environ["FACET_VGPU"]
PATIENCE_S = 60  # far more than anything here takes on a busy machine


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name, self.parameters = name, parameters


def varlink(path, method, parameters=None, fds=()):
    """One call; its answer's parameters."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE_S)
        sock.connect(path)
        call = json.dumps({"method": method, "parameters": parameters or {}}).encode() + b"\0"
        socket.send_fds(sock, [call], list(fds))
        answer = b""
        while not answer.endswith(b"\0"):
            piece = sock.recv(1 << 16)
            if not piece:
                raise ConnectionError(f"no answer to {method}")
            answer += piece
    answer = json.loads(answer[:-1])
    if "error" in answer:
        raise VarlinkError(answer["error"], answer.get("parameters", {}))
    return answer["parameters"]


class Vgpu:
    """A vGPU as facetd starts it: two listening sockets; stopped and removed by close()."""

    def __init__(self, *options, wrap=(), pass_fds=(), **env):
        self.place = tempfile.mkdtemp(prefix="facet-wire-")
        self.vhost_path = os.path.join(self.place, "vhost")
        self.control_path = os.path.join(self.place, "control")
        self.log_path = os.path.join(self.place, "log")
        socks = [self._listen(self.vhost_path), self._listen(self.control_path)]
        fds = [sock.fileno() for sock in socks]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*wrap, PROGRAM, "--listen-fd", str(fds[0]), "--control-fd", str(fds[1]), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[*fds, *pass_fds],
                env={**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1", **env})
        for sock in socks:
            sock.close()

    @staticmethod
    def _listen(path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        sock.listen(4)
        return sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, parameters=None, fds=()):
        return varlink(self.control_path, f"io.facet.vgpu.{method}", parameters, fds)

    def status(self):
        return self.call("Status")

    def sandbox(self):
        return {stage["what"]: stage for stage in self.status()["sandbox"]}

    def log(self):
        return pathlib.Path(self.log_path).read_text(encoding="utf-8", errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE_S)
        shutil.rmtree(self.place, ignore_errors=True)


class FrontEnd:
    """The few vhost-user messages that start a device, and a virtio-gpu driver's control queue."""

    GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
    SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE = 8, 9, 10
    SET_VRING_KICK, SET_VRING_CALL = 12, 13
    VERSION_1 = 1 << 32
    RING_SIZE, RAM_SIZE, USER_ADDRESS = 16, 1 << 20, 0x7F0000000000
    DESC, AVAIL, USED, COMMAND, ANSWER = 0, 0x1000, 0x2000, 0x4000, 0x10000

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(PATIENCE_S)
        self.next = 0

    @classmethod
    def connect(cls, path):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return cls(sock)

    def close(self):
        self.sock.close()

    def send(self, request, payload=b"", fds=()):
        socket.send_fds(self.sock, [struct.pack("=III", request, 1, len(payload)) + payload],
                        list(fds))

    def ask(self, request, payload=b""):
        self.send(request, payload)
        header = self._exactly(12)
        number, flags, size = struct.unpack("=III", header)
        assert number == request and flags & 4, (number, flags)
        return self._exactly(size)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise ConnectionError("facet-vgpu closed the connection")
            data += piece
        return data

    def features(self):
        return struct.unpack("=Q", self.ask(self.GET_FEATURES))[0]

    def start(self):
        """Memory, the control queue, and a driver that accepts what is offered."""
        features = self.features() & (self.VERSION_1 | 0x7)
        self.send(self.SET_OWNER)
        self.send(self.SET_FEATURES, struct.pack("=Q", features))
        memory = os.memfd_create("ram")
        os.ftruncate(memory, self.RAM_SIZE)
        self.ram = mmap.mmap(memory, self.RAM_SIZE)
        self.send(self.SET_MEM_TABLE,
                  struct.pack("=IIQQQQ", 1, 0, 0, self.RAM_SIZE, self.USER_ADDRESS, 0), [memory])
        os.close(memory)
        self.kick, self.called = (os.eventfd(0, os.EFD_CLOEXEC) for _ in range(2))
        self.send(self.SET_VRING_NUM, struct.pack("=II", 0, self.RING_SIZE))
        self.send(self.SET_VRING_BASE, struct.pack("=II", 0, 0))
        self.send(self.SET_VRING_ADDR,
                  struct.pack("=IIQQQQ", 0, 0, *(self.USER_ADDRESS + part for part in
                                                 (self.DESC, self.USED, self.AVAIL)), 0))
        self.send(self.SET_VRING_CALL, struct.pack("=Q", 0), [self.called])
        self.send(self.SET_VRING_KICK, struct.pack("=Q", 0), [self.kick])
        return features

    def command(self, kind, body=b"", answer_size=24):
        """One virtio-gpu command; the answer's type and bytes."""
        request = struct.pack("<IIQIBxxx", kind, 0, 0, 0, 0) + body
        self.ram[self.COMMAND:self.COMMAND + len(request)] = request
        self.ram[self.DESC:self.DESC + 32] = (
            struct.pack("<QIHH", self.COMMAND, len(request), 1, 1) +
            struct.pack("<QIHH", self.ANSWER, answer_size, 2, 0))
        slot = self.AVAIL + 4 + 2 * (self.next % self.RING_SIZE)
        self.ram[slot:slot + 2] = struct.pack("<H", 0)
        self.next += 1
        self.ram[self.AVAIL + 2:self.AVAIL + 4] = struct.pack("<H", self.next & 0xFFFF)
        os.eventfd_write(self.kick, 1)
        while struct.unpack_from("<H", self.ram, self.USED + 2)[0] != self.next & 0xFFFF:
            if not select.select([self.called], [], [], PATIENCE_S)[0]:
                raise TimeoutError(f"no answer to command {kind:#x}")
            os.eventfd_read(self.called)
        data = self.ram[self.ANSWER:self.ANSWER + answer_size]
        return struct.unpack_from("<I", data)[0], data
