# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side: commands and their errors, varlink seen by systemd's own tool, idle vGPUs."""
import json
import shutil
import subprocess
import time

from facetlib import facet, procs

from harness import Skip, renders, scenario, wait_state

IDLE_PSS_KIB = 40 * 1024


@scenario()
def commands(world):
    """facet's verbs on vGPUs that no guest uses, and what they say when something is wrong."""
    host = world.facet()
    with world.check("gpus: soft0 is there and can do virgl"):
        gpus = host.json("gpus")
        gpus = gpus["gpus"] if isinstance(gpus, dict) else gpus
        soft = next(g for g in gpus if g["name"] == "soft0")
        assert next(m for m in soft["mechanisms"] if m["name"] == "virgl")["works"], soft
    with world.check("create, ls, show, rm"):
        host.create("one", "--size", "1024x768")
        assert [v["name"] for v in facet.vgpus(host.json("ls"))] == ["one"]
        shown = host.show("one")
        assert (shown["width"], shown["height"], shown["state"]) == (1024, 768, "idle"), shown
        assert any(s["in_force"] for s in shown["status"]["sandbox"]), shown["status"]
    for args, word in ((("create", "one"), "one"), (("show", "nobody"), "nobody"),
                       (("rm", "nobody"), "nobody"), (("create", "x", "--size", "0x9"), "0x9"),
                       (("create", "../up"), "../up"), (("screenshot", "one", "no/dir/x"), "no/dir"),
                       (("create", "x", "--gpu", "gpu9"), "gpu9")):
        with world.check(f"facet {' '.join(args)}: refused with a sentence"):
            done = host.attempt(*args)
            assert done.returncode and word in done.stderr, done
            assert len(done.stderr.strip().splitlines()) <= 3, done.stderr
    with world.check("a screen that is off is said to be off"):
        done = host.attempt("screenshot", "one", str(world.place / "off.png"))
        assert done.returncode and done.stderr.strip(), done
        assert not (world.place / "off.png").exists(), "an empty picture is left behind"


@scenario(named=True)
def varlinkctl(world):
    """systemd's varlinkctl introspects and calls io.facet."""
    tool = shutil.which("varlinkctl")
    if not tool:
        raise Skip("this systemd has no varlinkctl (Debian 13's has)")
    host = world.facet()
    address = f"unix:{next(p for p in host.runtime.rglob('io.facet') if p.is_socket())}"

    def call(*args):
        return subprocess.run([tool, *args], capture_output=True, text=True, check=True,
                              timeout=60).stdout
    with world.check("info names the interface"):
        assert "io.facet" in call("info", address)
    with world.check("introspect shows every method"):
        text = call("introspect", address, "io.facet")
        for method in ("Create", "List", "Show", "Remove", "Restart", "ListGPUs"):
            assert f"method {method}" in text, text
    with world.check("call Create, List"):
        call("call", address, "io.facet.Create", '{"name": "by-varlink"}')
        listing = json.loads(call("call", "--json=short", address, "io.facet.List", "{}"))
        assert [v["name"] for v in listing["vgpus"]] == ["by-varlink"], listing


@scenario(named=True)
def debian13(world):
    """One guest, as it is run inside Debian 13 with its own QEMU and Mesa."""
    host = world.facet()
    host.create("g")
    machine = world.guest(host, "g").start().wait_ready()
    with world.check("renders"):
        renders(machine, "641x479")
    with world.check("renders after system_reset"):
        machine.rebooted()
        machine.qmp("system_reset")
        machine.wait_ready()
        renders(machine)
    with world.check("power off leaves the vGPU idle"):
        assert machine.shut_down() == 0
        wait_state(host, "g", "idle")


@scenario()
def idle(world):
    """16 vGPUs without guests: memory, processor time, time to create one."""
    host = world.facet()
    times, pids = [], []
    for number in range(16):
        start = time.monotonic()
        host("create", f"v{number}")
        times.append(time.monotonic() - start)
        pids.append(host.pid(f"v{number}"))
    sizes = [sum(map(procs.pss_kib, procs.whole_group(pid))) for pid in pids]
    print(f"create: median {sorted(times)[8] * 1000:.0f} ms; "
          f"PSS: {min(sizes) / 1024:.1f} to {max(sizes) / 1024:.1f} MiB")
    with world.check("each takes 40 MiB PSS at most"):
        assert max(sizes) <= IDLE_PSS_KIB, sizes
    with world.check("none of them runs"):
        everything = [one for pid in pids for one in procs.whole_group(pid)]
        before = [procs.cpu_seconds(pid) for pid in everything]
        time.sleep(3)
        used = sum(procs.cpu_seconds(pid) for pid in everything) - sum(before)
        assert used <= 0.02, f"{used} s of processor time in 3 s"
    with world.check("all can be removed again"):
        for number in range(16):
            host("rm", f"v{number}")
        procs.wait_until(lambda: not any(map(procs.alive, pids)), 30, "their processes to end")
