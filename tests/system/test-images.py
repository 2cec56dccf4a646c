#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitor's --test-image: a disk that has no room pauses the machine, and one whose power fails keeps what was flushed.
The guest is this program, by the qtest protocol."""
import os
import socket
import struct
import subprocess
import tempfile
import time

from lib import BUILD, Tap, check, equal

SECTORS = 2048
PATIENCE = 120
EXIT_CRASH = 86


class Machine:
    def __init__(self, folder, words):
        self.disk = os.path.join(folder, "test.img")
        if not os.path.exists(self.disk):
            with open(self.disk, "wb") as f:
                f.truncate(SECTORS * 512)
        definition = os.path.join(folder, "m.ini")
        with open(definition, "w") as f:
            f.write("[machine]\nname=Images\nuuid=0b5f4d0c-6a3c-4b5e-9d4e-0a2f7c1b8e11\nmemory=16\n[display0]\nvideo=none\n[disk0]\npath=test.img\nformat=raw\n")
        path = os.path.join(folder, "q")
        if os.path.exists(path):
            os.unlink(path)
        self.log = open(os.path.join(folder, "log"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "src/vmm/vivarium-vmm"), "--definition", definition, "--engine", "none", "--no-sandbox", "--qtest", path,
             "--test-image", "test.img:" + words], stdout=self.log, stderr=self.log)
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("the monitor doesn't listen: " + self.text())
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")

    def text(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()

    def ask(self, line):
        self.file.write(line + "\n")
        self.file.flush()
        answer = self.file.readline().split()  # none, or an error: the monitor has ended
        if not answer:
            raise EOFError
        equal(answer[0], "OK", line)
        return int(answer[1], 16) if len(answer) > 1 else 0

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            check(time.monotonic() < end, what + ": " + self.text())
            time.sleep(0.01)

    def ready(self):
        self.wait(lambda: not self.ask("inb 0x3f6") & 0x80, "the drive is ready")
        return self.ask("inb 0x1f7")

    def begin(self, lba, number):
        for port, value in ((0x1f6, 0xe0), (0x1f2, 1), (0x1f3, lba & 255), (0x1f4, lba >> 8), (0x1f5, 0), (0x1f7, 0x30)):
            self.ask("outb %#x %#x" % (port, value))
        for _ in range(128):
            self.ask("outl 0x1f0 %#x" % number)

    def write(self, lba, number):
        self.begin(lba, number)
        return self.ready()

    def flush(self):
        self.ask("outb 0x1f7 0xe7")
        return self.ready()

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def number(path, lba):
    with open(path, "rb") as f:
        f.seek(lba * 512)
        return struct.unpack("<I", f.read(4))[0]


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="viv-images-") as folder:
        with tap.point("a drive without room pauses the machine with a sentence"):
            machine = Machine(folder, "fail=write:ENOSPC:1:1")
            equal(machine.write(1, 11), 0x50, "status")
            machine.begin(2, 22)
            machine.wait(lambda: "paused: " in machine.text(), "the machine pauses")
            check("test.img" in machine.text() and "Make room" in machine.text(), machine.text())
            machine.end()
            equal(number(machine.disk, 1), 11, "sector 1")
        os.unlink(os.path.join(folder, "test.img"))
        with tap.point("an error of the drive is the guest's"):
            machine = Machine(folder, "fail=write:EIO:1")
            equal(machine.write(1, 11), 0x51, "status")
            equal(machine.write(1, 12), 0x50, "status")
            machine.end()
        with tap.point("what was flushed is there after the power has failed"):
            machine = Machine(folder, "crash=30,seed=3")
            for i in range(10):
                machine.write(i, 100 + i)
            equal(machine.flush(), 0x50, "status")
            try:
                for i in range(40):
                    machine.write(i % 10, 200 + i)
                check(False, "the drive has not crashed")
            except (EOFError, OSError):
                pass
            equal(machine.process.wait(PATIENCE), EXIT_CRASH, "status of the monitor")
            for i in range(10):
                check(number(machine.disk, i) in (100 + i, 200 + i, 210 + i), "sector %d is %d" % (i, number(machine.disk, i)))
        with tap.point("words that it doesn't know are refused"):
            result = subprocess.run([os.path.join(BUILD, "src/vmm/vivarium-vmm"), "--definition", os.path.join(folder, "m.ini"),
                                     "--engine", "none", "--test-image", "test.img:rot"], capture_output=True, text=True, timeout=PATIENCE)
            check(result.returncode != 0 and "rot" in result.stderr, result.stderr)
    tap.done()


main()
