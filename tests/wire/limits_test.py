#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Shares, types and policies as people and programs see them: facet, io.facet, the state on disk."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import unittest

import vgpu
from daemon import FACETD, IO_FACET, DaemonCase

MIB = 1 << 20


class LimitsTest(DaemonCase):
    options = ("--vram", "1G")

    def gpu(self):
        return next(g for g in json.loads(self.works("gpus", "--json")) if g["name"] == "soft0")

    def fit(self, name):
        return next(t for t in json.loads(self.works("types", "--json"))
                    if t["name"] == name and t["gpu"] == "soft0")["fit"]

    # --- limits ---

    def test_create(self):
        one = self.create("x", "--weight", "200", "--cap", "30%", "--reservation", "12.5",
                          "--vram", "64M", "--eus", "0-0", "--hang", "1.5")
        self.assertEqual(one["limits"], {
            "weight": 200, "cap_ppm": 300000, "reservation_ppm": 125000, "vram_bytes": 64 * MIB,
            "eus": "0-0", "eus_exclusive": False, "hang_ms": 1500})
        self.assertEqual((one["type"], one["overcommit"]), ("", False))
        self.assertEqual(one["measured"]["entitled_ppm"], 300000)
        self.assertEqual(sorted(e["limit"] for e in one["enforcement"]),
                         ["cap", "eus", "hang", "memory", "reservation", "share", "vram"])
        self.assertTrue(all(e["why"] for e in one["enforcement"]))
        shown = self.works("show", "x")
        for words in ("weight 200", "at least 12.5%", "at most 30%", "vram 64M", "units: 0-0",
                      "after 1.5 s", "share: facet"):
            self.assertIn(words, shown)

    def test_defaults(self):
        limits = self.create("x")["limits"]
        self.assertEqual(limits, {
            "weight": 100, "cap_ppm": 1000000, "reservation_ppm": 0, "vram_bytes": 512 * MIB,
            "eus": "", "eus_exclusive": False, "hang_ms": 10000})
        self.assertEqual(self.create("y", "--hang", "never", "--vram", "16M")["limits"]["hang_ms"],
                         0)

    def test_set(self):
        pid = self.create("x", "--vram", "64M")["pid"]
        self.works("set", "x", "--weight", "7", "--cap", "50", "--reservation", "10%")
        self.works("set", "x", "--hang", "2", "--eus", "0-0")
        one = self.show("x")
        self.assertEqual(one["limits"], {
            "weight": 7, "cap_ppm": 500000, "reservation_ppm": 100000, "vram_bytes": 64 * MIB,
            "eus": "0-0", "eus_exclusive": False, "hang_ms": 2000})
        self.works("set", "x", "--eus", "all", "--hang", "never", "--cap", "100%", "--size",
                   "640x480")
        one = self.show("x")
        self.assertEqual((one["limits"]["eus"], one["limits"]["hang_ms"]), ("", 0))
        self.assertEqual(one["status"]["outputs"][0]["width"], 640)
        self.assertEqual((one["pid"], one["restarts"]), (pid, 0))

    def test_set_vram(self):
        """The process that counts is told: it is the one that answers the guest."""
        self.create("x", "--vram", "64M")
        self.works("set", "x", "--vram", "128M")
        one = self.show("x")
        self.assertEqual(one["limits"]["vram_bytes"], 128 * MIB)
        self.assertEqual(one["status"]["usage"]["vram_quota_bytes"], 128 * MIB)
        self.fails(1, "x|vram|left|--overcommit", "set", "x", "--vram", "2G")
        self.assertEqual(self.show("x")["limits"]["vram_bytes"], 128 * MIB)
        self.works("set", "x", "--vram", "2G", "--overcommit")
        self.assertEqual(self.show("x")["status"]["usage"]["vram_quota_bytes"], 2048 * MIB)

    def test_quota_is_refused(self):
        """A process from before an upgrade knows no SetQuota: the old quota is what is told."""
        self.create("x", "--vram", "64M")
        control = self.run_dir / "x" / "control.sock"
        control.rename(control.with_name("aside"))
        server = FakeService(control, {})
        try:
            self.fails(1, "x|older than facetd|facet restart", "set", "x", "--vram", "128M")
        finally:
            server.close()
            control.with_name("aside").rename(control)
        self.assertEqual(self.show("x")["limits"]["vram_bytes"], 64 * MIB)

    def test_admission(self):
        self.create("a", "--reservation", "60%", "--vram", "512M")
        self.fails(1, "b|reserv|40", "create", "b", "--reservation", "50%", "--vram", "64M")
        self.fails(1, "b|vram|512 MiB are left", "create", "b", "--vram", "513M")
        self.create("b", "--reservation", "40%", "--vram", "513M", "--overcommit")
        self.assertEqual((self.gpu()["share_free_ppm"], self.gpu()["vram_free_bytes"]), (0, 0))
        self.fails(1, "c|cap", "create", "c", "--cap", "10%", "--reservation", "20%", "--vram",
                   "16M")
        self.assertEqual([v["name"] for v in self.listing()], ["a", "b"])
        self.works("rm", "a")
        self.create("c", "--reservation", "60%", "--vram", "16M")

    def test_wrong_arguments(self):
        self.create("x", "--vram", "16M")
        for verb in ("create", "set"):
            for option, value, words in (
                    ("--weight", "0", "1 to 10000"), ("--weight", "heavy", "1 to 10000"),
                    ("--cap", "101%", "12.5%"), ("--cap", "-1", "12.5%"), ("--cap", "0", "more"),
                    ("--reservation", "much", "12.5%"), ("--vram", "0", "512M"),
                    ("--hang", "soon", "3600"), ("--hang", "-1", "3600")):
                self.fails(2, f"{option}|{words}", verb, "x", f"{option}={value}")
        self.fails(2, "only one", "set", "x", "--eus-exclusive", "--eus-shared")
        self.fails(2, "eus", "set", "x", "--eus", "0-")
        self.fails(2, "eus|9999", "set", "x", "--eus", "9999")
        self.fails(2, "eus|soft0 has", "set", "x", "--eus", "900-901")
        self.fails(2, "exclusive|eus", "set", "x", "--eus-exclusive")
        for parameters, argument in (({"weight": 10001}, "weight"), ({"cap_ppm": 0}, "cap_ppm"),
                                     ({"reservation_ppm": -1}, "reservation_ppm"),
                                     ({"hang_ms": 1 << 40}, "hang_ms"),
                                     ({"vram_bytes": 1}, "vram_bytes"), ({"eus": "x" * 99}, "eus"),
                                     ({"eus": "\u00e4"}, "limits")):
            with self.assertRaises(vgpu.VarlinkError) as caught:
                self.call("Set", {"name": "x", **parameters})
            self.assertEqual(caught.exception.parameters["argument"], argument)
        self.assertEqual(self.show("x")["limits"]["weight"], 100)

    # --- policies ---

    def test_policy(self):
        self.assertEqual(self.works("policy", "soft0"), "best-effort\n")
        self.works("policy", "soft0", "equal")
        self.assertEqual(self.gpu()["policy"], "equal")
        self.works("policy", "soft0", "best-effort")
        self.create("a", "--weight", "70", "--vram", "16M")
        self.create("b", "--weight", "40", "--vram", "16M")
        self.fails(1, "policy fixed|60 %", "policy", "soft0", "fixed")
        self.works("set", "b", "--weight", "30")
        self.works("policy", "soft0", "fixed")
        self.assertEqual(self.show("a")["measured"]["entitled_ppm"], 700000)
        self.assertEqual(self.gpu()["share_free_ppm"], 0)
        self.fails(1, "c|weight", "create", "c", "--vram", "16M")
        self.fails(2, "magic|best-effort", "policy", "soft0", "magic")
        self.fails(2, "nowhere|facet gpus", "policy", "nowhere", "equal")
        self.fails(2, "nowhere|facet gpus", "policy", "nowhere")
        self.stop(signal.SIGKILL)
        self.start()
        self.assertEqual(self.works("policy", "soft0"), "fixed\n")
        self.works("rm", "a", "b")
        self.works("policy", "soft0", "best-effort")

    # --- types ---

    def test_builtin_types(self):
        self.assertEqual([self.fit(f"virgl-{n}") for n in (1, 2, 4, 8)], [1, 2, 4, 8])
        one = self.create("a", "--type", "virgl-2")
        self.assertEqual((one["type"], one["mechanism"]), ("virgl-2", "virgl"))
        self.assertEqual(one["limits"]["vram_bytes"], 512 * MIB)
        self.assertEqual(one["limits"]["reservation_ppm"], 500000)
        self.assertEqual([self.fit(f"virgl-{n}") for n in (1, 2, 4, 8)], [0, 1, 2, 4])
        # A mix fills it.
        self.create("b", "--type", "virgl-4")
        self.create("c", "--type", "virgl-8")
        self.create("d", "--type", "virgl-8")
        self.assertEqual([self.fit(f"virgl-{n}") for n in (1, 2, 4, 8)], [0, 0, 0, 0])
        self.fails(1, "e|reserve at most 1 %", "create", "e", "--type", "virgl-8")
        self.works("policy", "soft0", "fixed")
        self.assertEqual(sum(v["measured"]["entitled_ppm"] for v in self.listing()), 990000)
        self.works("policy", "soft0", "best-effort")
        table = self.works("types").splitlines()
        self.assertEqual(table[0].split(),
                         ["NAME", "GPU", "SHARE", "VRAM", "SIZE", "OUTPUTS", "FIT"])

    def test_type_bounds(self):
        self.fails(2, "type|virgl-1, virgl-2", "create", "x", "--type", "nope")
        self.fails(2, "outputs|virgl-8|at most 2", "create", "x", "--type", "virgl-8", "--outputs",
                   "3")
        self.fails(2, "virgl-8|1920x1200", "create", "x", "--type", "virgl-8", "--size",
                   "1921x1080")
        one = self.create("x", "--type", "virgl-8", "--weight", "5", "--outputs", "2")
        self.assertEqual(one["limits"]["weight"], 5)

    def write_types(self, text):
        path = self.place / "types.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def test_types_of_a_file(self):
        self.stop()
        example = pathlib.Path(__file__).parent.parent.parent / "examples" / "types.yaml"
        self.start("--types", str(example))
        one = self.create("x", "--type", "office")
        self.assertEqual((one["limits"]["weight"], one["limits"]["cap_ppm"],
                          one["limits"]["reservation_ppm"]), (10, 400000, 50000))
        self.assertEqual(self.fit("office"), 3)
        self.stop()
        home = self.place / "config" / "facet"
        home.mkdir(parents=True)
        (home / "types.yaml").write_text("types:\n- name: own\n  vram: 12.5%\n", encoding="utf-8")
        self.start()
        self.assertEqual(self.create("y", "--type", "own")["limits"]["vram_bytes"], 128 * MIB)
        # The vGPU of a type that is not known any more goes on.
        self.assertEqual(self.show("x")["type"], "office")
        self.fails(2, "office", "create", "z", "--type", "office")

    def test_wrong_types(self):
        for text, words in (("types:\n- name: a\n  colour: red\n", ":3: key colour"),
                            ("types:\n- name: a\n  cap: 300%\n", ":3: cap 300%: must be"),
                            ("types:\n- name: virgl-1\n", ":2: name virgl-1")):
            done = subprocess.run([FACETD, "--runtime-dir", str(self.place / "other"), "--types",
                                   self.write_types(text)], capture_output=True, text=True,
                                  check=False, timeout=vgpu.PATIENCE_S)
            self.assertEqual(done.returncode, 1)
            self.assertIn("types.yaml" + words, done.stderr)
        self.assertFalse((self.place / "other" / "io.facet").exists())

    # --- counters ---

    def test_stats(self):
        self.create("a", "--vram", "16M")
        self.create("b", "--vram", "16M")
        both = json.loads(self.works("stats", "--json"))
        self.assertEqual([v["name"] for v in both], ["a", "b"])
        self.assertEqual(len(both[0]["latency"]["buckets"]), 32)
        self.assertEqual([v["name"] for v in json.loads(self.works("stats", "b", "--json"))],
                         ["b"])
        self.assertEqual(self.works("stats").splitlines()[1].split()[:2], ["a", "idle"])
        self.fails(1, "no vGPU c", "stats", "c")
        row = json.loads(self.works("top", "--once", "--interval", "0.1", "--json"))[0]
        self.assertEqual((row["share_asked_percent"], row["latency_p99_ms"]), (50.0, -1.0))

    def test_interface(self):
        answer = self.call("GetVersion")
        self.assertEqual((answer["interface"], answer["state"]), (4, 4))
        self.call("Create", {"name": "x", "type": "virgl-8", "weight": 3, "cap_ppm": 500000,
                             "reservation_ppm": 1, "eus": "", "eus_exclusive": False,
                             "hang_ms": 500, "overcommit": True, "vram_bytes": 16 * MIB})
        self.call("Set", {"name": "x", "weight": 4, "overcommit": False})
        self.call("ListTypes")
        self.call("Stats")
        self.call("List")
        self.call("ListGPUs")
        self.call("SetPolicy", {"gpu": "soft0", "policy": "equal"})
        self.call("SetPolicy", {"gpu": "soft0", "policy": "best_effort"})
        with self.assertRaises(vgpu.VarlinkError) as caught:
            self.call("Monitor")
        self.assertEqual(caught.exception.parameters["argument"], "more")

    # --- what happens ---

    def test_monitor(self):
        self.create("a", "--vram", "16M")
        with Monitor(self.run_dir / "io.facet") as monitor:
            self.assertEqual(monitor.next()[:3], ("present", "a", "idle"))
            self.assertEqual(monitor.next()[0], "ready")
            one = self.create("b", "--vram", "16M")
            added = monitor.next()
            self.assertEqual(added[:2], ("added", "b"))
            # Where all is quick it is up before anybody is told.
            if added[2] != "idle":
                monitor.until("state", "b", "idle")
            self.works("set", "b", "--weight", "3")
            self.assertEqual(monitor.next()[:2], ("limits", "b"))
            front = vgpu.FrontEnd.connect(one["socket"])
            front.features()
            monitor.until("state", "b", "connected")
            front.close()
            monitor.until("state", "b", "idle")
            os.kill(one["pid"], signal.SIGKILL)
            reason = monitor.until("state", "b", "idle")[3]
            self.assertIn("SIGKILL", reason)
            self.works("rm", "b")
            monitor.until("removed", "b", None)
            with Monitor(self.run_dir / "io.facet") as second:
                self.assertEqual(second.next()[:2], ("present", "a"))

    def test_monitors_are_bounded(self):
        """Neither many listeners nor one that never reads keep others out."""
        path = self.run_dir / "io.facet"
        monitors = [Monitor(path) for _ in range(16)]
        for monitor in monitors:
            self.assertEqual(monitor.next()[0], "ready")
        seventeenth = Monitor(path)
        with self.assertRaises(vgpu.VarlinkError):
            seventeenth.next()
        for monitor in (*monitors[1:], seventeenth):
            monitor.close()
        self.create("x", "--vram", "16M")
        for weight in range(1, 30):
            self.works("set", "x", "--weight", str(weight))
        monitors[0].until("limits", "x", None)
        monitors[0].close()

    # --- across versions ---

    def test_records_of_version_1(self):
        """As facet 0.1.0 wrote them; and a newer one's are left alone with a sentence."""
        self.create("old", "--vram", "64M")
        self.create("new", "--vram", "64M")
        self.stop(signal.SIGKILL)
        path = self.run_dir / "old" / "vgpu.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        limits = record.pop("limits")
        record.pop("type")
        path.write_text(json.dumps({**record, "version": 1, "vram_bytes": limits["vram_bytes"]}),
                        encoding="utf-8")
        path = self.run_dir / "new" / "vgpu.json"
        kept = path.read_text(encoding="utf-8")
        path.write_text(json.dumps({**json.loads(kept), "version": 5}), encoding="utf-8")
        self.start()
        self.assertEqual([v["name"] for v in self.listing()], ["old"])
        one = self.show("old")
        self.assertEqual((one["limits"]["weight"], one["limits"]["vram_bytes"]), (100, 64 * MIB))
        self.assertTrue(one["overcommit"])
        self.assertIn("new/vgpu.json: of version 5", self.daemon_log())
        path.write_text(kept, encoding="utf-8")
        self.stop(signal.SIGKILL)
        self.start()
        self.assertEqual([v["name"] for v in self.listing()], ["new", "old"])

    def test_old_facet(self):
        """Calls as facet 0.1.0 makes them; the fields it knew are still there."""
        one = self.call("Create", {"name": "x", "width": 640, "height": 480,
                                   "vram_bytes": 64 * MIB})["vgpu"]
        known = {"name", "gpu", "mechanism", "width", "height", "outputs", "vram_bytes", "state",
                 "reason", "restarts", "created", "pid", "socket", "log", "guest", "status"}
        self.assertEqual(known - set(one), set())
        self.assertEqual(one["vram_bytes"], 64 * MIB)
        self.call("SetOutput", {"name": "x", "output": 0, "width": 800, "height": 600})
        self.call("Remove", {"name": "x", "force": False})

    def test_old_facetd(self):
        """facet against a facetd of interface 1: what it knows works, the rest is explained."""
        self.stop()
        vgpu_1 = {"name": "x", "gpu": "soft0", "mechanism": "2d", "width": 640, "height": 480,
                  "outputs": 1, "vram_bytes": MIB, "state": "idle", "reason": "", "restarts": 0,
                  "created": 0, "pid": None, "socket": "/s", "log": "/l", "guest": None,
                  "status": None}
        server = FakeService(self.run_dir / "io.facet", {
            "org.varlink.service.GetInfo": ((), {"vendor": "", "product": "facetd", "url": "",
                                                 "version": "0.1.0", "interfaces": []}),
            "io.facet.List": ((), {"vgpus": [vgpu_1]}),
            "io.facet.Show": (("name",), {"vgpu": vgpu_1}),
            "io.facet.ListGPUs": ((), {"gpus": []}),
            "io.facet.Create": (("name", "gpu", "mechanism", "width", "height", "outputs",
                                 "vram_bytes"), {"vgpu": vgpu_1}),
        })
        try:
            for words in (("ls",), ("show", "x"), ("gpus",), ("create", "x", "--vram", "16M")):
                self.works(*words)
            for words, what in ((("create", "x", "--weight", "3"), "weight"),
                                (("create", "x", "--kvmfr"), "kvmfr"),
                                (("set", "x", "--cap", "3"), "io.facet.Set"),
                                (("types",), "ListTypes"), (("stats",), "Stats"),
                                (("top", "--once"), "Stats"),
                                (("policy", "soft0", "equal"), "SetPolicy")):
                self.fails(1, f"0.1.0|interface 1|older than this facet|{what}|restart facetd",
                           *words)
            done = self.facet("version")
            self.assertIn("facetd 0.1.0 (interface 1)", done.stdout)
            self.assertIn("older", done.stderr)
        finally:
            server.close()
            self.run_dir.mkdir(exist_ok=True)
            self.start()


class Monitor:
    """A call of Monitor: (event, name, state, reason) one after the other."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(vgpu.PATIENCE_S)
        self.sock.connect(str(path))
        self.sock.sendall(b'{"method":"io.facet.Monitor","more":true}\0')
        self.rest = b""

    def next(self):
        while b"\0" not in self.rest:
            piece = self.sock.recv(1 << 16)
            if not piece:
                raise ConnectionError("facetd hung up")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        answer = json.loads(text)
        if "error" in answer:
            raise vgpu.VarlinkError(answer["error"], answer["parameters"])
        fault = IO_FACET.fault(answer["parameters"], IO_FACET.methods["Monitor"][1])
        if fault or not answer["continues"]:
            raise ValueError(fault or "no more will follow")
        return tuple(answer["parameters"][k] for k in ("event", "name", "state", "reason"))

    def until(self, event, name, state):
        while (got := self.next())[:3] != (event, name, state or got[2]):
            pass
        return got

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class FakeService:
    """Answers as an older program would: {method: (parameters it knows, answer)}."""

    def __init__(self, path, methods):
        self.methods, self.path = methods, path
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.path.unlink()

    def _accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock:
            rest = b""
            while piece := sock.recv(1 << 16):
                *calls, rest = (rest + piece).split(b"\0")
                for call in calls:
                    sock.sendall(json.dumps(self._answer(json.loads(call))).encode() + b"\0")

    def _answer(self, call):
        service = "org.varlink.service"
        if call["method"] not in self.methods:
            return {"error": f"{service}.MethodNotFound", "parameters": {"method": call["method"]}}
        known, answer = self.methods[call["method"]]
        for name in call.get("parameters", {}):
            if name not in known:
                return {"error": f"{service}.InvalidParameter", "parameters": {"parameter": name}}
        return {"parameters": answer}


if __name__ == "__main__":
    unittest.main()
