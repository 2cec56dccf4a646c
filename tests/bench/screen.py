#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benches of the application share: a screen, an environment with nothing in it, and processor time."""
import os
import subprocess


def cpu_time(pid):
    """Seconds that the process has run, children that it waited for not counted."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_xvfb(log, picture=None):
    """The process and the display's name; `picture` is a folder where its memory is a file, Xvfb_screen0."""
    reader, writer = os.pipe()
    process = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-noreset"]
                               + (["-fbdir", picture] if picture else []), pass_fds=[writer], stdout=log, stderr=log)
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


def environment(folder, width=1600, height=900):
    """For an application that has never run; its window is so large."""
    env = {key: value for key, value in os.environ.items() if key not in ("WAYLAND_DISPLAY", "DISPLAY")}
    for key in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIVARIUM_DATA_DIR"):
        env[key] = os.path.join(folder, key.lower())
        os.mkdir(env[key], 0o700)
    os.makedirs(os.path.join(env["XDG_CONFIG_HOME"], "glib-2.0/settings"))
    with open(os.path.join(env["XDG_CONFIG_HOME"], "glib-2.0/settings/keyfile"), "w", encoding="ascii") as file:
        file.write("[org/vivarium/Vivarium]\nwindow-width=%d\nwindow-height=%d\n" % (width, height))
    env.update(GDK_BACKEND="x11", GSETTINGS_BACKEND="keyfile", NO_AT_BRIDGE="1", LIBGL_ALWAYS_SOFTWARE="1",
               DBUS_SESSION_BUS_ADDRESS="disabled:")
    return env
