# SPDX-License-Identifier: GPL-2.0-or-later
"""An X server without hardware (Xvfb), and Looking Glass's stock client on it, alone."""
import pathlib
import signal
import subprocess

from facetlib import image, png, procs, roots

SIZE = (1400, 800)
COMM = "looking-glass-c"  # as the kernel cuts it

# Xvfb tells its display when it is ready to be used, and keeps the screen in a file that it maps.
SCRIPT = """
cd "$1"; shift
Xvfb -displayfd 3 -screen 0 {}x{}x24 -fbdir . -noreset 3>&1 >xvfb.log 2>&1 | {{
	read -r display && DISPLAY=":$display" exec looking-glass-client "$@" >>client.log 2>&1
}}
""".format(*SIZE)

# One guest pixel is one pixel of the screen, in its middle, and nothing is drawn over it.
OPTIONS = f"""
    win:size={SIZE[0]}x{SIZE[1]} win:position=0x0 win:borderless=yes win:dontUpscale=yes
    win:alerts=no win:quickSplash=yes win:fpsMin=1 egl:multisample=no opengl:mipmap=no
    spice:enable=no
""".split()

# The client refuses to be root. A change of user makes the kernel forget that it dies with us.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=KILL"]


class Screen:
    """What a person sees who watches the KVMFR file `path`, whose directory it can reach."""

    def __init__(self, place, path, renderer="EGL"):
        self.place, self.path, self.renderer = pathlib.Path(place), path, renderer
        self._mount = self.place / "mount"
        self._files = self.place / "files"
        for directory in (self.place, self._mount, self._files):
            directory.mkdir()
        self._files.chmod(0o777)
        argv = [*NOBODY, "sh", "-c", SCRIPT, "sh", self._files, f"app:shmFile={path}",
                f"app:renderer={renderer}", *OPTIONS]
        # Without a network of their own, two X servers would meet in the abstract name space.
        self._argv = ["setpriv", "--pdeathsig=KILL", *roots.command(
            image.directory("looking-glass") / "root", argv, self._mount, cwd="/tmp",
            binds=(self._files, path.parent), env={"HOME": "/tmp"}, network=False)]
        self._process = self._pid = None

    def start(self):
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL,
                                         start_new_session=True)
        self._pid = procs.wait_until(self._find, 120, f"the client to start: {self.log()}")
        return self

    def _find(self):
        assert self._process.poll() is None, f"no client: {self.log()}"
        for pid in procs.whole_group(self._process.pid):
            if command_name(pid) == COMM:
                return pid
        return None

    def stop(self):
        """The hard way: the client has no chance to say good-bye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            procs.wait_until(lambda: not procs.alive(self._pid or 0), 30, "the client to die")
        self._process = self._pid = None

    def signal(self, number):
        procs.kill(self._pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def must_live(self):
        assert procs.alive(self._pid), f"the client has ended: {self.log()}"

    def log(self):
        """The end of what the client said, or the X server where there is no client."""
        for name in ("client.log", "xvfb.log"):
            path = self._files / name
            if path.exists():
                return path.read_text(errors="replace")[-600:]
        return ""

    def picture(self):
        return png.read_xwd(self._files / "Xvfb_screen0")

    def middle(self, width, height):
        """Where the client puts a picture of that size."""
        left, top = (SIZE[0] - width) // 2, (SIZE[1] - height) // 2
        return self.picture().part(left, top, width, height)

    def wait_picture(self, wanted, timeout=60):
        """Waits until the screen shows exactly that."""
        def look():
            self.must_live()
            return not wanted.difference(self.middle(wanted.width, wanted.height))
        try:
            procs.wait_until(look, timeout, "the picture", 0.2)
        except procs.Timeout:
            now = self.middle(wanted.width, wanted.height)
            raise AssertionError(f"the {self.renderer} client shows something else: "
                                 f"{now.difference(wanted)}; {self.log()[-250:]}") from None


def command_name(pid):
    try:
        return pathlib.Path("/proc", str(pid), "comm").read_text().strip()
    except OSError:
        return ""
