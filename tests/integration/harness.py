# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario gets: a world to make vGPUs and guests in, and a way to say ok or not ok."""
import contextlib
import functools
import pathlib
import shutil
import subprocess
import tempfile
import traceback

from facetlib import facet, guest, image, procs, qemu, testhost

from screen import Screen

SCENARIOS = {}


class Skip(Exception):
    """This cannot be tested here; the message says why."""


def scenario(slow=False, named=False):
    """Registers a function(world): one or a few guest boots with many checks. `named`: only run
    when asked for by name, where ./check knows that its host has what it needs."""
    def register(function):
        function.slow, function.named = slow, named
        SCENARIOS[function.__name__.replace("_", "-")] = function
        return function
    return register


class World:
    """One scenario's own directory and everything that has to end with it."""

    def __init__(self, name, prefix, kvm, pictures=None):
        self.name, self.prefix, self.kvm = name, prefix, kvm
        self.pictures = pictures
        self.failed = 0
        self.transport = "vhost-user"
        self.place = pathlib.Path(tempfile.mkdtemp(prefix=f"facet-test-{name}-"))
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.place, ignore_errors=True)
        self._hosts, self._guests = [], []

    def close(self):
        self._stack.close()

    def enter(self, thing):
        """What `with thing` gives; it ends with this world."""
        return self._stack.enter_context(thing)

    # --- results ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def check(self, name):
        """with world.check("what is true"): ... Anything raised inside makes it untrue."""
        try:
            yield
        except Skip as why:
            print(f"ok {self.name}: {name} # SKIP {why}", flush=True)
        except Exception:  # pylint: disable=broad-except
            self.failed += 1
            print("\n".join(traceback.format_exc().splitlines()[-12:]))
            self.show_logs()
            print(f"not ok {self.name}: {name}", flush=True)
        else:
            print(f"ok {self.name}: {name}", flush=True)

    def show_logs(self):
        """The last lines of every daemon, vGPU and QEMU: where the reason usually stands."""
        for host in self._hosts:
            logs = [host.place / "facetd.log", *host.runtime.rglob("*log")]
            for path in (p for p in logs if p.is_file()):
                self._show(path)
        for machine in self._guests:
            for name in ("qemu.log", "serial.log"):
                self._show(machine.place / name)

    def _show(self, path, lines=8):
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return
        if text:
            print(f"--- {path.relative_to(self.place)}")
            print("\n".join(line[:200] for line in text.splitlines()[-lines:]))

    # --- things -----------------------------------------------------------------------------

    def facet(self, name="host"):
        """A facetd of its own, started."""
        place = self.place / name
        place.mkdir()
        options = [] if self.transport == "vhost-user" else ["--transport", self.transport]
        host = facet.Facet(self.prefix, place, create_options=options)
        self._hosts.append(host)
        self._stack.callback(host.stop)
        return host.start()

    def guest(self, host, vgpu, variant="guest", *, name=None, device_extra="", display="none",
              **options):
        """A guest on that vGPU, not started yet."""
        if self.transport == "vfio-user":
            options.setdefault("using", vfio_user_qemu())
        device = host.qemu_args(vgpu)
        if device_extra:
            device = [a + device_extra if a.startswith("vhost-user-") else a for a in device]
        place = self.place / (name or f"guest-{vgpu}")
        machine = guest.Guest(load_image(variant), place, [*device, "-display", display], kvm=self.kvm,
                              **options)
        self._guests.append(machine)
        self._stack.callback(machine.close)
        return machine

    def screen(self, name, path, **options):
        """One on which Looking Glass's client watches the KVMFR file; not started yet."""
        screen = Screen(self.place / name, path, **options)
        self._stack.callback(screen.stop)
        return screen

    def plain_guest(self, name, device, variant="guest", append="", **options):
        """One without a GPU of any kind, not started yet."""
        machine = guest.Guest(load_image(variant), self.place / name,
                              [*device, "-display", "none"], kvm=self.kvm,
                              append=f"facet.gpu=none {append}", **options)
        self._guests.append(machine)
        self._stack.callback(machine.close)
        return machine

    def built(self, name):
        """A program that is not installed, of the build directory that the prefix is below."""
        program = pathlib.Path(self.prefix).resolve().parent / name
        if not program.exists():
            raise Skip(f"{program} is not there: the prefix is not below a build directory")
        return program

    def test_host(self, kernel="6.12", name="testhost", **options):
        """The emulated host of scripts/testhost, with facet and edu-test; not started yet."""
        programs = [*testhost.installed(self.prefix), self.built("tests/vfio/edu-test")]
        machine = testhost.TestHost(self.place / name, kernel, programs=programs, **options)
        self._guests.append(machine)
        self._stack.callback(machine.close)
        return machine

    def example(self):
        """examples/vfio-user-edu, which serves at the path "edu": its process and that path."""
        program = self.built("examples/vfio-user-edu")
        path = self.place / "edu"
        with open(self.place / "edu.log", "wb") as log:
            process = subprocess.Popen([program, path], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        self._stack.callback(procs.end, process)
        procs.wait_until(path.exists, 60, "the example's socket")
        return process, path


@functools.cache
def load_image(variant):
    return image.Image(variant)


def vfio_user_qemu():
    """This machine's QEMU where it has vfio-user-pci, else the newer one."""
    using = qemu.Qemu.system()
    if using.version < (10, 1):
        using = qemu.newer()
    if using.version < (10, 1):
        raise Skip(f"QEMU {using.text} has no vfio-user-pci: that came with 10.1")
    return using


def kvm_works():
    return qemu.kvm_boots(load_image("guest"))


# --- what many scenarios ask -----------------------------------------------------------------


def same(picture, expected, what):
    difference = picture.difference(expected)
    assert difference is None, f"{what}: {difference}"


def state(host, vgpu):
    return host.show(vgpu)["state"]


def wait_state(host, vgpu, *wanted, timeout=60):
    return procs.wait_until(lambda: state(host, vgpu) in wanted and state(host, vgpu), timeout,
                            f"vGPU {vgpu} to be {' or '.join(wanted)}; it is {host.show(vgpu)}",
                            0.1)


def renders(machine, size="320x240"):
    """OpenGL in the guest, on its vGPU, right to the last pixel."""
    out = machine.run(f"facet-pattern gl-offscreen --size {size} --hold 0")
    assert "renderer=virgl" in out, out
    assert "wrong_pixels=0" in out, out


def scene(machine, options=""):
    """Starts a program that draws for ever, and waits for its first frame; the guest's agent is
    free meanwhile. The program's number in the guest."""
    (machine.share / "scene.log").unlink(missing_ok=True)
    number = machine.run(f"facet-scene --name {machine.name} {options} --seconds 1e9 "
                         ">scene.log 2>&1 & echo $!").strip()
    procs.wait_until(lambda: "first_frame" in machine.log("share/scene.log"), 120,
                     f"{machine.name}'s first frame: {machine.log('share/scene.log')}")
    return number
