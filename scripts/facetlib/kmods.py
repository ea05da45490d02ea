# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel modules for the test host: those of tests/kmod and the kernel's own mediated samples.

Compiled in the Debian 13 root, against the headers of the very kernel that will load them. What
Debian publishes is unpacked into the cache, once for each kernel; the modules lie beside it, under
a name that changes with their sources.
"""
import contextlib
import fcntl
import hashlib
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

from . import debian13, image

SOURCES = image.REPO / "tests" / "kmod"
SAMPLES = ("mtty", "mdpy", "mbochs")
# Linux 6.1 is Debian 12's: its headers are in no other suite.
SUITES = {"6.1": "bookworm"}

FETCH = r"""
set -e
cd {place}
cp apt.conf /etc/apt/apt.conf.d/facet
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
[ -z "{suite}" ] || sed -i 's/\<trixie\>/{suite}/' /etc/apt/sources.list
apt-get update
apt-get download make {packages}
for package in make_*.deb linux-headers-*.deb linux-kbuild-*.deb; do dpkg-deb -x "$package" .; done
dpkg-deb --fsys-tarfile linux-source-*.deb | tar -x --wildcards --to-stdout '*/linux-source-*.tar.xz' |
	tar -xJ --strip-components=3 --wildcards '*/samples/vfio-mdev/*.[ch]' --one-top-level=samples
rm *.deb apt.conf
"""

# The headers' makefiles name each other by where the packages would put them.
BUILD = r"""
set -e
mkdir -p /usr/src
ln -s {headers}/usr/src/* /usr/src
ln -s {headers}/usr/lib/linux-kbuild* /usr/lib
export PATH={headers}/usr/bin:$PATH
exec make -j2 CC=gcc -C /usr/src/linux-headers-{release} M={place} \
	CONFIG_DEBUG_INFO_BTF_MODULES= modules
"""


def apt_network():
    """This machine's way to its mirror, for the root's apt."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines()
                   if line.startswith(("Acquire::http::", "Acquire::https::"))
                   and not line.endswith('"";'))


def cache():
    return debian13.cache() / "facet" / "kmods"


@contextlib.contextmanager
def made(target):
    """An empty directory, which becomes `target` at the end; None where that is there already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f".{target.name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as name:
            place = pathlib.Path(name) / "d"
            place.mkdir()
            yield place
            place.rename(target)


def inside(script, log, what):
    with open(log, "wb") as out:
        code = debian13.run(["sh", "-c", script], stdout=out, stderr=out).returncode
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise RuntimeError(f"{tail}\n{what} failed; all of it stands in {log}")


def headers(release):
    """What a module for this Debian kernel is compiled against: its headers, make, the samples."""
    target = cache() / f"headers-{release}"
    with made(target) as place:
        if place:
            print(f"fetching the headers of Linux {release}", flush=True)
            series = re.match(r"\d+\.\d+", release)[0]
            common = release.removesuffix("-amd64")
            # Debian 12 counts its kbuild by the series, Debian 13 by the release.
            kbuild = series if series in SUITES else common
            packages = (f"linux-headers-{release}", f"linux-headers-{common}-common",
                        f"linux-kbuild-{kbuild}", f"linux-source-{series}")
            (place / "apt.conf").write_text(apt_network() + 'APT::Sandbox::User "root";\n')
            inside(FETCH.format(place=shlex.quote(str(place)), packages=" ".join(packages),
                                suite=SUITES.get(series, "")),
                   cache() / f"headers-{release}.log", f"fetching the headers of Linux {release}")
    return target


def sources():
    """Our modules' files: what they are compiled from, and what makes a new directory of them."""
    return sorted(p for p in SOURCES.iterdir() if p.suffix in (".c", ".h") or p.name == "Kbuild")


def modules(release):
    """The directory with every NAME.ko for this release of Debian's kernel."""
    digest = hashlib.sha256(BUILD.encode())
    for path in sources():
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    target = cache() / f"{release}-{digest.hexdigest()[:12]}"
    against = headers(release)
    with made(target) as place:
        if place:
            print(f"compiling modules for Linux {release}", flush=True)
            with tempfile.TemporaryDirectory(prefix="facet-kmod-", dir=cache()) as work:
                compile_into(place, pathlib.Path(work), against, release)
            for old in cache().glob(f"{release}-*[0-9a-f]"):
                shutil.rmtree(old, ignore_errors=True)
    return target


def compile_into(place, work, against, release):
    for path in (*sources(), *(against / "samples").iterdir()):
        shutil.copy(path, work)
    script = BUILD.format(headers=shlex.quote(str(against)), place=shlex.quote(str(work)),
                          release=release)
    inside(script, cache() / f"{release}.log", f"compiling modules for Linux {release}")
    for path in work.glob("*.ko"):
        shutil.copy(path, place)
