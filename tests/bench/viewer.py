#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a viewer costs that shows nothing but a blinking cursor.   tests/bench/viewer.py BUILD [SECONDS]

The application under Xvfb shows a machine of no disks, which stands at SeaBIOS's last line in text mode.  Printed is the processor
time of application and monitor, in parts of one core, where GSK_RENDERER asks for cairo and where it asks for GL and llvmpipe is all
there is."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from screen import cpu_time, end, environment, start_xvfb

build = os.path.abspath(sys.argv[1])
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
VIVCTL = os.path.join(build, "src/cli/vivctl")
APPLICATION = os.path.join(build, "src/ui/vivarium")


def measure(env, name, log, monitor):
    """Shares of a core: application, monitor."""
    application = subprocess.Popen([APPLICATION, "--view", name], env=env, stdout=log, stderr=log)
    try:
        # Until what belongs to the start is over: two seconds that cost no more than the two before.
        last = None
        for _ in range(30):
            before = cpu_time(application.pid)
            time.sleep(2)
            if application.poll() is not None:
                raise RuntimeError("the application ended at once")
            spent = cpu_time(application.pid) - before
            if last is not None and spent > last * 0.8 - 0.02 and last > spent * 0.8 - 0.02:
                break
            last = spent
        picture = os.environ.get("VIVARIUM_BENCH_PICTURE")
        if picture and shutil.which("import"):
            subprocess.run(["import", "-window", "root", picture + "-" + env["GSK_RENDERER"] + ".png"], env=env, check=False)
        start, mine, its = time.monotonic(), cpu_time(application.pid), cpu_time(monitor)
        time.sleep(seconds)
        passed = time.monotonic() - start
        return (cpu_time(application.pid) - mine) / passed, (cpu_time(monitor) - its) / passed
    finally:
        end(application)


def main():
    missing = [tool for tool in ("Xvfb",) if not shutil.which(tool)]
    if missing:
        print("skipped: viewer: %s is not installed" % missing[0])
        return
    print("-- Viewer of a blinking cursor, window of 1600 x 900; aim: under 2 %% of a core, over %g s" % seconds)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        log = open(os.path.join(folder, "log"), "wb")
        env = environment(folder)
        xvfb, env["DISPLAY"] = start_xvfb(log)

        def vivctl(*arguments):
            return subprocess.run([VIVCTL, *arguments], env=env, check=True, capture_output=True, text=True).stdout

        try:
            vivctl("create", "--name", "Cursor", "--memory", "32M")
            vivctl("start", "--engine=software", "Cursor")
            vivctl("wait", "--text", "No bootable device", "--timeout", "120", "Cursor")
            pid = json.loads(vivctl("show", "--json", "Cursor"))["pid"]
            for renderer in ("cairo", "gl"):
                mine, its = measure(dict(env, GSK_RENDERER=renderer), "Cursor", log, pid)
                print("%-34s %6.2f %% of a core, the monitor %6.2f %%" % ("viewer, " + {"gl": "GL on llvmpipe"}.get(renderer, renderer),
                                                                       100 * mine, 100 * its), flush=True)
        finally:
            subprocess.run([VIVCTL, "stop", "--force", "Cursor"], env=env, check=False, capture_output=True)
            end(xvfb)


main()
