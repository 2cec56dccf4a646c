#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB's menu from a grub-mkrescue CD: by keys, and over VNC to a client that is not ours and to a minimal one written here."""
import re
import shutil
import socket
import struct
import subprocess

from lib import Picture, Room, Skip, Tap, check, engine_argument, equal, grub_iso, need_programs, until

BOOT = 300  # s: core.img unpacks itself with about a million instructions a second on a KVM that interprets


def selected(machine):
    match = re.search(r"\*(Vivarium \w+ entry)", machine.text())
    return match[1] if match else None


def choose(machine, entry):
    machine.until(lambda: selected(machine) == entry, 60, "“%s” is selected" % entry, 0.3)


class Rfb:
    """RFB 3.8 with raw rectangles alone (RFC 6143)."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 20)
        self.socket.settimeout(30)
        check(self.take(12).startswith(b"RFB 003."), "no RFB server")
        self.socket.sendall(b"RFB 003.008\n")
        check(1 in self.take(self.take(1)[0]), "no security type None")
        self.socket.sendall(b"\x01")
        equal(self.take(4), bytes(4), "security result")
        self.socket.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.take(16)
        self.name = self.take(struct.unpack(">I", self.take(4))[0]).decode()
        # 32 bits, depth 24, little endian, true colour, red at 0, green at 8, blue at 16
        self.socket.sendall(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 0, 8, 16))
        self.socket.sendall(struct.pack(">BxHi", 2, 1, 0))

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            check(part, "the VNC server hung up")
            data += part
        return data

    def key(self, keysym):
        for down in (1, 0):
            self.socket.sendall(struct.pack(">BBxxI", 4, down, keysym))

    def picture(self):
        self.socket.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        frame, missing = bytearray(self.width * self.height * 3), self.width * self.height
        while missing > 0:
            kind = self.take(1)[0]
            if kind == 2:  # bell
                continue
            if kind == 3:  # clipboard
                self.take(struct.unpack(">xxxI", self.take(7))[0])
                continue
            equal(kind, 0, "server message")
            for _ in range(struct.unpack(">xH", self.take(3))[0]):
                x, y, width, height, encoding = struct.unpack(">HHHHi", self.take(12))
                equal(encoding, 0, "encoding")
                data = self.take(width * height * 4)
                for row in range(height):
                    for c in range(3):
                        at = ((y + row) * self.width + x) * 3 + c
                        frame[at:at + width * 3:3] = data[row * width * 4 + c:(row + 1) * width * 4:4]
                missing -= width * height
        return Picture(self.width, self.height, bytes(frame))


def difference(one, two):
    equal((one.width, one.height), (two.width, two.height), "size")
    return sum(abs(a - b) for a, b in zip(one.data, two.data)) / len(one.data), sum(
        abs(a - b) > 64 for a, b in zip(one.data, two.data)) / len(one.data)


def main():
    engine = engine_argument()
    need_programs("grub-mkrescue", "xorriso", "mformat")
    tap = Tap()
    with Room() as room:
        machine = room.machine("Grub", "--cdrom", grub_iso(room), engine=engine, memory="64M")
        with tap.point(engine + ": GRUB's menu from a CD"):
            machine.start()
            machine.wait(BOOT, text="Vivarium third entry")
            choose(machine, "Vivarium first entry")
        address = machine.vivctl("vnc", "on", "--address", "127.0.0.1:0").stdout.split()[-1]
        with tap.point(engine + ": the same picture over VNC, raw, pixel by pixel"):
            rfb = Rfb(address)
            # The cursor blinks: a few tries.
            until(lambda: machine.screenshot().data == rfb.picture().data or None, 20, "equal pictures")
        with tap.point(engine + ": the same picture to vncsnapshot"):
            if not shutil.which("vncsnapshot") or not shutil.which("convert"):
                raise Skip("vncsnapshot or ImageMagick is not installed")
            path = room.path("snapshot.jpg")
            number = int(address.rsplit(":", 1)[1]) - 5900
            if number < 0:
                raise Skip("vncsnapshot takes display numbers only")

            def same():
                ours = machine.screenshot()
                result = subprocess.run(["vncsnapshot", "-quiet", "-encodings", "raw", "-quality", "100", "127.0.0.1:%d" % number, path],
                                        capture_output=True, text=True, timeout=60, env=room.env)
                equal(result.returncode, 0, "vncsnapshot: " + result.stderr)
                ppm = subprocess.run(["convert", path, "-depth", "8", "ppm:-"], capture_output=True, check=True, timeout=60).stdout
                mean, wrong = difference(ours, Picture.from_ppm(ppm))
                tap.diag("vncsnapshot: mean difference %.2f of 255, %.3f %% wrong" % (mean, wrong * 100))
                return mean < 4 and wrong < 0.005
            until(same, 20, "pictures alike")
        with tap.point(engine + ": arrow keys move in the menu"):
            machine.key("down")
            choose(machine, "Vivarium second entry")
            machine.key("down")
            choose(machine, "Vivarium third entry")
        with tap.point(engine + ": keys over VNC move in the menu"):
            rfb.key(0xff52)
            choose(machine, "Vivarium second entry")
        with tap.point(engine + ": Enter chooses"):
            machine.key("ret")
            machine.wait(60, text="The second entry was chosen")
        machine.stop()
    tap.done()


main()
