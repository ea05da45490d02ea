# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/firmware as a flat image of 64 KiB for QEMU's -bios: a guest that costs less than a second."""
import hashlib
import os
import pathlib
import subprocess
import tempfile

from . import debian13, image

SOURCES = image.REPO / "tests" / "firmware"
FLAGS = ["-m32", "-march=i686", "-std=gnu17", "-Os", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
         "-fno-pic", "-fno-stack-protector", "-fcf-protection=none", "-nostdlib", "-static",
         "-no-pie", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"]
SIZE = 65536
# What QEMU has to be told for it. QEMU itself ends with 1 when it cannot begin.
MACHINE = ["-nodefaults", "-no-user-config", "-no-reboot", "-machine", "q35",
           "-accel", "tcg,tb-size=64", "-m", "64", "-device", "isa-debug-exit"]
GOOD = 3


def build():
    """The image's path; compiled when its sources have changed."""
    paths = [*sorted(SOURCES.iterdir()), image.REPO / "tests" / "kmod" / "fake_gvt.h"]
    digest = hashlib.sha256(repr(FLAGS).encode())
    for path in paths:
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    target = debian13.cache() / "facet" / f"firmware-{digest.hexdigest()[:12]}.bin"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="firmware-", dir=target.parent) as name:
            compile_into(pathlib.Path(name), [p for p in paths if p.suffix in (".c", ".S")])
            (pathlib.Path(name) / "bin").rename(target)
    return target


def compile_into(place, sources):
    subprocess.run([os.environ.get("CC", "gcc"), *FLAGS, "-T", SOURCES / "firmware.ld",
                    "-o", place / "elf", *sources], check=True)
    subprocess.run(["objcopy", "-O", "binary", "--gap-fill", "0xff", place / "elf", place / "bin"],
                   check=True)
    size = (place / "bin").stat().st_size
    if size != SIZE:
        raise RuntimeError(f"the firmware has {size} bytes instead of {SIZE}")
