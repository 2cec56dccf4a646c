#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does with a machine, each thing once, with VIVARIUM_SANDBOX=trap: a system call that the sandbox refuses ends the process that makes it."""
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from lib import PATIENCE, Room, Tap, VIVCTL, WELCOME, alive, check, engine_argument, equal, skip_all, until

BOOT = 300
FROZEN = 3  # seconds, in which timers come due that find nobody


def family_of(room, name):
    """The broker and its children."""
    broker = next(m["pid"] for m in room.list() if m["name"] == name)
    with open("/proc/%d/task/%d/children" % (broker, broker), encoding="ascii") as file:
        return [broker] + [int(pid) for pid in file.read().split()]


def look_over_vnc(address):
    """A whole picture, raw; its size.  RFC 6143."""
    if address.startswith("unix:"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(address[5:])
    else:
        host, port = address.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
    server.settimeout(20 * PATIENCE)
    with server, server.makefile("rb") as file:
        def read(count):
            data = file.read(count)
            check(len(data) == count, "the server has closed the connection")
            return data
        check(read(12).startswith(b"RFB 003."), "no VNC")
        server.sendall(b"RFB 003.008\n")
        read(read(1)[0])
        server.sendall(b"\1")
        equal(read(4), b"\0\0\0\0", "the way in")
        server.sendall(b"\1")
        width, height = struct.unpack(">HH", read(4))
        read(16)
        read(struct.unpack(">I", read(4))[0])
        server.sendall(struct.pack(">BxHi", 2, 1, 0) + struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        # A key and the pointer, too.
        server.sendall(struct.pack(">BBxxI", 4, 1, ord("c")) + struct.pack(">BBxxI", 4, 0, ord("c")) + struct.pack(">BBHH", 5, 1, 5, 5))
        pixels = 0
        while pixels < width * height:
            kind = read(1)[0]
            if kind != 0:
                read({1: 5, 2: 0, 3: 3}[kind])
                continue
            for _ in range(struct.unpack(">xH", read(3))[0]):
                _, _, w, h, encoding = struct.unpack(">HHHHi", read(12))
                equal(encoding, 0, "the encoding")
                read(w * h * 4)
                pixels += w * h
        return width, height


def heard(machine, key, code):
    since = len(machine.serial())
    machine.key(key)
    machine.wait_serial("^key %02x\r?$" % code, 60, since)


def main():
    engine, tap = engine_argument(), Tap()
    if os.environ.get("VIVARIUM_SANDBOX") == "0":
        skip_all("a build without the lists of system calls")
    with Room() as room:
        room.env["VIVARIUM_SANDBOX"] = "trap"
        floppy, other = room.path("floppy.img"), room.path("other.img")
        for path in floppy, other:
            shutil.copy(WELCOME, path)
        machine = room.machine("All", "--floppy", floppy, "--cdrom", "", "--disk-size", "16M", "--serial", "socket", engine=engine, memory="16M")
        with tap.point("starts, hears keys and the pointer, and types"):
            machine.start()
            machine.wait_serial("^welcome ready", BOOT)
            heard(machine, "a", 0x1e)
            machine.pointer("move", "5", "5", "click", "left", relative=True)
            machine.type("x\n")
            machine.vivctl("serial", "--send", "hello")
        with tap.point("is looked at"):
            picture = machine.screenshot()
            check(picture.width >= 640, "a picture")
            machine.vivctl("text", ok=False)  # says that this is no text
            for arguments in (), ("--json",), ("--devices",):
                machine.vivctl("show", *arguments)
            machine.vivctl("log")
        with tap.point("media and devices change"):
            machine.vivctl("media", "cdrom0", other)
            machine.vivctl("media", "cdrom0", "")
            machine.vivctl("media", "floppy0", other)
            machine.vivctl("media", "floppy0", "")
            machine.vivctl("media", "floppy0", floppy)
            heard(machine, "a", 0x1e)
        with tap.point("pauses, goes on, is reset and saved, and goes on from there"):
            machine.vivctl("pause")
            machine.vivctl("resume")
            since = len(machine.serial())
            machine.vivctl("reset")
            machine.wait_serial("^welcome ready", BOOT, since)
            equal(machine.screenshot().width, 800, "the guest's mode")
            heard(machine, "b", 0x30)
            machine.vivctl("save", room.path("all.state"))
            machine.vivctl("stop", "--force")
            machine.start("--load", room.path("all.state"))
            heard(machine, "b", 0x30)
        with tap.point("is served over VNC, at several places, with a password and without"):
            equal(look_over_vnc(machine.vivctl("vnc", "on").stdout.strip()), (800, 600), "the picture")
            machine.vivctl("vnc", "on", "--address", "unix:" + room.path("vnc"))
            equal(look_over_vnc("unix:" + room.path("vnc")), (800, 600), "the picture")
            with open(room.path("secret"), "w", encoding="ascii") as file:
                file.write("secret\n")
            machine.vivctl("vnc", "on", "--password-file", room.path("secret"))
            machine.vivctl("vnc", "off")
            machine.vivctl("device", "set", "display0.vnc-address=127.0.0.1:0")
            look_over_vnc(machine.show()["screens"][0]["vnc-address"])
        with tap.point("is frozen for a while, as by a host that is suspended, and goes on"):
            pids = family_of(room, "All")
            check(len(pids) >= 3, "a family of %r" % pids)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(FROZEN)
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)
            equal(machine.state, "running", "state")
            heard(machine, "a", 0x1e)
            equal(look_over_vnc(machine.show()["screens"][0]["vnc-address"]), (800, 600), "the picture")
            equal(family_of(room, "All"), pids, "the processes")
        with tap.point("is stopped by force, and by its owner's end"):
            machine.vivctl("stop", "--force")
            machine.wait_state("off")
            owner = subprocess.Popen([VIVCTL, "run", "--name", "Owned", "--headless", "--engine", engine, "--floppy", floppy, "--memory", "16M",
                                      "--vnc", "127.0.0.1:0"], env=room.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            try:
                until(lambda: any(m["name"] == "Owned" and m["state"] == "running" for m in room.list()), 60, "a start")
                pids = family_of(room, "Owned")
            finally:
                owner.kill()
                owner.wait()
            until(lambda: not any(alive(pid) for pid in pids), 40, "an end of the family")
            with contextlib.suppress(StopIteration):
                equal(next(m["state"] for m in room.list() if m["name"] == "Owned"), "off", "how it ended")
    tap.done()


main()
