#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""USB of a Linux guest beside QEMU's, each on its software processor.   tests/bench/usb.py BUILD [xhci | ehci]

One start a controller and monitor, as that is what takes the time.  Disks: their images are in the host's cache; MiB a second by the clock, and the processors' time of the
whole machine for each, which other work on the host changes less.  Idle: how often the machine's threads sleep and wake in a second while a program listens to the tablet.
Latency: from the start of “vivctl pointer” to the guest's evdev, without what vivctl takes where it sends nothing; QEMU is told over a socket of QMP."""
import glob
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from devices import APPEND, MEMORY, Skip, kernel_and_initrd
from measure import Machine, build, qemu, theirs, vmm
from os_media import whole_kernel

CORE = ("drivers/usb/common/usb-common.ko", "drivers/usb/core/usbcore.ko")
HOSTS = {"xhci": ("drivers/usb/host/xhci-hcd.ko", "drivers/usb/host/xhci-pci.ko"),
         "ehci": ("drivers/usb/host/ehci-hcd.ko", "drivers/usb/host/ehci-pci.ko")}
HID = ("drivers/hid/hid.ko", "drivers/hid/hid-generic.ko", "drivers/hid/usbhid/usbhid.ko", "drivers/input/evdev.ko")
STORAGE = ("crypto/crct10dif_common.ko", "crypto/crct10dif_generic.ko", "lib/crc-t10dif.ko", "lib/crc64.ko", "crypto/crc64_rocksoft_generic.ko",
           "lib/crc64-rocksoft.ko", "block/t10-pi.ko", "drivers/scsi/scsi_common.ko", "drivers/scsi/scsi_mod.ko", "drivers/scsi/sd_mod.ko", "drivers/usb/storage/usb-storage.ko")
UAS = ("drivers/usb/storage/uas.ko",)
CONTROLLERS = {"xhci": "qemu-xhci,id=usb", "ehci": "ich9-usb-ehci1,id=usb"}
# Disks by controller: name, device, requests of 64 KiB.  An EHCI looks once a millisecond or less.
DISKS = {"xhci": (("xhci", "sda", 600), ("xhci-uas", "sdb", 600)), "ehci": (("ehci", "sda", 100),)}
DIRECTIONS = ("read", "write")
BYTES = 65536
DEPTH = 8
IDLE_SECONDS = 5
EVENTS = 15
VIVCTL = os.path.join(build, "src/cli/vivctl")


# -- Machines -----------------------------------------------------------------------------------------


class Ours:
    def __init__(self, folder, model, kernel, initrd, images):
        env = dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, XDG_STATE_HOME=folder, VIVARIUM_DATA_DIR=os.path.join(folder, "data-" + model),
                   XDG_RUNTIME_DIR=os.path.join(folder, "run-" + model))
        os.makedirs(os.path.join(env["XDG_RUNTIME_DIR"], "vivarium"), 0o700)
        self.env = env
        self.vivctl("create", "--name", "bench", "--memory", "%dM" % MEMORY, "--kernel", kernel, "--initrd", initrd, "--append", APPEND)
        self.vivctl("set", "bench", "machine.engine=software", "input.pointer=usb", "usb0.model=" + model)
        for n, image in enumerate(images):
            self.vivctl("set", "bench", "disk%d.path=%s" % (n, image), "disk%d.format=raw" % n, "disk%d.bus=usb" % n, "disk%d.uas=%s" % (n, "true" if n else "false"))
        definition = glob.glob(os.path.join(env["VIVARIUM_DATA_DIR"], "**", "machine.ini"), recursive=True)[0]
        with open(definition) as file:
            uuid = re.search(r"^uuid *= *(\S+)", file.read(), re.M)[1]
        self.machine = Machine([vmm, "--definition", definition, "--folder", os.path.dirname(definition), "--socket",
                                os.path.join(env["XDG_RUNTIME_DIR"], "vivarium", uuid + ".sock")], dict(env, G_MESSAGES_DEBUG="board"))

    def vivctl(self, *arguments):
        subprocess.run([VIVCTL, *arguments], env=self.env, check=True, capture_output=True)

    def send(self, n):
        """An event; seconds of what this takes that are none of the event's."""
        start = time.monotonic()
        own = []
        for _ in range(3):
            before = time.monotonic()
            self.vivctl("pointer", "bench", "sleep", "0")
            own.append(time.monotonic() - before)
        spent = time.monotonic() - start
        subprocess.run([VIVCTL, "pointer", "bench", "wheel", "1" if n % 2 else "-1"], env=self.env, check=True)
        return spent + min(own)


class Theirs:
    def __init__(self, folder, model, kernel, initrd, images):
        self.path = os.path.join(folder, "qmp-" + model)
        more = ["-device", CONTROLLERS[model], "-qmp", "unix:%s,server=on,wait=off" % self.path]
        if model == "xhci":
            more += ["-device", "usb-tablet"]
        for n, image in enumerate(images):
            more += ["-drive", "if=none,id=disk%d,format=raw,file=%s" % (n, image)]
        more += ["-device", "usb-storage,bus=usb.0,drive=disk0"]
        if len(images) > 1:
            more += ["-device", "usb-uas,bus=usb.0,id=uas", "-device", "scsi-hd,bus=uas.0,drive=disk1"]
        self.machine = theirs("tcg", "-serial", "null", "-no-reboot", "-kernel", kernel, "-initrd", initrd, "-append", APPEND, *more, memory=MEMORY)

    def send(self, n):
        button = "wheel-up" if n % 2 else "wheel-down"
        events = [{"type": "btn", "data": {"down": down, "button": button}} for down in (True, False)]
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self.path)
            talk = link.makefile("rw")
            for question in ({"execute": "qmp_capabilities"}, {"execute": "input-send-event", "arguments": {"events": events}}):
                talk.readline()
                talk.write(json.dumps(question) + "\n")
                talk.flush()
            talk.readline()  # or the question goes with the link
        return 0


# -- What is measured -----------------------------------------------------------------------------------


def disk(machine, name, amount):
    """(MiB a second, microseconds of processors for one)."""
    start, end = machine.wait("bench %s begin" % name, 300), machine.wait("bench %s end" % name, 300)
    times = [when for when, _ in machine.lines]
    return amount / (end - start), (machine.cpu[times.index(end)] - machine.cpu[times.index(start)]) / amount * 1e6


def switches(machine):
    """How often each of its threads has gone to sleep so far."""
    found = {}
    for pid in machine.processes():
        for path in glob.glob("/proc/%d/task/*/status" % pid):
            try:
                with open(path) as file:
                    found[path] = sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
            except OSError:
                pass
    return found


def wakes(machine):
    machine.wait("bench listen begin", 300)
    time.sleep(2)
    before, start = switches(machine), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after = switches(machine)
    return sum(n - before.get(path, 0) for path, n in after.items()) / (time.monotonic() - start)


def heard(machine):
    return [when for when, line in machine.lines if when is not None and "bench listen event" in line]


def latency(who):
    """Milliseconds; the median."""
    took = []
    for n in range(EVENTS):
        before, start = len(heard(who.machine)), time.monotonic()
        own = who.send(n)
        end = time.monotonic() + 20
        while len(heard(who.machine)) <= before:
            if time.monotonic() > end:
                raise RuntimeError("an event did not come")
            time.sleep(0.0005)
        took.append((who.machine.start + heard(who.machine)[before] - start - own) * 1000)
        time.sleep(0.1)
    return statistics.median(took)


def run(make, folder, model, kernel, initrd, images):
    who = make(folder, model, kernel, initrd, images)
    found = {}
    try:
        for name, _, requests in DISKS[model]:
            for direction in DIRECTIONS:
                key = "%s-%s" % (name, direction)
                found[key] = disk(who.machine, key, requests * BYTES / (1 << 20))
        if model == "xhci":
            found["wakes"] = wakes(who.machine)
            found["latency"] = latency(who)
    finally:
        who.machine.end()
    return found


def bench(folder, model):
    images = []
    for name, _, _ in DISKS[model]:
        images.append(os.path.join(folder, name + ".img"))
        with open(images[-1], "wb") as file:
            file.write(os.urandom(1 << 20) * 64)
    lines = ["block %s-%s /dev/%s %s sequential %d %d 1 %d" % (name, direction, device, direction, BYTES, DEPTH, requests)
             for name, device, requests in DISKS[model] for direction in DIRECTIONS]
    modules = CORE + HOSTS[model] + STORAGE
    if model == "xhci":
        modules += UAS + HID
        lines.append("listen listen 60")
    kernel, initrd = kernel_and_initrd(folder, modules, lines, whole_kernel)
    mine, other = run(Ours, folder, model, kernel, initrd, images), run(Theirs, folder, model, kernel, initrd, images)
    for key, value in mine.items():
        if key == "wakes":
            print("%-18s %9.1f wakes/s  QEMU %9.1f wakes/s" % ("idle tablet", value, other[key]), flush=True)
        elif key == "latency":
            print("%-18s %9.2f ms  QEMU %9.2f ms  ratio %5.2f" % ("pointer to evdev", value, other[key], value / other[key]), flush=True)
        else:
            (rate, spent), (their_rate, their_spent) = value, other[key]
            print("%-18s %9.0f MiB/s  QEMU %9.0f MiB/s  ratio %5.2f     %7.1f us of processors, QEMU %7.1f us, ratio %5.2f" %
                  (key, rate, their_rate, rate / their_rate, spent, their_spent, spent / their_spent), flush=True)


def main():
    if qemu is None:
        sys.exit("qemu-system-x86_64 is not installed; ./dev bench installs it")
    print("-- USB under Linux, beside QEMU's on TCG; load %.1f" % os.getloadavg()[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="vivarium-bench-") as folder:
        for name in sys.argv[2:] or ("xhci", "ehci"):
            try:
                bench(folder, name)
            except Skip as reason:
                print("skipped: %s" % reason)
                return


if __name__ == "__main__":
    main()
