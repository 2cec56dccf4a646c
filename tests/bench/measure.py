# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benches share: a monitor of ours or QEMU with its output read by time, and a line with a ratio.

Guests say where they are on the debug console at port 0x402, which both write to their output."""
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

build = os.path.abspath(sys.argv[1])
vmm = os.path.join(build, "src/vmm/vivarium-vmm")
guests = os.path.join(build, "tests/guest")
qemu = shutil.which("qemu-system-x86_64")
RUNS = 3
MEMORY = 64


class Machine:
    """A monitor whose output is read a line at a time, each with the time at which it came and the CPU time spent till then."""

    def __init__(self, command, env=None):
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=dict(os.environ, **(env or {})), start_new_session=True)
        self.lines = []
        self.cpu = []
        self.spent = {}
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append((time.monotonic() - self.start, line.decode("utf-8", "replace")))
                self.cpu.append(self.cpu_time())
                self.changed.notify_all()
        with self.changed:
            self.lines.append((None, ""))
            self.changed.notify_all()

    def processes(self):
        """The monitor, the broker that it is a child of, and their helpers."""
        found = [self.process.pid]
        for pid in found:
            for path in glob.glob("/proc/%d/task/*/children" % pid):
                try:
                    with open(path) as file:
                        found += [int(child) for child in file.read().split()]
                except OSError:
                    pass
        return found

    def cpu_time(self):
        """Seconds that all threads have run, those that are gone by now too; what else the host does is not in it."""
        for pid in self.processes():
            for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
                try:
                    with open(path) as file:
                        self.spent[path] = int(file.read().split()[0])
                except OSError:
                    pass
        return sum(self.spent.values()) / 1e9

    def wait(self, pattern, timeout):
        """Seconds from exec until a line matches."""
        end = time.monotonic() + timeout
        at = 0
        with self.changed:
            while True:
                while at < len(self.lines):
                    when, line = self.lines[at]
                    at += 1
                    if when is None:
                        raise RuntimeError("ended before “%s”: %s" % (pattern, "".join(l for _, l in self.lines[-5:])))
                    if re.search(pattern, line):
                        return when
                if not self.changed.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    raise RuntimeError("no “%s” within %d s" % (pattern, timeout))

    def private_memory(self, *guest_sizes):
        """KiB of private memory outside of mappings that have the size of guest memory."""
        return sum(self.process_memory(pid, guest_sizes) for pid in self.processes())

    @staticmethod
    def process_memory(pid, guest_sizes):
        total, size, private = 0, 0, 0
        with open("/proc/%d/smaps" % pid) as smaps:
            for line in smaps:
                if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                    if size not in guest_sizes:
                        total += private
                    size, private = 0, 0
                elif line.startswith("Size:"):
                    size = int(line.split()[1])
                elif line.startswith(("Private_Clean:", "Private_Dirty:")):
                    private += int(line.split()[1])
        return total + (private if size not in guest_sizes else 0)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def ours(folder, engine, lines, memory=MEMORY):
    path = os.path.join(folder, "machine.ini")
    with open(path, "w") as file:
        file.write("[machine]\nname=bench\nuuid=%s\nengine=%s\nmemory=%dM\n%s\n" %
                   ("00000000-0000-4000-8000-000000000001", engine, memory, lines))
    return Machine([vmm, "--definition", path], {"G_MESSAGES_DEBUG": "board"})


def theirs(accel, *arguments, memory=MEMORY):
    return Machine([qemu, "-nodefaults", "-no-user-config", "-machine", "pc,accel=%s" % accel, "-m", str(memory), "-vga", "std", "-display", "none",
                    "-device", "isa-debugcon,iobase=0x402,chardev=debug", "-chardev", "stdio,id=debug", *arguments])


def report(name, mine, other, unit, digits=2):
    print("%-34s %12.*f %-8s QEMU %12.*f %-8s ratio %5.2f" % (name, digits, mine, unit, digits, other, unit, mine / other), flush=True)


def best(function):
    return min(function() for _ in range(RUNS))
