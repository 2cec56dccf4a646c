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

build = os.path.abspath(sys.argv[1])
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
VIVCTL = os.path.join(build, "src/cli/vivctl")
APPLICATION = os.path.join(build, "src/ui/vivarium")


def cpu_time(pid):
    """Seconds that the process has run, children that it waited for not counted."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_xvfb(log):
    reader, writer = os.pipe()
    process = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-noreset"],
                               pass_fds=[writer], stdout=log, stderr=log)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start")
    return process, ":" + number


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
        env = {key: value for key, value in os.environ.items() if key not in ("WAYLAND_DISPLAY", "DISPLAY")}
        for key in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIVARIUM_DATA_DIR"):
            env[key] = os.path.join(folder, key.lower())
            os.mkdir(env[key], 0o700)
        os.makedirs(os.path.join(env["XDG_CONFIG_HOME"], "glib-2.0/settings"))
        with open(os.path.join(env["XDG_CONFIG_HOME"], "glib-2.0/settings/keyfile"), "w", encoding="ascii") as file:
            file.write("[org/vivarium/Vivarium]\nwindow-width=1600\nwindow-height=900\n")
        xvfb, display = start_xvfb(log)
        env.update(DISPLAY=display, GDK_BACKEND="x11", GSETTINGS_BACKEND="keyfile", NO_AT_BRIDGE="1", LIBGL_ALWAYS_SOFTWARE="1",
                   DBUS_SESSION_BUS_ADDRESS="disabled:")

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
