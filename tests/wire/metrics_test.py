#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facetd --metrics-listen: HTTP as scrapers speak it, and OpenMetrics read by a strict parser."""
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import time
import unittest

import vgpu
from daemon import FACETD, DaemonCase, wait_until

SAMPLE = re.compile(r'([a-z_]+)(?:\{([^}]*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="([^"\\\n]*)"(?:,|$)')
SUFFIXES = {"counter": ["_total"], "gauge": [""], "info": ["_info"], "stateset": [""],
            "histogram": ["_bucket", "_count", "_sum"]}
UNITS = ("seconds", "bytes", "ratio")


class OpenMetrics:
    """families: {name: {"type", "unit", "help", "samples": [(suffix, labels, value)]}}."""

    def __init__(self, text):
        if not text.endswith("\n# EOF\n"):
            raise ValueError("no # EOF at the end")
        self.families, self.current, self.keys = {}, None, set()
        for line in text.removesuffix("# EOF\n").splitlines():
            if line.startswith("# "):
                self._meta(*line[2:].split(" ", 2))
            else:
                self._sample(line)
        for name, family in self.families.items():
            self._check(name, family)

    def _meta(self, kind, name, rest):
        if kind == "TYPE":
            if name in self.families:
                raise ValueError(f"{name}: its samples are not together")
            if rest not in SUFFIXES:
                raise ValueError(f"{name}: type {rest}")
            self.families[name] = {"type": rest, "unit": None, "help": None, "samples": []}
            self.current = name
            return
        if name != self.current or self.families[name]["samples"]:
            raise ValueError(f"# {kind} {name}: out of place")
        if kind == "UNIT" and not name.endswith("_" + rest):
            raise ValueError(f"{name}: unit {rest} is not in its name")
        if self.families[name].get(kind.lower(), "") is not None:
            raise ValueError(f"# {kind} {name}: unknown or twice")
        self.families[name][kind.lower()] = rest

    def _sample(self, line):
        match = SAMPLE.fullmatch(line)
        if not match:
            raise ValueError(f"no sample: {line}")
        family = self.families[self.current]
        suffix = match[1].removeprefix(self.current)
        if not match[1].startswith(self.current) or suffix not in SUFFIXES[family["type"]]:
            raise ValueError(f"{match[1]}: not of {family['type']} {self.current}")
        labels, rest = {}, match[2] or ""
        while rest:
            label = LABEL.match(rest)
            if not label or label[1] in labels:
                raise ValueError(f"labels: {match[2]}")
            labels[label[1]], rest = label[2], rest[label.end():]
        key = (match[1], tuple(sorted(labels.items())))
        if key in self.keys:
            raise ValueError(f"twice: {line}")
        self.keys.add(key)
        family["samples"].append((suffix, labels, float(match[3])))

    def _check(self, name, family):
        if not family["help"]:
            raise ValueError(f"{name}: no help")
        if family["unit"] is None and name.endswith(UNITS):
            raise ValueError(f"{name}: no unit")
        if family["type"] == "counter" and any(s[2] < 0 for s in family["samples"]):
            raise ValueError(f"{name}: negative")
        if family["type"] == "stateset" and any(s[2] not in (0, 1) or name not in s[1]
                                                for s in family["samples"]):
            raise ValueError(f"{name}: no stateset")
        if family["type"] == "histogram":
            for vgpu_name in {s[1]["vgpu"] for s in family["samples"]}:
                self._check_histogram(name, [s for s in family["samples"]
                                             if s[1]["vgpu"] == vgpu_name])

    @staticmethod
    def _check_histogram(name, samples):
        buckets = [(float(s[1]["le"]), s[2]) for s in samples if s[0] == "_bucket"]
        count, total = ([s[2] for s in samples if s[0] == suffix] for suffix in ("_count", "_sum"))
        if buckets != sorted(buckets) or [b[1] for b in buckets] != sorted(b[1] for b in buckets):
            raise ValueError(f"{name}: buckets are not cumulative")
        if not buckets or buckets[-1] != (float("inf"), count[0]) or len(count + total) != 2:
            raise ValueError(f"{name}: no +Inf, or not the count")

    def value(self, name, suffix="", **labels):
        found = [s[2] for s in self.families[name]["samples"]
                 if s[0] == suffix and labels.items() <= s[1].items()]
        if len(found) != 1:
            raise ValueError(f"{name} {labels}: {len(found)} samples")
        return found[0]


class MetricsTest(DaemonCase):
    options = ("--metrics-listen", "127.0.0.1:0", "--vram", "1G")

    def address(self):
        return re.findall(r"http://(127\.0\.0\.1):(\d+)", self.daemon_log())[-1]

    def get(self, path="/metrics", method="GET"):
        host, port = self.address()
        connection = http.client.HTTPConnection(host, int(port), timeout=vgpu.PATIENCE_S)
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response, body

    def raw(self, data):
        """What comes back until the other side hangs up."""
        host, port = self.address()
        with socket.create_connection((host, int(port)), timeout=vgpu.PATIENCE_S) as sock:
            for piece in data if isinstance(data, list) else [data]:
                sock.sendall(piece)
            answer = b""
            while piece := sock.recv(1 << 16):
                answer += piece
        return answer

    def test_metrics(self):
        response, body = self.get()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("Content-Type"),
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        empty = OpenMetrics(body)
        self.assertEqual(empty.value("facet_gpu_vgpus", gpu="soft0"), 0)
        self.create("a", "--cap", "30%", "--vram", "64M")
        self.create("b", "--weight", "3", "--vram", "64M")
        metrics = OpenMetrics(self.get()[1])
        self.assertEqual(set(metrics.families), set(empty.families))
        for name, labels, value in (
                ("facet_gpu_vram_bytes", {"gpu": "soft0"}, 1 << 30),
                ("facet_gpu_vram_free_bytes", {"gpu": "soft0"}, (1 << 30) - (128 << 20)),
                ("facet_gpu_policy", {"gpu": "soft0", "facet_gpu_policy": "best_effort"}, 1),
                ("facet_vgpu_up", {"vgpu": "a", "gpu": "soft0"}, 1),
                ("facet_vgpu_cap_ratio", {"vgpu": "a"}, 0.3),
                ("facet_vgpu_weight", {"vgpu": "b"}, 3),
                ("facet_vgpu_vram_quota_bytes", {"vgpu": "b"}, 64 << 20),
                ("facet_vgpu_state", {"vgpu": "a", "facet_vgpu_state": "idle"}, 1),
                ("facet_vgpu_state", {"vgpu": "a", "facet_vgpu_state": "failed"}, 0)):
            self.assertEqual(metrics.value(name, **labels), value, name)
        self.assertGreater(metrics.value("facet_vgpu_gpu_time_seconds", "_total", vgpu="a"), 0)
        for name in ("facet_vgpu_queue_wait_seconds", "facet_vgpu_execution_seconds",
                     "facet_vgpu_latency_seconds"):
            self.assertEqual(metrics.value(name, "_count", vgpu="a"), 0)
        self.assertEqual(metrics.value("facet_vgpu_resets", "_total", vgpu="a"), 0)

    def test_http(self):
        head = self.get(method="HEAD")
        self.assertEqual((head[0].status, head[1]), (200, ""))
        self.assertGreater(int(head[0].getheader("Content-Length")), 100)
        self.assertEqual(self.get("/metrics?name=x")[0].status, 200)
        self.assertEqual(self.get("/")[0].status, 404)
        refused = self.get(method="POST")[0]
        self.assertEqual((refused.status, refused.getheader("Allow")), (405, "GET, HEAD"))
        for data, status in ((b"nonsense\r\n\r\n", 400), (b"GET /metrics HTTP/3.0\r\n\r\n", 505),
                             (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", 400),
                             (b"GET /" + b"x" * 200 + b" HTTP/1.1\r\n\r\n", 414),
                             (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000, 431)):
            self.assertTrue(self.raw(data).startswith(b"HTTP/1.1 %d " % status), data[:40])
        slowly = [b"GET /metr", b"ics HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"]
        self.assertTrue(self.raw(slowly).endswith(b"# EOF\n"))

    def test_silent_clients(self):
        """Eight that say nothing are hung up on in time; more are refused; facet is not held up."""
        host, port = self.address()
        socks = [socket.create_connection((host, int(port)), timeout=vgpu.PATIENCE_S)
                 for _ in range(8)]
        self.works("ls")
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            self.get()
        for sock in socks[:4]:
            sock.close()
        wait_until(lambda: self.answers(), "room for another")
        begun = time.monotonic()
        for sock in socks[4:]:
            self.assertEqual(sock.recv(1), b"")
            sock.close()
        self.assertLess(time.monotonic() - begun, vgpu.PATIENCE_S)

    def answers(self):
        try:
            return self.get()[0].status == 200
        except (ConnectionError, http.client.HTTPException):
            return False

    def test_hang_up_while_asked(self):
        """A vGPU that does not answer keeps the scraper waiting; it may leave."""
        pid = self.create("x", "--vram", "16M")["pid"]
        family = [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(
            encoding="ascii").split())]
        for one in family:
            subprocess.run(["kill", "-STOP", str(one)], check=True)
        host, port = self.address()
        fds = pathlib.Path(f"/proc/{self.daemon.pid}/fd")
        before = len(list(fds.iterdir()))
        for _ in range(40):
            with socket.create_connection((host, int(port)), timeout=vgpu.PATIENCE_S) as sock:
                sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        # What was asked for them goes with them.
        wait_until(lambda: len(list(fds.iterdir())) <= before, "facetd to have none of their files")
        metrics = OpenMetrics(self.get()[1])
        self.assertEqual(metrics.value("facet_vgpu_up", vgpu="x"), 0)
        for one in family:
            subprocess.run(["kill", "-CONT", str(one)], check=True)

    # --- where it listens ---

    def refused(self, where):
        done = subprocess.run([FACETD, "--runtime-dir", str(self.place / "other"),
                               "--metrics-listen", where], capture_output=True, text=True,
                              check=False, timeout=vgpu.PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def test_refused_addresses(self):
        for where, why in (("0.0.0.0:9400", "not of this host alone"),
                           ("192.0.2.1:9400", "not of this host alone"),
                           ("[::]:9400", "no address"), ("localhost:9400", "no address"),
                           ("127.0.0.1:99999", "the port"), ("9400", "no path"),
                           ("127.0.0.1:", "the port"), ("/nowhere/socket", "No such file"),
                           (str(self.place), "no socket"), ("./" + "x" * 200, "107 bytes"),
                           (":".join(self.address()), "in use")):
            self.assertIn(why, self.refused(where), where)

    def test_unix_socket(self):
        self.stop()
        path = self.place / "metrics"
        self.start("--metrics-listen", str(path))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertIn("somebody listens there", self.refused(str(path)))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := sock.recv(1 << 16):
                answer += piece
        OpenMetrics(answer.decode().partition("\r\n\r\n")[2])
        # One that a dead facetd left behind makes room.
        self.stop(signal.SIGKILL)
        self.assertTrue(path.exists())
        self.start("--metrics-listen", str(path))
        self.stop()
        self.assertFalse(path.exists())
        self.start()


class ParserTest(unittest.TestCase):
    """The strict parser is strict."""

    def test_refuses(self):
        good = '# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds A.\n' \
               'a_seconds_total{x="y"} 1\n# EOF\n'
        self.assertEqual(OpenMetrics(good).value("a_seconds", "_total", x="y"), 1)
        for change in (("# EOF\n", ""), ("_total", ""), ("A.", ""), ('"y"', "y"), (" 1\n", "\n"),
                       ("# UNIT a_seconds seconds\n", ""), (" 1\n", " -1\n"), ("counter", "sum"),
                       ("# EOF", 'a_seconds_total{x="y"} 1\n# EOF')):
            with self.assertRaises(ValueError, msg=json.dumps(change)):
                OpenMetrics(good.replace(*change))
        text = '# TYPE h histogram\n# HELP h H.\nh_bucket{vgpu="v",le="1"} 2\n' \
               'h_bucket{vgpu="v",le="+Inf"} %d\nh_count{vgpu="v"} %d\nh_sum{vgpu="v"} 1\n# EOF\n'
        OpenMetrics(text % (3, 3))
        for numbers in ((1, 1), (3, 4)):
            with self.assertRaises(ValueError):
                OpenMetrics(text % numbers)


if __name__ == "__main__":
    unittest.main()
