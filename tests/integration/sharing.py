# SPDX-License-Identifier: GPL-2.0-or-later
"""How one GPU is shared between real guests: by the kernel's clocks, never by how fast it looks.

A guest's scene keeps its vGPU busy, and both guests' emulated processors want the same cores: so
what is judged is how the time that the vGPUs' processes had was divided, not how much it was.
"""
import contextlib
import os
import pathlib
import time

from facetlib import meter, procs

from failures import frames
from harness import Skip, scenario, scene

SATURATING = "--detail 24 --size 800x600"  # some 60 ms of a core each frame
SETTLE_S = 2


# --- guests that draw -----------------------------------------------------------------------------


def render(world, host, *names):
    """Guests on these vGPUs, booted and drawing."""
    machines = {name: world.guest(host, name, memory=512).start() for name in names}
    for machine in machines.values():
        machine.wait_ready()
    for machine in machines.values():
        scene(machine, SATURATING)
    time.sleep(SETTLE_S)
    return machines


# --- the meter ------------------------------------------------------------------------------------


def watch(host, *names):
    """Meters the vGPUs' processes while it is entered."""
    return watch_pids({name: host.pid(name) for name in names})


def watch_pids(pids):
    return meter.Sampler({name: meter.Group(pid) for name, pid in pids.items()})


def metered(host, names, seconds):
    with watch(host, *names) as sampler:
        time.sleep(seconds)
    return sampler


def cores(host):
    return host.json("gpus")[0]["eus"]


def used(host, sampler, name):
    """Percent of the GPU over all that was metered."""
    return 100 * sampler.rate(name, *sampler.whole()) / cores(host)


def at_last(attempt):
    """Once more before it fails: the host has other work, too."""
    try:
        attempt()
    except AssertionError as failure:
        print(f"once more: {failure}", flush=True)
        attempt()


# --- shares ---------------------------------------------------------------------------------------


def divided(host, seconds=10, **wanted):
    """The vGPUs' time was divided like that, ± 3 points, and facet says the same, ± 2 points."""
    with watch(host, *wanted) as sampler:
        before = {name: host.show(name)["measured"]["used_ns"] for name in wanted}
        start = time.monotonic_ns()
        time.sleep(seconds)
        shown = {name: host.show(name)["measured"] for name in wanted}
        end = time.monotonic_ns()
        top = {row["name"]: row["share_got_percent"] for row in host.json("top", "--once")}
        just_now = time.monotonic_ns()
    got = sampler.shares(*sampler.whole(start, end))
    grown = {name: shown[name]["used_ns"] - before[name] for name in wanted}
    told = {name: value / sum(grown.values()) for name, value in grown.items()}
    print(" ".join(f"{name}: wanted {wanted[name]} got {100 * got[name]:.1f} told "
                   f"{100 * told[name]:.1f}%;" for name in wanted), flush=True)
    for name, share in wanted.items():
        assert abs(100 * got[name] - share) <= 3, f"{name}: {100 * got[name]:.1f} not {share}"
        assert abs(got[name] - told[name]) <= 0.02, f"{name}: facet tells {100 * told[name]:.1f}"
        told_recently(host, sampler, name, end, shown[name]["used_ppm"] / 1e4)
        told_recently(host, sampler, name, just_now, top[name])


def told_recently(host, sampler, name, end, told):
    """facet's "over the last second" is one to two seconds: one of those it must be."""
    last = min(sampler.index(end), len(sampler.times) - 1)
    rates = [100 * sampler.rate(name, first, last) / cores(host)
             for first in range(sampler.index(end - int(2.2e9)), sampler.index(end - int(0.9e9)))]
    print(f"{name}: told {told:.1f}% of the GPU, metered {min(rates):.1f} to {max(rates):.1f}%")
    assert min(rates) - 2 <= told <= max(rates) + 2, f"{name}: told {told}, metered {rates}"


@scenario()
def shares(world):
    """Two guests that want all of the GPU get 70 and 30 % of it; swapped while they run."""
    host = world.facet()
    host.create("a", "--weight", "70")
    host.create("b", "--weight", "30")
    machines = render(world, host, "a", "b")
    with world.check("70/30, by the kernel's clocks and by facet's own word"):
        at_last(lambda: divided(host, a=70, b=30))
    with world.check("facet set --weight: 30/70 from then on, without touching the guests"):
        host("set", "a", "--weight", "30")
        host("set", "b", "--weight", "70")
        time.sleep(1)
        at_last(lambda: divided(host, a=30, b=70))
    with world.check("policy equal: half each"):
        host("policy", "soft0", "equal")
        time.sleep(1)
        at_last(lambda: divided(host, a=50, b=50))
    for machine in machines.values():
        machine.must_live()


@scenario()
def caps(world):
    """A guest alone on the GPU: a cap holds at once, policy fixed does, and both end."""
    host = world.facet()
    host.create("c")
    render(world, host, "c")

    def held_back():
        return host.show("c")["measured"]["throttled_ns"] / 1e9

    def is_free():
        before, share = held_back(), used(host, metered(host, ["c"], 3), "c")
        held = held_back() - before
        print(f"uses {share:.1f}% of the GPU, held back for {held:.2f} s of 3")
        assert held < 0.1, f"held back for {held:.2f} s"

    def keeps_to(limit):
        before = held_back()
        sampler = metered(host, ["c"], 8)
        share, held = used(host, sampler, "c"), held_back() - before
        worst = sampler.excess("c", limit / 100, cores(host), 1)
        print(f"uses {share:.1f}% of the GPU, in one second at most {limit + worst:.1f}%; "
              f"held back for {held:.1f} s of 8")
        assert share <= limit + 1, f"{share:.1f}% of the GPU"
        assert worst <= 2, f"{worst:.1f} points over {limit}% in one second"
        assert held > 0.5, f"held back for {held:.2f} s: it did not want more"

    with world.check("without a cap nothing holds it back"):
        at_last(is_free)
    with world.check("facet set --cap 25%: no more than that"):
        host("set", "c", "--cap", "25%")
        time.sleep(0.5)
        at_last(lambda: keeps_to(25))
    with world.check("facet show tells who holds it to that"):
        by = {row["limit"]: row for row in host.show("c")["enforcement"]}
        print(by["cap"]["why"])
        assert by["cap"]["by"] in ("facet", "kernel"), by
    with world.check("--cap 100%: nothing again"):
        host("set", "c", "--cap", "100%")
        time.sleep(0.5)
        at_last(is_free)
    with world.check("policy fixed, weight 20: what is not its own stays unused"):
        host("set", "c", "--weight", "20")
        host("policy", "soft0", "fixed")
        time.sleep(0.5)
        at_last(lambda: keeps_to(20))
    with world.check("policy best-effort again: the unused is for who wants it"):
        host("policy", "soft0", "best-effort")
        time.sleep(0.5)
        at_last(is_free)


# --- execution units ------------------------------------------------------------------------------


def threads(pid):
    """Of the vGPU's processes: (directory, name, processor it ran on last, cores it may run on,
    nanoseconds it ran)."""
    for process in procs.whole_group(pid):
        for task in pathlib.Path("/proc", str(process), "task").iterdir():
            try:
                ran = int((task / "schedstat").read_text().split()[0])
                head, _, tail = (task / "stat").read_text().rpartition(")")
                allowed = os.sched_getaffinity(int(task.name))
            except (OSError, ProcessLookupError):
                continue
            yield task, head.partition("(")[2], int(tail.split()[36]), allowed, ran


class Looks:
    """Where the threads of a vGPU are seen; who sleeps stays where it ran long ago."""

    def __init__(self, name, pid):
        self.name, self.pid, self.seen, self._ran = name, pid, {}, {}

    def look(self, core):
        for task, comm, processor, allowed, ran in threads(self.pid):
            assert allowed == {core}, f"{self.name}: {comm} may run on {allowed}"
            if ran > self._ran.get(task, ran):
                self.seen.setdefault((comm, task.name), []).append(processor)
            self._ran[task] = ran

    def judge(self, core):
        print(f"{self.name} on core {core}: " +
              ", ".join(f"{comm} seen {len(at)} times" for (comm, _), at in self.seen.items()))
        rasterisers = [comm for comm, _ in self.seen if comm.startswith("llvmpipe")]
        assert len(rasterisers) == 1, f"{self.name}: {rasterisers} for one core"
        for (comm, _), at in self.seen.items():
            assert set(at) == {core}, f"{self.name}: {comm} ran on {set(at)}, not only on {core}"
        assert len(self.seen) > 1 and max(map(len, self.seen.values())) > 20, self.seen


def only_on(host, seconds, **core_of):
    """Each vGPU's threads are seen to run on its own core, and never on another."""
    looks, end = [Looks(name, host.pid(name)) for name in core_of], time.monotonic() + seconds
    while time.monotonic() < end:
        for one in looks:
            one.look(core_of[one.name])
        time.sleep(0.02)
    for one in looks:
        one.judge(core_of[one.name])


def only(core):
    """A list of one core: a number alone would be how many."""
    return f"{core}-{core}"


@scenario()
def eus(world):
    """Two guests on a core each: no thread of one vGPU is ever seen on the other's core."""
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise Skip("only one core")
    host = world.facet()
    host.create("a", "--eus", only(mine[0]), "--eus-exclusive")
    host.create("b", "--eus", only(mine[1]))
    with world.check("a core that one vGPU has for itself is refused to another"):
        refused = host.attempt("create", "c", "--eus", only(mine[0]))
        assert refused.returncode and refused.stderr.strip(), refused
    render(world, host, "a", "b")
    with world.check("each renders on its own core only"):
        only_on(host, 8, a=mine[0], b=mine[1])
    with world.check("facet show says that the kernel holds them there"):
        for name in ("a", "b"):
            by = {row["limit"]: row["by"] for row in host.show(name)["enforcement"]}
            assert by["eus"] == "kernel", by
    with world.check("cores swapped while they render"):
        host("set", "a", "--eus", only(mine[0]), "--eus-shared")
        host("set", "a", "--eus", only(mine[1]))
        host("set", "b", "--eus", only(mine[0]))
        time.sleep(0.2)
        only_on(host, 5, a=mine[1], b=mine[0])


# --- facetd dies ----------------------------------------------------------------------------------


def descriptors(pid):
    """What each descriptor of a process and its children is, without numbers that change."""
    found = []
    for process in procs.whole_group(pid):
        for link in pathlib.Path("/proc", str(process), "fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(f"{process} {os.readlink(link).partition(':[')[0]}")
    return sorted(found)


def longest_stall(sampler, name):
    """Seconds in which a vGPU used next to nothing although all that is metered did run.

    Time in which the host gave all of them next to nothing counts for nobody: beside other guests
    that boot, that was seen to last for two seconds, for QEMU and the vGPUs alike.
    """
    longest = stalled = 0
    for at in range(1, len(sampler.times)):
        rates = {one: sampler.rate(one, at - 1, at) for one in sampler.used}
        if rates[name] > 0.02:
            stalled = 0
        elif sum(rates.values()) > 0.2:
            stalled += sampler.times[at] - sampler.times[at - 1]
        longest = max(longest, stalled)
    return longest / 1e9


def facetd_killed(host, times):
    """kill -9 and the next one, at once or a while later; nobody stops drawing."""
    pids = {name: procs.whole_group(host.pid(name)) for name in ("a", "b")}
    for turn in range(times):
        drawn = {name: frames(host, name) for name in pids}
        host.daemon.kill()
        host.daemon.wait()
        if turn % 2:
            with watch_pids({name: group[0] for name, group in pids.items()}) as sampler:
                time.sleep(1.5)
            alone = {name: sampler.rate(name, *sampler.whole()) for name in pids}
            print("without facetd: " + " ".join(f"{k}={v:.2f} cores" for k, v in alone.items()))
            assert min(alone.values()) > 0.02, alone
        host.start()
        assert {name: procs.whole_group(host.pid(name)) for name in pids} == pids, "other processes"
        for name, count in drawn.items():
            procs.wait_until(lambda n=name, c=count: frames(host, n) > c, 10,
                             f"{name} to draw after kill number {turn + 1}", 0.1)


def survives(world, times):
    host = world.facet()
    host.create("a", "--weight", "70")
    host.create("b", "--weight", "30")
    machines = render(world, host, "a", "b")
    with world.check("70/30 at first"):
        at_last(lambda: divided(host, 5, a=70, b=30))
    # The first successor: what it holds for good, it holds from then on.
    facetd_killed(host, 1)
    before = {host.pid(name): descriptors(host.pid(name)) for name in machines}
    daemon_before = len(descriptors(host.daemon.pid))
    with world.check(f"facetd killed -9 and started again {times} times: both draw on"):
        pids = {name: host.pid(name) for name in machines}
        pids.update({f"qemu-{name}": one.process.pid for name, one in machines.items()})
        with watch_pids(pids) as sampler:
            facetd_killed(host, times)
        stalls = {name: longest_stall(sampler, name) for name in machines}
        print("longest time without any use, while the others ran: " +
              " ".join(f"{name}={value:.2f} s" for name, value in stalls.items()))
        assert max(stalls.values()) < 1, stalls
    with world.check("two seconds later 70/30 hold again"):
        time.sleep(2)
        at_last(lambda: divided(host, 6, a=70, b=30))
    with world.check("no descriptor, process or file in memory was left behind"):
        for pid, held in before.items():
            # facetd asks each vGPU now and then, over a socket of its own.
            procs.wait_until(lambda p=pid, h=held: descriptors(p) == h, 10,
                             f"{held} but there are {descriptors(pid)}")
        count = len(descriptors(host.daemon.pid))
        print(f"facetd: {daemon_before} descriptors, {count} afterwards")
        assert count <= daemon_before, f"{daemon_before} descriptors became {count}"
    for machine in machines.values():
        machine.must_live()


@scenario()
def chaos(world):
    """facetd dies and comes back, again and again, while two guests draw."""
    survives(world, 6)


@scenario(slow=True)
def chaos_fifty(world):
    """The same fifty times."""
    survives(world, 50)
