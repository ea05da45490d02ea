# SPDX-License-Identifier: GPL-2.0-or-later
"""./check: builds facet in every way that matters and runs its tests."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from . import build, debian13, image, procs
from .report import Report

REPO = image.REPO
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
BUILDS = {  # directory: (compiler, meson options)
    "build-gcc": ("gcc", ["-Dwerror=true", *SANITIZE]),
    "build-clang": ("clang", ["-Dwerror=true", "--buildtype=release"]),
    "build-fuzz": ("clang", ["-Dwerror=true", "-Dfuzz=true", *SANITIZE]),
}
INSTALLED = "build-clang"  # scenarios run what is installed from it, and programs beside that
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Check:
    """One run: where things are and what is wanted."""

    def __init__(self, args, place):
        self.report, self.all, self.place = Report(), args.all, pathlib.Path(place)
        self._built = {}

    def built(self, name):
        """The build directory, or None when it does not compile (reported once)."""
        if name not in self._built:
            compiler, options = BUILDS[name]
            self.report.say(f"building {name}")
            directory = REPO / name
            try:
                build.build(directory, *options, compiler=compiler, install=name == INSTALLED)
                self.report.ok(f"{name}: compiles without warnings")
                self._built[name] = directory
            except build.BuildFailed as failure:
                self.report.fail(f"{name}: compiles without warnings", str(failure))
                self._built[name] = None
        return self._built[name]

    def stream(self, name, process):
        """Passes a test program's lines on; what it says after 'not ok' is its log."""
        before = self.report.failed
        try:
            for line in process.stdout:
                line = line.rstrip("\n")
                if not self.report.line(line):
                    print(f"    | {line[:300]}", flush=True)
            code = process.wait()
        finally:
            procs.end(process, 60)  # it has guests to end
            process.stdout.close()
        if code and self.report.failed == before:
            self.report.fail(f"{name}: ended with exit code {code}")


# --- suites -------------------------------------------------------------------------------------


def style(check):
    """Format, doors, licences, headers alone as C and C++, shell and Python."""
    check.stream("style", popen([REPO / "scripts" / "check-style"]))


def abi(check):
    """libfacet against the ABI that was promised, and proof that a breach is noticed."""
    check.stream("abi", popen([REPO / "scripts" / "check-abi"]))
    check.stream("abi", popen([REPO / "scripts" / "check-abi", "--self-test"]))


def popen(argv, **env):
    return subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace", cwd=REPO,
                            env={**os.environ, **env})


def meson_suite(check, suite):
    for name in ("build-gcc", "build-clang"):
        directory = check.built(name)
        if directory:
            run_meson_suite(check, directory, suite)


def run_meson_suite(check, directory, suite, run=subprocess.run):
    argv = ["meson", "test", "-C", directory, "--no-rebuild", "--suite", suite, "-t", "5",
            "--logbase", f"log-{suite}"]
    env = {**os.environ, **SANITIZER_ENV}
    done = run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
               **({"env": env} if run is subprocess.run else {}))
    log = directory / "meson-logs" / f"log-{suite}.json"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not rows:
        check.report.fail(f"{directory.name} {suite}: meson test found no tests", done.stdout)
    for row in rows:
        count_meson_test(check.report, f"{directory.name} {suite}", row)
    log.unlink(missing_ok=True)


def count_meson_test(report, where, row):
    """One program; a TAP program counts as many tests as it has."""
    name = f"{where} {row['name'].rpartition(' / ')[2]}"
    output = row.get("stdout", "") + row.get("stderr", "")
    lines = output.splitlines()
    bad = sum(line.startswith("not ok") for line in lines)
    good = sum(line.startswith("ok") for line in lines)
    if row["result"] == "SKIP":
        report.skip(name, lines[-1] if lines else "no reason given")
    elif row["result"] in ("OK", "EXPECTEDFAIL") and not bad:
        report.ok(name, max(good, 1))
    else:
        report.passed += good
        report.fail(f"{name}: {row['result']}", output, max(bad, 1))


def unit(check):
    """Every room alone, beside its code (cmocka), with gcc's sanitizers and with clang."""
    meson_suite(check, "unit")


def flow(check):
    """A guest's commands through loopback, device and engine to a picture; no QEMU."""
    meson_suite(check, "flow")


def wire(check):
    """The built programs, spoken to over their sockets."""
    meson_suite(check, "wire")


def fuzz(check):
    """The corpus again, then libFuzzer for 20 s a target (--all: 10 minutes)."""
    directory = check.built("build-gcc")
    if directory:
        run_meson_suite(check, directory, "fuzz")
    directory = check.built("build-fuzz")
    if not directory:
        return
    seconds = 600 if check.all else 20
    targets = sorted(p for p in (directory / "tests" / "fuzz").glob("*_fuzz") if p.is_file())
    if not targets:
        check.report.fail("fuzz: build-fuzz has no fuzz targets")
    check.report.say(f"fuzzing {len(targets)} targets for {seconds} s each")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for target, fault in zip(targets, pool.map(
                lambda target: run_fuzzer(check, target, seconds), targets)):
            if fault:
                check.report.fail(f"fuzz {target.name}", fault)
            else:
                check.report.ok(f"fuzz {target.name}: {seconds} s without a finding")


def run_fuzzer(check, target, seconds):
    """What was found, or None. New inputs go to a temporary directory; a crash's is shown."""
    name = target.name
    work = check.place / name
    work.mkdir()
    corpus = REPO / "tests" / "fuzz" / "corpus" / name.removesuffix("_fuzz")
    argv = [target, f"-max_total_time={seconds}", f"-artifact_prefix={work}/found-", "-timeout=25",
            "-rss_limit_mb=2560", "-print_final_stats=1", work]
    log = check.place / f"{name}.log"
    with open(log, "wb") as out:
        done = subprocess.run([*map(str, argv), *([str(corpus)] if corpus.is_dir() else [])],
                              stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False,
                              env={**os.environ, **SANITIZER_ENV, "LIBGL_ALWAYS_SOFTWARE": "1"})
    if not done.returncode:
        return None
    text = log.read_text(errors="replace")
    for found in work.glob("found-*"):
        text += f"\ninput {found.name}: {found.read_bytes()[:2000].hex()}"
    return text


def integration(check):
    """Stock guests in stock QEMU on this machine."""
    directory = check.built(INSTALLED)
    if directory:
        check.stream("integration", popen(integration_argv(check, directory)))


def integration_argv(check, directory, *names):
    return [sys.executable, REPO / "tests" / "integration" / "run",
            "--prefix", directory / "installed", "--pictures", directory / "pictures",
            *(["--all"] if check.all else []), *names]


def debian_13(check):
    """facet built and tested inside Debian 13, with its QEMU 11.1 and a guest."""
    check.report.say("building inside Debian 13")
    try:
        directory = debian13.build()
    except build.BuildFailed as failure:
        check.report.fail("debian13: compiles", str(failure))
        return
    check.report.ok("debian13: compiles")
    for suite in ("unit", "flow"):
        run_meson_suite(check, directory, suite, debian13.run)
    image.Image()  # made out here: the root has no mmdebstrap
    argv = ["python3", *integration_argv(check, directory, "debian13", "varlinkctl", "resize")[1:]]
    mount_point = check.place / "debian13"
    mount_point.mkdir()
    check.stream("debian13", popen(debian13.command(argv, mount_point)))


SUITES = {"style": style, "abi": abi, "unit": unit, "flow": flow, "wire": wire, "fuzz": fuzz,
          "integration": integration, "debian13": debian_13}


# --- the program --------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("--all", action="store_true", help="also what takes long")
    parser.add_argument("--list", action="store_true", help="say what there is and end")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    args = parser.parse_args()
    for name in args.suites:
        if name not in SUITES:
            parser.error(f"there is no suite '{name}'; there are: {', '.join(SUITES)}")
    return args


def main():
    args = parse()
    if args.list:
        for name, suite in SUITES.items():
            print(f"{name:12} {suite.__doc__.splitlines()[0]}")
        return 0
    procs.stop_on_signals()
    # git refuses to list files that belong to somebody else, as in many containers.
    os.environ.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory",
                      GIT_CONFIG_VALUE_0="*")
    place = tempfile.mkdtemp(prefix="facet-check-")
    check = Check(args, place)
    try:
        for name in args.suites or SUITES:
            check.report.say(f"{name}: {SUITES[name].__doc__.splitlines()[0]}")
            SUITES[name](check)
        check.report.say("done")
        print(check.report.summary())
        return 1 if check.report.failed else 0
    except KeyboardInterrupt:
        print("check: stopped", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
