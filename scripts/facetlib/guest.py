# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest in a stock QEMU: boots the image, takes shell commands from us, gives their output back.

The guest runs agent.sh of its share. It reads a number from the serial console, runs the script
cmd-NUMBER of the share, and leaves out-NUMBER and then rc-NUMBER there: results come by the share,
because the kernel writes to the console whenever it likes.
"""
import os
import pathlib
import re
import socket
import subprocess
import time

from . import procs, qemu
from .qmp import Qmp

AGENT = """\
busybox stty -echo 2>/dev/null
mkdir -p /tmp/agent
echo $$ >agent-new
mv agent-new agent-ready
while read -r id; do
	case $id in
	exit) break ;;
	[0-9]*) ;;
	*) continue ;;
	esac
	sh "./cmd-$id" >"out-$id" 2>&1 </dev/null
	echo $? >"new-$id"
	mv "new-$id" "rc-$id"
done
exit 0
"""


class CommandFailed(Exception):
    """A command in the guest ended with something else than 0."""


class Guest:
    """One virtual machine. `device`: QEMU's arguments for the GPU, display included."""

    def __init__(self, guest_image, place, device, *, using=None, script=None, append="",
                 env=None, **options):
        using = using or qemu.for_facet(options.get("kvm", False))
        self.place = pathlib.Path(place)
        self.share = self.place / "share"
        self.share.mkdir(parents=True)
        self.name = self.place.name
        (self.share / "agent.sh").write_text(AGENT, encoding="ascii")
        run = "agent.sh"
        if script is not None:
            run = "run.sh"
            (self.share / run).write_text(script, encoding="utf-8")
        self._argv = qemu.command(using, guest_image, str(self.place), device,
                                  share=str(self.share), append=f"facet.run={run} {append}",
                                  **options)
        self._env = {**os.environ, **using.env, **(env or {})}
        self._console = self.process = self._qmp = self.started = None
        self._next = 0

    def without_device(self, device, instead):
        """Boots without these arguments; they come later, by QMP."""
        at = next(i for i in range(len(self._argv)) if self._argv[i:i + len(device)] == device)
        self._argv[at:at + len(device)] = instead

    # --- life -------------------------------------------------------------------------------

    def start(self):
        """Starts QEMU; start() after it ended starts the same machine again."""
        self.close()
        for old in (*self.place.glob("qmp"), *self.place.glob("console")):
            old.unlink()
        for old in self.share.glob("agent-ready"):
            old.unlink()
        (self.place / "serial.log").write_bytes(b"")
        self.started = time.monotonic()
        with open(self.place / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self._env, start_new_session=True)
        self._console = self._connect("console")
        return self

    def _connect(self, name, timeout=60):
        path = str(self.place / name)

        def attempt():
            self.must_live()
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                return None
        return procs.wait_until(attempt, timeout, f"{self.name}: QEMU's {name} socket")

    @property
    def qmp(self):
        if self._qmp is None:
            self._connect("qmp").close()
            self._qmp = Qmp(str(self.place / "qmp"))
        return self._qmp

    def must_live(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name}: QEMU ended with {self.process.returncode}: "
                               f"{self.log('qemu.log')[-600:]}\n{self.serial()[-600:]}")

    def close(self):
        """Ends the machine the hard way, if it still runs."""
        for thing in (self._qmp, self._console):
            if thing is not None:
                thing.close()
        self._qmp = self._console = None
        procs.end(self.process)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # --- watching ---------------------------------------------------------------------------

    def _drain(self):
        """QEMU must never wait for us to read the console; the log file has it all."""
        if self._console is None:
            return
        try:
            while self._console.recv(65536, socket.MSG_DONTWAIT):
                pass
        except OSError:
            pass

    def serial(self):
        self._drain()
        return self.log("serial.log").replace("\r", "")

    def log(self, name):
        try:
            return (self.place / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_serial(self, pattern, timeout=300):
        """The match of a regular expression in what the console has shown."""
        def look():
            found = re.search(pattern, self.serial())
            if not found:
                self.must_live()
            return found
        return procs.wait_until(look, timeout, f"{self.name}: {pattern!r} on the console; last: "
                                               f"{self.serial()[-300:]!r}")

    def wait_end(self, timeout=120):
        """Waits until the guest has powered itself off; its script's exit code."""
        def gone():
            self._drain()
            return self.process.poll() is not None
        procs.wait_until(gone, timeout, f"{self.name} to power off")
        return int(re.findall(r"FACET-RC=(\d+)", self.serial())[-1])

    # --- the agent --------------------------------------------------------------------------

    def wait_ready(self, timeout=300):
        """The agent is up and reads the console."""
        ready = self.share / "agent-ready"

        def look():
            self._drain()
            if ready.exists():
                return True
            self.must_live()
            return False
        procs.wait_until(look, timeout, f"{self.name} to boot; console: {self.serial()[-400:]!r}")
        return self

    def rebooted(self):
        """Call before something that reboots the guest, so that wait_ready() waits again."""
        for old in self.share.glob("agent-ready"):
            old.unlink()

    def begin(self, script):
        """Starts a command; finish() waits for it."""
        self._next += 1
        (self.share / f"cmd-{self._next}").write_text(script + "\n", encoding="utf-8")
        self._console.sendall(b"%d\n" % self._next)
        return self._next

    def output(self, ident):
        path = self.share / f"out-{ident}"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def finish(self, ident, timeout=300):
        """(exit code, output)"""
        code = self.share / f"rc-{ident}"

        def look():
            self._drain()
            if code.exists():
                return True
            self.must_live()
            return False
        procs.wait_until(look, timeout, f"{self.name}: command {ident}; output: "
                                        f"{self.output(ident)[-400:]!r}")
        return int(code.read_text(encoding="ascii")), self.output(ident)

    def attempt(self, script, timeout=300):
        return self.finish(self.begin(script), timeout)

    def run(self, script, timeout=300):
        """Runs a shell script in the guest; its output. Raises when it fails."""
        code, output = self.attempt(script, timeout)
        if code:
            raise CommandFailed(f"{self.name}: exit code {code} from: {script}\n{output[-1500:]}")
        return output

    def shut_down(self, timeout=120):
        """Lets the agent end, which powers the guest off."""
        self._console.sendall(b"exit\n")
        return self.wait_end(timeout)
