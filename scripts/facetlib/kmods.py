# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel modules for the test host: those of tests/kmod and the kernel's own mediated samples.

Compiled in the Debian 13 root, against the headers of the very kernel that will load them. What
Debian publishes is unpacked into the cache, once for each kernel; modules lie beside it, under
names that change with their sources.
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from . import debian13, image

SOURCES = image.REPO / "tests" / "kmod"
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
	tar -xJ --one-top-level=source --strip-components=1 --wildcards {kept}
rm *.deb apt.conf
"""
# Of the kernel's source: what is built as it is, or nearly so.
KEPT = "'*/samples/vfio-mdev/*.[ch]' '*/drivers/iommu/*' '*/drivers/vfio/*' '*/lib/interval_tree.c'"

# The headers' makefiles name each other by where the packages would put them.
ENTER = r"""
set -e
mkdir -p /usr/src
ln -s {headers}/usr/src/* /usr/src
ln -s {headers}/usr/lib/linux-kbuild* /usr/lib
export PATH={headers}/usr/bin:$PATH
compile() {{ make -j2 CC=gcc -C /usr/src/linux-headers-{release} CONFIG_DEBUG_INFO_BTF_MODULES= "$@"; }}
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


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def inside(script, name, what):
    log = cache() / f"{name}.log"
    with open(log, "wb") as out:
        code = debian13.run(["sh", "-c", script], stdout=out, stderr=out).returncode
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise RuntimeError(f"{tail}\n{what} failed; all of it stands in {log}")


def headers(release):
    """What a module for this Debian kernel is compiled with: its headers, make, some source."""
    series, common = re.match(r"\d+\.\d+", release)[0], release.removesuffix("-amd64")
    # Debian 12 counts its kbuild by the series, Debian 13 by the release.
    kbuild = series if series in SUITES else common
    packages = (f"linux-headers-{release}", f"linux-headers-{common}-common",
                f"linux-kbuild-{kbuild}", f"linux-source-{series}")
    target = cache() / f"headers-{release}-{digest(FETCH, KEPT)}"
    with made(target) as place:
        if place:
            print(f"fetching the headers of Linux {release}", file=sys.stderr, flush=True)
            (place / "apt.conf").write_text(apt_network() + 'APT::Sandbox::User "root";\n')
            script = FETCH.format(place=shlex.quote(str(place)), packages=" ".join(packages),
                                  suite=SUITES.get(series, ""), kept=KEPT)
            inside(script, f"headers-{release}", f"fetching the headers of Linux {release} (if the "
                   "mirror has a newer one by now: scripts/guest-image --force)")
    return target


def built(name, release, parts, fill, script):
    """The directory of *.ko that `script` makes in a directory filled by fill(place, headers);
    made anew when `parts`, all that goes into it, are others. The script has compile()."""
    target = cache() / f"{name}-{release}-{digest(ENTER, script, *parts)}"
    against = headers(release)
    with made(target) as place:
        if place:
            print(f"compiling {name} for Linux {release}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix=".work-", dir=cache()) as work:
                fill(pathlib.Path(work), against)
                inside(ENTER.format(headers=shlex.quote(str(against)), release=release)
                       + f"cd {shlex.quote(work)}\n{script}", f"{name}-{release}",
                       f"compiling {name} for Linux {release}")
                for path in pathlib.Path(work).rglob("*.ko"):
                    shutil.copy(path, place)
            # Two checkouts may take turns.
            others = sorted(cache().glob(f"{name}-{release}-{'[0-9a-f]' * 12}"), key=os.path.getmtime)
            for old in others[:-3]:
                shutil.rmtree(old, ignore_errors=True)
    return target


def modules(release):
    """The directory with every NAME.ko of ours and of the samples for this Debian kernel."""
    sources = sorted(p for p in SOURCES.iterdir()
                     if p.name.endswith((".c", ".h", "Kbuild")) and not p.name.endswith(".mod.c"))

    def fill(place, against):
        for path in (*sources, *(against / "source/samples/vfio-mdev").iterdir()):
            shutil.copy(path, place)
    parts = [part for path in sources for part in (path.name, path.read_text(encoding="utf-8"))]
    return built("modules", release, parts, fill, "compile M=$PWD modules")


def put(release, share):
    """Copies the modules into a guest's share; the guest's commands that load them all."""
    place = pathlib.Path(share) / "modules"
    shutil.copytree(modules(release), place)
    names = " ".join(sorted(path.name for path in place.iterdir()))
    return ("modprobe -a vfio_iommu_type1 vfio-pci mdev &&\n"
            f"for module in {names}; do insmod /facet/modules/$module || exit; done")
