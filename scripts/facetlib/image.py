# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest images, made by scripts/guest-image when they are wanted for the first time."""
import pathlib
import subprocess

REPO = pathlib.Path(__file__).resolve().parent.parent.parent


class Image:
    """A Debian guest: kernel, initramfs, root file system."""

    def __init__(self, variant="guest"):
        self.variant = variant
        self.path = directory(variant)
        self.kernel = str(self.path / "vmlinuz")
        self.initrd = str(self.path / "initrd")
        self.root = str(self.path / "root.erofs")
        self.release = (self.path / "kernel").read_text(encoding="ascii").strip()


def directory(variant):
    """Where it lies; builds it first where that was not done yet (minutes, progress on stderr)."""
    done = subprocess.run([str(REPO / "scripts" / "guest-image"), "--variant", variant],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"scripts/guest-image --variant {variant} failed; its output is above")
    return pathlib.Path(done.stdout.strip().splitlines()[-1])
