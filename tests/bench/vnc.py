#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole frames a second over VNC, of a guest that shows 800 x 600, beside QEMU: both serve a UNIX socket, raw pixels, and the next frame is asked for when one
is there.   tests/bench/vnc.py BUILD"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from measure import best, build, qemu, report

BROKER = os.path.join(build, "src/broker/vivarium-broker")
WELCOME = os.path.join(build, "tests/guest/welcome/welcome.img")
UUID = "00000000-0000-4000-8000-000000000001"
SIZE = (800, 600)
FRAMES = 20


class Client:
    """RFC 6143: no authentication, 32-bit pixels, raw rectangles only."""

    def __init__(self, path, timeout=60):
        end = time.monotonic() + timeout
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.read(12)
        self.socket.sendall(b"RFB 003.008\n")
        self.read(self.read(1)[0])
        self.socket.sendall(b"\1")
        self.read(4)
        self.socket.sendall(b"\1")
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.read(16)
        self.read(struct.unpack(">I", self.read(4))[0])
        # DesktopSize (-223) so that a guest's other mode is told and no end.
        self.socket.sendall(struct.pack(">BxHii", 2, 2, 0, -223))

    def read(self, n):
        parts = []
        while n > 0:
            part = self.socket.recv(min(n, 1 << 20))
            if not part:
                raise RuntimeError("the server has closed the connection")
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def skip(self, n):
        while n > 0:
            n -= len(self.socket.recv(min(n, 1 << 20)))

    def frame(self):
        """Pixels of the whole that came."""
        self.socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        pixels = 0
        while True:
            kind = self.read(1)[0]
            if kind == 0:
                break
            self.read({1: 5, 2: 0, 3: 3}[kind])
        for _ in range(struct.unpack(">xH", self.read(3))[0]):
            _, _, width, height, encoding = struct.unpack(">HHHHi", self.read(12))
            if encoding == -223:
                self.width, self.height = width, height
            else:
                self.skip(width * height * 4)
                pixels += width * height
        return pixels

    def rate(self):
        end = time.monotonic() + 120
        while (self.width, self.height) != SIZE:
            if time.monotonic() > end:
                raise RuntimeError("the guest shows nothing")
            self.frame()
            time.sleep(0.05)
        time.sleep(1)
        start, pixels = time.monotonic(), 0
        while pixels < FRAMES * self.width * self.height:
            pixels += self.frame()
        return pixels / (self.width * self.height) / (time.monotonic() - start)


def measure(command, path):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # The least is the best for best().
        return 1 / Client(path).rate()
    finally:
        process.send_signal(signal.SIGQUIT if command[0] == BROKER else signal.SIGKILL)
        process.wait()


def ours(folder):
    place = os.path.join(folder, "ours")
    definition = os.path.join(folder, "machine.ini")
    with open(definition, "w", encoding="ascii") as file:
        file.write("[machine]\nname=bench\nuuid=%s\nengine=software\nmemory=64M\n[floppy0]\npath=%s\n[display0]\nvnc-address=unix:%s\n" %
                   (UUID, os.path.join(folder, "floppy.img"), place))
    return measure([BROKER, "--definition", definition, "--folder", folder, "--socket", os.path.join(folder, UUID + ".sock")], place)


def theirs(folder):
    place = os.path.join(folder, "theirs")
    return measure([qemu, "-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg", "-m", "64", "-vga", "std", "-display", "none", "-sandbox",
                    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-vnc", "unix:" + place,
                    "-drive", "if=floppy,format=raw,snapshot=on,file=" + os.path.join(folder, "floppy.img")], place)


def main():
    print("-- VNC, whole frames of %d x %d, raw; QEMU answers at the pace of a timer" % SIZE)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        shutil.copy(WELCOME, os.path.join(folder, "floppy.img"))
        mine = best(lambda: ours(folder))
        other = best(lambda: theirs(folder))
    report("a frame", mine * 1000, other * 1000, "ms")
    report("frames a second", 1 / mine, 1 / other, "/s", 0)


main()
