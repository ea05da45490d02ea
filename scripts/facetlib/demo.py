# SPDX-License-Identifier: GPL-2.0-or-later
"""./demo: two stock virtual machines, each with a GPU of its own, and their pictures."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

from . import build, facet, guest, image, procs, qemu

GUESTS = {"left": ("A", 70), "right": ("B", 30)}  # name: theme of its scene, weight
DETAIL = 24  # of the scenes: so much work that the GPU is what both guests wait for
WARM_UP_S = 3
REPO = image.REPO


class DemoFailed(Exception):
    """Something a person should read; no traceback helps."""


class Steps:
    """One line per step with the seconds since the start."""

    def __init__(self):
        self.start = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.start

    def say(self, text):
        print(f"[{self.elapsed():6.1f} s] {text}", flush=True)


class Scene:
    """What a guest's facet-scene has written into the share so far."""

    def __init__(self, name, machine):
        self.name, self.machine = name, machine
        self.first_frame_s = None
        self.used_ns = []  # GPU time, at the beginning and at the end of the watch

    def text(self):
        path = self.machine.share / "scene.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def value(self, key, default=None):
        found = re.findall(rf"^{key}=(.*)$", self.text(), re.MULTILINE)
        return found[-1].strip() if found else default

    @property
    def renderer(self):
        return self.value("renderer", "")

    def rates(self):
        return [float(v) for v in re.findall(r"^fps=([\d.]+)", self.text(), re.MULTILINE)]

    def look(self):
        """Notes when the first frame is seen, counted from QEMU's start."""
        if self.first_frame_s is None and "first_frame" in self.text():
            self.first_frame_s = time.monotonic() - self.machine.started
        return self.first_frame_s is not None


def parse():
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, metavar="N",
                        help="how long both guests render (15)")
    parser.add_argument("--size", default="800x600", metavar="WxH",
                        help="of both screens (800x600)")
    parser.add_argument("--keep", action="store_true",
                        help="leave the guests running afterwards, until Ctrl-C")
    parser.add_argument("--json", metavar="FILE", help="also write the summary there")
    parser.add_argument("--kernel", choices=["6.1", "6.12", "7"], default="6.12",
                        help="the guests' Linux: of Debian 12, 13, or 13's backports (6.12)")
    args = parser.parse_args()
    if not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", args.size):
        parser.error(f"--size {args.size}: should look like 800x600")
    if args.seconds <= 0:
        parser.error("--seconds must be more than 0")
    if args.json and not pathlib.Path(args.json).absolute().parent.is_dir():
        parser.error(f"--json {args.json}: there is no such directory")
    if not os.access(".", os.W_OK):
        parser.error("the current directory cannot be written: demo-left.png would go there")
    return args


def start_guest(name, args, host, picture, accelerated, place):
    script = (f"exec facet-scene --name {name} --theme {GUESTS[name][0]} --detail {DETAIL} "
              "--seconds 1e6 >scene.log 2>&1\n")
    machine = guest.Guest(picture, place / name, host.qemu_args(name) + ["-display", "none"],
                          script=script, kvm=accelerated)
    return Scene(name, machine)


def wait_for_frames(scenes, patience=300):
    def all_there():
        for scene in scenes:
            scene.machine.must_live()
            if "FACET-RC=" in scene.machine.serial():
                raise DemoFailed(f"{scene.name}: the scene ended: {scene.text()[-800:]}\n"
                                 f"console: {scene.machine.serial()[-1500:]}")
        return all([scene.look() for scene in scenes])
    procs.wait_until(all_there, patience, "the first frame of both guests", 0.02)


def table(host):
    return host("top", "--once", "--interval", "1").splitlines()


def meter(host, scenes):
    for scene in scenes:
        scene.used_ns.append(host.show(scene.name)["measured"]["used_ns"])


def watch(host, scenes, seconds):
    """A live table on a terminal; elsewhere a few of them are enough."""
    live = sys.stdout.isatty()
    end, pause, drawn = time.monotonic() + seconds, 0 if live else max(2, seconds / 3), 0
    while True:
        lines = table(host)
        if live and drawn:
            print(f"\x1b[{drawn}A", end="")
        print("\n".join(("\x1b[K" if live else "  ") + line for line in lines), flush=True)
        drawn = len(lines)
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
        for scene in scenes:
            scene.machine.must_live()


def check_pictures(scenes, pictures, size):
    width, height = map(int, size.split("x"))
    for scene in scenes:
        picture = pictures[scene.name]
        if (picture.width, picture.height) != (width, height):
            raise DemoFailed(f"demo-{scene.name}.png is {picture.width}x{picture.height}, "
                             f"not {size}")
        if picture.colours() < 100:
            raise DemoFailed(f"demo-{scene.name}.png shows no scene: it has only "
                             f"{picture.colours()} colours")
        if not scene.renderer.startswith("virgl"):
            raise DemoFailed(f"{scene.name} does not render on its vGPU but on "
                             f"'{scene.renderer}'")
    if pictures["left"].difference(pictures["right"]) is None:
        raise DemoFailed("both pictures are the same")


def shares(scenes):
    """What each got of what both used while they were watched, in percent."""
    used = {scene.name: scene.used_ns[-1] - scene.used_ns[0] for scene in scenes}
    total = sum(used.values()) or 1
    return {name: round(100 * own / total, 1) for name, own in used.items()}


def summary(scenes, steps):
    rows, got = [], shares(scenes)
    for scene in scenes:
        rates = scene.rates()[1:] or scene.rates()
        if not rates:
            raise DemoFailed(f"{scene.name} drew its first frame and then too few to count; "
                             "give it more time with --seconds")
        rows.append({"name": scene.name, "renderer": scene.renderer,
                     "fps": round(sum(rates) / len(rates), 1),
                     "first_frame_s": round(scene.first_frame_s, 1),
                     "share_asked": GUESTS[scene.name][1], "share_got": got[scene.name],
                     "png": f"demo-{scene.name}.png"})
    return {"guests": rows, "elapsed_s": round(steps.elapsed(), 1)}


def take_pictures(host, scenes):
    pictures = {}
    for scene in scenes:
        pictures[scene.name] = host.screenshot(scene.name)
        shutil.copy(host.place / f"shot-{scene.name}-0.png", f"demo-{scene.name}.png")
    return pictures


def run_guests(args, steps, host, scenes):
    for scene in scenes:
        scene.machine.start()
    steps.say("two guests boot: " + ", ".join(GUESTS))
    wait_for_frames(scenes)
    steps.say("both render, " + " and ".join(f"{n} may have {w} %" for n, (_, w) in GUESTS.items())
              + " of the GPU; this is what they get:")
    time.sleep(min(WARM_UP_S, args.seconds))
    meter(host, scenes)
    watch(host, scenes, args.seconds)
    meter(host, scenes)
    pictures = take_pictures(host, scenes)
    check_pictures(scenes, pictures, args.size)
    result = summary(scenes, steps)
    for row in result["guests"]:
        print(f"\n{row['name']}: {row['share_got']} % of the GPU ({row['share_asked']} % asked)\n"
              f"  GL renderer: {row['renderer']}\n"
              f"  {row['fps']} frames a second, the first one {row['first_frame_s']} s after "
              f"QEMU's start; picture: {row['png']}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if args.keep:
        print(f"\nStill running. Look with: XDG_RUNTIME_DIR={host.runtime} {host.bin}/facet top"
              "\nCtrl-C ends it.", flush=True)
        signal.pause()


def show_logs(place):
    """The reason usually stands at the end of one of these."""
    for path in sorted(p for p in place.rglob("*log") if p.is_file() and p.stat().st_size):
        print(f"--- {path.relative_to(place)}", file=sys.stderr)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        print("\n".join(lines[-8:]), file=sys.stderr)


def demo(args):
    steps = Steps()
    steps.say("building facet")
    prefix = build.build(REPO / "build-demo", "--buildtype=release", "-Dtests=disabled",
                         install=True)
    picture = image.Image({"6.1": "guest-bookworm", "6.12": "guest",
                           "7": "guest-backports"}[args.kernel])
    accelerated = qemu.kvm_boots(picture)
    machine = qemu.for_facet(accelerated)
    steps.say(f"QEMU {machine.text} with {'KVM' if accelerated else 'TCG (no usable KVM here)'}, "
              f"guests with Linux {picture.release}")
    place = pathlib.Path(tempfile.mkdtemp(prefix="facet-demo-"))
    scenes = []
    try:
        with facet.Facet(prefix, place) as host:
            host.start()
            try:
                for name in GUESTS:
                    host.create(name, "--size", args.size, "--weight", str(GUESTS[name][1]))
                    scenes.append(start_guest(name, args, host, picture, accelerated, place))
                steps.say("facetd gave out two vGPUs")
                run_guests(args, steps, host, scenes)
            except Exception:
                show_logs(place)
                raise
            finally:
                for scene in scenes:
                    scene.machine.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"\ndone in {steps.elapsed():.0f} s")


def main():
    args = parse()
    procs.stop_on_signals()
    try:
        demo(args)
    except KeyboardInterrupt:
        print("\nstopped; everything is cleaned up", file=sys.stderr)
        return 130
    except (DemoFailed, facet.FacetFailed, build.BuildFailed, procs.Timeout, RuntimeError,
            OSError) as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
