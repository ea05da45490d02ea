# SPDX-License-Identifier: GPL-2.0-or-later
"""In the place of facet-vgpu, for hostile_test: what it does wrong goes by the name of the vGPU."""
import array
import json
import os
import select
import socket
import sys
import threading


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


if "--probe" in sys.argv:
    sys.exit(1)
NAME = option("--name")
OWN = {name: int(option(f"--{name}-fd")) for name in ("listen", "control", "share", "doorbell")}
HUGE = 2**63 - 1
EPOLL = select.epoll()
STATUS = [{}, {"usage": 3}, {"renderer": "\x1b[31m" * 999}, {"drops": -1, "rss_bytes": HUGE}]


def strange():
    """Of the wrong kinds, each with a name that means something to facetd."""
    folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    path = os.open("/", os.O_PATH)
    bare = os.memfd_create("bare", os.MFD_ALLOW_SEALING)
    os.ftruncate(bare, 4096)
    vast = os.memfd_create("vast")
    os.ftruncate(vast, 2**62)
    ends = os.pipe()
    return {"listen": ends[0], "control": folder, "share": bare, "doorbell": ends[1],
            "vhost-user": EPOLL.fileno(), "rings": path, "alive": folder, "memory0": vast,
            "memory1": vast, "memory2": vast, "memory3": path, "memory4": folder, "memory": bare}


def send(sock, parameters, fds=(), continues=True):
    text = json.dumps({"parameters": parameters, "continues": continues}).encode() + b"\0"
    sock.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds
                 else [])


def handover(sock):
    fds = strange() if NAME == "kinds" else OWN
    send(sock, {"fds": list(fds), "state": {}}, fds.values())
    while NAME == "flood":
        send(sock, {"fds": [], "state": {}})
    while NAME == "nonsense":
        for wrong in ({}, {"fds": 7}, {"fds": ["x"], "state": {}}, {"fds": [[]], "state": {}},
                      {"fds": [], "state": "s"}, {"fds": ["a" * 99], "state": {}}):
            send(sock, wrong)


def serve(sock):
    call = b""
    while not call.endswith(b"\0"):
        piece = sock.recv(65536)
        if not piece:
            return
        call += piece
    method = json.loads(call[:-1])["method"].rpartition(".")[2]
    print(method, flush=True)
    if method == "Handover":
        handover(sock)
        sock.recv(1)
    elif method == "Status":
        STATUS.append(STATUS.pop(0))
        send(sock, STATUS[0], continues=False)
    elif method == "Stop":
        os._exit(0)


def serve_and_leave(sock):
    with sock:
        try:
            serve(sock)
        except OSError:
            pass


control = socket.socket(fileno=OWN["control"])
control.setblocking(True)
while True:
    threading.Thread(target=serve_and_leave, args=[control.accept()[0]], daemon=True).start()
