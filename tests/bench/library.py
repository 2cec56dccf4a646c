#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon the application shows its library.   tests/bench/library.py BUILD [OTHER-BUILD]

A hundred machines, the application under Xvfb, as often as it takes: from its start until the picture is complete, which is when the
screen last changed, and the processor time till then.  With another build, one after the other, the ratio to it."""
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import zlib

from screen import cpu_time, end, environment, start_xvfb

MACHINES = 100
RUNS = 3
STILL = 1.5
PATIENCE = 120


def make_machines(folder):
    for i in range(MACHINES):
        path = os.path.join(folder, "Machine %d" % i)
        os.makedirs(path, 0o700)
        with open(os.path.join(path, "machine.ini"), "w", encoding="utf-8") as file:
            file.write("[machine]\nname=Machine %d\nuuid=%s\nos=%s\nmemory=64M\n" % (i, uuid.uuid4(), ("debian12", "win10", "freedos1.3")[i % 3]))


def has_window(screen):
    """Not the cursor alone on an empty screen."""
    some = screen[4096::9973]
    return sum(1 for byte in some if byte) > len(some) // 20


def resident(pid):
    """MiB of memory that the process has, and of that what it shares with none (libraries' code is shared)."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in file if line.rstrip().endswith("kB")}
    return sizes["Rss"], sizes["Private_Clean"] + sizes["Private_Dirty"]


def run(build, env, log, picture):
    """Seconds until the picture is complete, of processor time, and the memory then."""
    with open(os.path.join(picture, "Xvfb_screen0"), "rb") as file:
        screen = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    start = changed = time.monotonic()
    last, spent = zlib.crc32(screen), 0.0
    application = subprocess.Popen([os.path.join(build, "src/ui/vivarium")], env=env, stdout=log, stderr=log)
    try:
        while True:
            time.sleep(0.01)
            now, seen = time.monotonic(), zlib.crc32(screen)
            if application.poll() is not None:
                raise RuntimeError("the application ended at once")
            if seen != last:
                last, changed, spent = seen, now, cpu_time(application.pid)
            elif now - changed > STILL and has_window(screen):
                return changed - start, spent, *resident(application.pid)
            if now - start > PATIENCE:
                raise RuntimeError("no picture in %d seconds" % PATIENCE)
    finally:
        end(application)
        screen.close()


def main():
    builds = [os.path.abspath(path) for path in sys.argv[1:]]
    if not shutil.which("Xvfb"):
        print("skipped: library: Xvfb is not installed")
        return
    print("-- Library of %d machines, from the start of the application to the whole picture" % MACHINES)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        log = open(os.path.join(folder, "log"), "wb")
        env = environment(folder)
        make_machines(env["VIVARIUM_DATA_DIR"])
        xvfb, env["DISPLAY"] = start_xvfb(log, folder)
        env["GSK_RENDERER"] = "cairo"
        try:
            results = [[] for _ in builds]
            for _ in range(RUNS):
                for i, build in enumerate(builds):
                    results[i].append(run(build, env, log, folder))
            best = [tuple(min(r[i] for r in result) for i in range(4)) for result in results]
            print("%-34s %6.2f s, %6.2f s of a core; %.0f MiB resident, %.0f private" % ("library", *best[0]), flush=True)
            if len(best) > 1:
                print("%-34s %6.2f s, %6.2f s of a core; %.0f MiB resident, %.0f private; ratios %s"
                      % ("the other build", *best[1], ", ".join("%.2f" % (a / b) for a, b in zip(*best))), flush=True)
        finally:
            end(xvfb)


main()
