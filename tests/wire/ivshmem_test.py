#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`facet ivshmem`: the command line, and the server by its socket; no QEMU."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
sys.dont_write_bytecode = True

from facetlib import ivshmem, procs  # noqa: E402 pylint: disable=wrong-import-position
import idl  # noqa: E402 pylint: disable=wrong-import-position

FACET = os.environ["FACET"]
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 60


class IvshmemTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="facet-ivshmem-"))
        (self.place / "run").mkdir(mode=0o700)
        self.servers, self.peers = [], []

    def tearDown(self):
        for peer in self.peers:
            peer.close()
        for server in self.servers:
            server.close()
        shutil.rmtree(self.place)

    def serve(self, *args, **options):
        server = ivshmem.Server(FACET, self.place, *args, **options)
        self.servers.append(server)
        return server.wait_ready()

    def peer(self, server, name="ivshmem"):
        peer = ivshmem.Peer(server.region(name)["socket"])
        self.peers.append(peer)
        return peer

    def fails(self, code, words, *args):
        done = subprocess.run([FACET, "ivshmem", *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False, timeout=PATIENCE_S,
                              env={**os.environ, "XDG_RUNTIME_DIR": str(self.place / "run")})
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stdout, "")
        for word in words.split("|"):
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def files(self):
        return sorted(str(p.relative_to(self.place / "run"))
                      for p in (self.place / "run").rglob("*"))

    # --- the command line -------------------------------------------------------------------

    def test_wrong_arguments(self):
        for words, *args in (
                ("must be serve, ls", "dance"), ("how large", "serve"),
                ("--size 3M|3145728|the next one is 4M", "serve", "--size", "3M"),
                ("size 1000|from 4K", "serve", "a,size=1000"),
                ("--size lots|number of bytes", "serve", "--size", "lots"),
                ("--size", "ls", "--size", "1M"), ("--plain", "serve", "--size", "1M", "--plain"),
                ("--vectors 0|1 to 2048", "serve", "--size", "1M", "--vectors", "0"),
                ("vectors 2049", "serve", "a,size=1M,vectors=2049"),
                ("max-peers", "serve", "--size", "1M", "--max-peers", "70000"),
                ("--mode 8|octal", "serve", "--size", "1M", "--mode", "8"),
                ("--mode 0400", "serve", "--size", "1M", "--mode", "0400"),
                ("--group no-such-group", "serve", "--size", "1M", "--group", "no-such-group"),
                ("no-such-user", "serve", "--size", "1M", "--allow-uid", "1,no-such-user"),
                ("belongs to one region", "serve", "a,size=1M", "b,size=1M", "--socket", "x"),
                ("two regions", "serve", "a,size=1M", "a,size=1M"),
                ("color=", "serve", "a,color=blue"), ("KEY=VALUE", "serve", "a,size"),
                ("../a", "serve", "../a,size=1M"), ("usage", "qemu-args")):
            self.fails(2, words, *args)
        self.fails(1, "nobody|ls", "qemu-args", "nobody")
        self.fails(1, "/no/where/s", "serve", "--size", "1M", "--socket", "/no/where/s")
        self.fails(1, "/no/where/f", "serve", "--size", "1M", "--file", "/no/where/f")
        self.assertEqual(self.files(), [])

    def test_regions(self):
        server = self.serve("a,size=1M,vectors=3", f"b,file={self.place}/b,max-peers=9",
                            "--size", "64K", "--mode", "0640")
        regions = {r["name"]: r for r in server.regions()}
        interface = idl.Interface((SOURCE / "src/ivshmem/io.facet.ivshmem.varlink").read_text())
        bare = [{k: v for k, v in r.items() if k != "pid"} for r in regions.values()]
        self.assertIsNone(interface.fault({"pid": 1, "regions": bare},
                                          interface.methods["List"][1]))
        a, b = regions["a"], regions["b"]
        self.assertEqual((a["size_bytes"], a["vectors"], a["file"]), (1 << 20, 3, ""))
        self.assertEqual((b["size_bytes"], b["vectors"], b["max_peers"]), (1 << 16, 1, 9))
        self.assertEqual(b["file"], f"{self.place}/b")
        for path in (a["socket"], b["socket"], b["file"]):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.assertEqual(server.qemu_args("a")[1], f"socket,id=ivshmem-a,path={a['socket']}")
        self.assertEqual(server.qemu_args("b", "--plain")[1],
                         "memory-backend-file,id=ivshmem-b,share=on,"
                         f"mem-path={self.place}/b,size=65536")
        self.assertEqual(server.run("qemu-args", "a", "--plain").returncode, 2)
        # Peers of one know nothing of the other.
        one, other = self.peer(server, "a"), self.peer(server, "b")
        self.assertEqual((one.id, other.id, one.others, other.others), (0, 0, {}, {}))
        one.wait_for(lambda: len(one.own) == 3, "all vectors")
        self.assertEqual(len(other.own), 1)
        table = server.run("ls").stdout.splitlines()
        self.assertEqual(len(table), 3, table)
        self.assertIn(f":{os.getpid()}", table[1])

    def test_what_is_left(self):
        """Nothing after SIGTERM; after SIGKILL, nothing that stops the next one."""
        path = self.place / "file"
        args = ("--size", "64K", "--file", str(path), "--socket", str(self.place / "s"))
        server = self.serve(*args)
        self.fails(1, "serves a region of that name", "serve", "--size", "1M")
        self.fails(1, "somebody listens", "serve", "--name", "x", "--size", "1M", "--socket",
                   str(self.place / "s"))
        server.process.kill()
        server.process.wait()
        self.assertTrue(path.exists() and (self.place / "s").exists() and self.files())
        path.write_bytes(b"kept".ljust(1 << 16))
        server = self.serve(*args)
        peer = self.peer(server)
        self.assertEqual(peer.memory[:4], b"kept")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(PATIENCE_S), 0, server.log())
        self.assertFalse((self.place / "s").exists())
        self.assertEqual(self.files(), [])
        self.assertTrue(path.exists())  # it was there before this one
        path.unlink()
        server = self.serve(*args)
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(PATIENCE_S), 0, server.log())
        self.assertFalse(path.exists())

    def test_not_ours(self):
        (self.place / "s").write_text("precious")
        self.fails(1, "no socket", "serve", "--size", "1M", "--socket", str(self.place / "s"))
        self.assertEqual((self.place / "s").read_text(), "precious")
        (self.place / "f").write_bytes(b"x" * 3000)
        self.fails(2, "3000 bytes", "serve", "--file", str(self.place / "f"))
        self.fails(2, "3000 bytes", "serve", "--size", "1M", "--file", str(self.place / "f"))
        self.assertEqual((self.place / "f").stat().st_size, 3000)

    # --- peers ------------------------------------------------------------------------------

    def test_doorbells(self):
        server = self.serve("--size", "64K", "--vectors", "2")
        one, two = self.peer(server), self.peer(server)
        one.wait_for(lambda: len(one.others.get(1, [])) == len(one.own) == 2, "peer 1")
        two.wait_for(lambda: len(two.own) == 2, "all vectors")
        one.ring(1, 1)
        two.ring(0, 0)
        self.assertEqual((two.rung(1), one.rung(0)), (1, 1))
        for _ in range(100):
            one.ring(1, 0)
        self.assertEqual(two.rung(0), 100)
        one.memory[5] = 77
        self.assertEqual(two.memory[5], 77)
        two.sock.close()
        one.wait_for(lambda: 1 not in one.others, "peer 1 to leave")
        three = self.peer(server)
        self.assertEqual(three.id, 2)  # of 1 the first one has heard
        self.assertEqual(sorted(three.others), [0])
        region = server.region()
        self.assertEqual((region["joined"], region["left"], region["dropped"]), (3, 1, 0))

    def test_hostile_peers(self):
        """They go; the others and the server do not notice much."""
        server = self.serve("--size", "64K", "--max-peers", "20")
        good = self.peer(server)
        silent = [ivshmem.Peer(server.region()["socket"], greet=False) for _ in range(8)]
        self.peers += silent
        path = server.region()["socket"]
        for number in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            try:
                if number % 3 == 0:
                    socket.send_fds(sock, [b"x" * 1000], [0, 1, 2])
                    sock.settimeout(PATIENCE_S)
                    while sock.recv(100):  # until it is thrown out
                        pass
                elif number % 3 == 1:
                    sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            sock.close()
            good.update()
        good.wait_for(lambda: len(good.others) == 8, "only the silent ones to be left")
        for peer in silent:
            peer.greet()
            peer.wait_for(lambda p=peer: len(p.others) == 8, "eight others")
        good.ring(silent[3].id, 0)
        self.assertEqual(silent[3].rung(0), 1)
        region = server.region()
        self.assertEqual(len(region["peers"]), 9)
        self.assertGreater(region["dropped"], 0)
        self.assertEqual(region["joined"] - region["left"], 9)

    def test_limits(self):
        server = self.serve("--size", "64K", "--max-peers", "2")
        self.peer(server), self.peer(server)
        with self.assertRaises(ivshmem.Gone):
            self.peer(server)
        self.assertEqual(server.region()["refused"], 1)
        self.assertIn("as many clients as may be", server.log())

    def test_allow_list(self):
        nobody = self.serve("--size", "64K", "--allow-uid", str(os.getuid() + 1))
        with self.assertRaises(ivshmem.Gone):
            self.peer(nobody)
        self.assertIn("not on the list", nobody.log())
        nobody.close()
        some = self.serve("--size", "64K", "--allow-uid", f"{os.getuid() + 1},{os.getuid()}")
        self.assertEqual(self.peer(some).id, 0)

    def test_few_descriptors(self):
        """Peers are refused, and it still answers."""
        server = self.serve("--size", "64K", "--vectors", "8",
                            wrap=("sh", "-c", "ulimit -n 80; exec \"$@\"", "sh"))
        for _ in range(20):
            try:
                self.peer(server)
            except (ivshmem.Gone, ConnectionResetError):
                break
        region = server.region()
        self.assertGreater(region["refused"], 0)
        self.assertGreater(len(region["peers"]), 2)
        self.assertIn("LimitNOFILE", server.log())
        self.fails_with_few("--size", "64K", "--vectors", "60")

    def fails_with_few(self, *args):
        done = subprocess.run(["sh", "-c", "ulimit -n 80; exec \"$@\"", "sh", FACET, "ivshmem",
                               "serve", "--name", "few", *args], capture_output=True, text=True,
                              check=False, timeout=PATIENCE_S,
                              env={**os.environ, "XDG_RUNTIME_DIR": str(self.place / "run")})
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("not even two clients", done.stderr)

    def test_idle(self):
        """Nothing happens, nothing runs."""
        server = self.serve("--size", "64K")
        self.peer(server)
        before = procs.cpu_seconds(server.process.pid)
        time.sleep(1)
        self.assertLessEqual(procs.cpu_seconds(server.process.pid) - before, 0.02)
        self.assertEqual(json.loads(server.run("ls", "--json").stdout)[0]["pid"],
                         server.process.pid)


if __name__ == "__main__":
    unittest.main()
