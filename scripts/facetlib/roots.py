# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines that run inside another Debian's root, in namespaces that end with them."""
import os
import shlex

# Everything is mounted in a namespace of its own over a copy in memory: the root stays as it was
# made, and when the command ends nothing is mounted any more.
ENTER = """
set -e
mount --make-rprivate / 2>/dev/null || true
mount -t tmpfs -o mode=755 facet {place}
mkdir {place}/upper {place}/work {place}/new
mount -t overlay -o lowerdir={root},upperdir={place}/upper,workdir={place}/work facet {place}/new
cd {place}/new
mkdir -p dev sys proc tmp run
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
for dir in {binds}; do
	mkdir -p "./$dir"
	mount --bind "$dir" "./$dir"
done
exec env -i {env} chroot . sh -c 'cd "$0" && exec "$@"' {cwd} "$@"
"""


def command(root, argv, place, *, binds, cwd, env=None, network=True):
    """Runs argv in the directory `root`, with the directories `binds` where they are out here;
    `place` is an empty directory to mount over. Without a network, abstract sockets are its own."""
    who = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
           **(env or {})}
    script = ENTER.format(
        place=shlex.quote(str(place)), root=shlex.quote(str(root)), cwd=shlex.quote(str(cwd)),
        binds=" ".join(shlex.quote(str(d)) for d in binds),
        env=" ".join(shlex.quote(f"{k}={v}") for k, v in env.items()))
    # The script makes mounts private itself, where it can: unshare gives up in a chroot.
    return ["unshare", *who, *([] if network else ["--net"]), "--mount", "--propagation",
            "unchanged", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh",
            *map(str, argv)]
