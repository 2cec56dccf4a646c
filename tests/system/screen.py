# SPDX-License-Identifier: GPL-3.0-or-later
"""A display of one's own: Xvfb, a window manager, a session bus; real key and pointer events through XTEST."""
import os
import shutil
import subprocess
import time

from lib import Failure, Picture, check, spawn, until


class Screen:
    def __init__(self, env, width=1280, height=900):
        reader, writer = os.pipe()
        self.width, self.height = width, height
        self.log = open(os.path.join(env["XDG_RUNTIME_DIR"], "screen.log"), "ab")
        self.xvfb = spawn(["Xvfb", "-displayfd", str(writer), "-screen", "0", "%dx%dx24" % (width, height), "-nolisten", "tcp", "-noreset"],
                          pass_fds=[writer], stderr=self.log, stdout=self.log)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        check(number, "Xvfb did not start")
        self.env = dict(env, DISPLAY=":" + number, GDK_BACKEND="x11", GSK_RENDERER="cairo", LIBGL_ALWAYS_SOFTWARE="1", NO_AT_BRIDGE="1")
        self.env.pop("WAYLAND_DISPLAY", None)
        if shutil.which("dbus-daemon"):
            self.bus = spawn(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, stderr=self.log, env=self.env,
                             text=True)
            self.env["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().strip()
        if shutil.which("openbox"):
            self.manager = spawn(["openbox"], env=self.env, stdout=self.log, stderr=self.log)
            until(lambda: self.tool("get_num_desktops", ok=False), 10, "the window manager")

    def tool(self, *arguments, ok=True):
        result = subprocess.run(["xdotool"] + [str(a) for a in arguments], env=self.env, capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            if ok:
                raise Failure("xdotool %s: %s" % (" ".join(str(a) for a in arguments), result.stderr))
            return ""
        return result.stdout.strip()

    def window(self, title, timeout=30):
        """The newest visible window whose whole title this is."""
        return until(lambda: self.tool("search", "--onlyvisible", "--name", "^%s$" % title, ok=False), timeout,
                     "a window “%s”" % title).split()[-1]

    def has_window(self, title):
        return bool(self.tool("search", "--onlyvisible", "--name", "^%s$" % title, ok=False))

    def geometry(self, window):
        values = dict(line.split("=") for line in self.tool("getwindowgeometry", "--shell", window).splitlines())
        return tuple(int(values[k]) for k in ("X", "Y", "WIDTH", "HEIGHT"))

    def focus(self, window):
        self.tool("windowactivate" if shutil.which("openbox") else "windowfocus", "--sync", window)

    def click(self, x, y, button=1):
        self.tool("mousemove", x, y)
        time.sleep(0.15)
        self.tool("click", button)

    def key(self, *keys):
        for key in keys:
            self.tool("key", key)
            time.sleep(0.1)

    def type(self, text):
        self.tool("type", "--delay", "40", text)

    def picture(self):
        result = subprocess.run(["import", "-window", "root", "-depth", "8", "ppm:-"], env=self.env, capture_output=True, timeout=60)
        check(result.returncode == 0, "import: %s" % result.stderr.decode(errors="replace"))
        return Picture.from_ppm(result.stdout)

    def save(self, path):
        subprocess.run(["import", "-window", "root", path], env=self.env, check=True, timeout=60)
