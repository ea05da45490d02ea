# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual machines by `facet run`: examples/two-desks.yaml, and what is left of them: nothing."""
import os
import pathlib
import random
import signal
import time

from facetlib import facet as facets, image, procs
from harness import scenario

FILE = image.REPO / "examples" / "two-desks.yaml"
NAMES = ("left", "right")


def machines(host):
    return {row["name"]: row for row in host.json("ps")}


def processes(marks):
    """The numbers of processes whose command line has one of the marks."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(mark in text for mark in marks) and int(path.parent.name) != os.getpid():
            found.append((int(path.parent.name), text[:80]))
    return found


def leftovers(host):
    """Whatever is not facetd's own and should have gone."""
    place = host.runtime / "facet"
    found = [str(p) for p in (place / "vm").glob("*") if p.name != ".lock"]
    found += [str(p) for name in NAMES for p in (place / name,) if p.exists()]
    found += [p for p in processes([f"{place}/vm/", f"{place}/left", f"{place}/right"])
              if procs.alive(p[0])]
    found += [str(p) for p in pathlib.Path("/sys/fs/cgroup").glob("**/facet-vm-run*")
              if p.name.rpartition("-")[2] in NAMES]
    found += [str(p) for name in NAMES for p in pathlib.Path("/dev/shm").glob(f"facet-{name}")]
    return found


def nothing_left(host):
    procs.wait_until(lambda: not leftovers(host), 60, f"nothing to be left: {leftovers(host)}", 0.3)


def measured_frames(host, name):
    return host.show(name)["measured"]["used_ns"]


@scenario()
def two_desks(world):
    """`facet run` of the example: two guests, caps, screens; `facet stop` leaves nothing."""
    host = world.facet()
    bystander = host.create("bystander")
    with world.check("both run, with vGPUs of 70 and 30, and caps of 50 % and 25 %"):
        host("run", str(FILE), timeout=300)
        assert {n: r["state"] for n, r in machines(host).items()} == dict.fromkeys(NAMES, "running")
        assert [host.show(n)["limits"]["weight"] for n in NAMES] == [70, 30]
        groups = {n: next(pathlib.Path("/sys/fs/cgroup").glob(f"**/facet-vm-run*-{n}"), None)
                  for n in NAMES}
        assert all(groups.values()), groups
    with world.check("a second run is refused, and changes nothing"):
        done = host.attempt("run", str(FILE))
        assert done.returncode == 1 and "runs already" in done.stderr, done.stderr
        assert len(machines(host)) == 2
    with world.check("facet qmp, logs, console speak with it"):
        assert host.json("qmp", "left", "query-status")["running"]
        assert host.attempt("qmp", "left", "no-such").returncode == 1
        procs.wait_until(lambda: "FACET-START" in host("logs", "--serial", "left"), 600,
                         "the left guest to boot", 1)
    with world.check("both render, and show their screens by KVMFR"):
        for name in NAMES:
            procs.wait_until(lambda n=name: host.show(n)["state"] == "running" and
                             measured_frames(host, n) > 10**8, 600, f"{name} to render", 1)
            picture = procs.wait_until(lambda n=name: shown(host, n), 300, f"{name}'s screen", 1)
            assert (picture.width, picture.height) == (800, 600), picture
        assert all(n in host("top", "--once") for n in NAMES)
    with world.check("facet stop leaves nothing, and others' vGPUs alone"):
        host("stop", str(FILE), timeout=300)
        nothing_left(host)
        assert machines(host) == {}
        assert host.show(bystander)["name"] == bystander


def shown(host, name):
    """What it publishes, once there is a scene; None before."""
    try:
        picture = host.published(host.show(name)["kvmfr"])
    except facets.FacetFailed:
        return None
    return picture if picture.colours() > 50 else None


def victims(host):
    """Process numbers of all that belongs to the left machine, and of facetd."""
    row = machines(host).get("left", {})
    return {"qemu": row.get("pid"), "supervisor": row.get("supervisor"),
            "vgpu": host.pid("left"), "facetd": host.daemon.pid}


@scenario(slow=True)
def killed_machines(world):
    """Whatever of a machine is killed, and when: the next ps and stop leave nothing."""
    host = world.facet()
    bystander = host.create("bystander")
    chance = random.Random(7)
    for number in range(12):
        who = ("qemu", "supervisor", "vgpu", "facetd")[number % 4]
        with world.check(f"round {number}: {who} is killed"):
            host("run", "--vm", "left", str(FILE), timeout=300)
            pid = victims(host)[who]
            time.sleep(chance.random())
            os.kill(pid, signal.SIGKILL)
            if who == "facetd":
                host.daemon.wait()
                host.start()
            host.attempt("ps")
            host.attempt("stop", "--now", "left", timeout=300)
            nothing_left(host)
            assert machines(host) == {}
            assert host.show(bystander)["name"] == bystander
