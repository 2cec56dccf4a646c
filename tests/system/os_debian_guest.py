# SPDX-License-Identifier: GPL-3.0-or-later
"""A running machine with the Debian of os_debian.py: a login, commands with their output, what its kernel complains of, beside QEMU's."""
import base64
import gzip
import os
import re
import shutil
import subprocess
import time

from lib import check, equal, spawn, until
from os_debian import MIB, image
from os_media import find, need

WARNINGS = "dmesg -r | grep '^<[0-4]>'"
KNOWN = (
    # A busy host lets the guest stand for longer than a counter takes around.
    r"^hrtimer: interrupt took ", r"^tsc: (Unable to calibrate|PIT calibration deviates)", r"^clocksource: ", "^Unstable clock detected",
    "fail to add MMCONFIG information",  # an i440FX has none
    "CONFIG_IMA_DISABLE_HTABLE is disabled",  # says how the kernel was built
)

# Writes files with their sums, and reads them again from the disk; the file /run/stop ends it.
LOAD = """
load() { # folder, what to call it
  local round=0
  mkdir -p $1
  while [ ! -e /run/stop ]; do
    for i in 1 2 3 4; do head -c $((1000000 + RANDOM * 31)) /dev/urandom > $1/$i & done; wait
    (cd $1; sha256sum 1 2 3 4 > sums)
    sync -f $1; echo 1 > /proc/sys/vm/drop_caches
    (cd $1; sha256sum --quiet -c sums) || { echo "$2 WRONG"; return 1; }
    round=$((round + 1))
  done
  echo "$2 rounds $round"
  [ $round -gt 0 ]
}
"""


def empty(room, name):
    path = room.path(name)
    with open(path, "wb") as file:
        file.truncate(256 * MIB)
    return path


class Guest:
    """`disk`: how the first disk is had, "discard" or "copy".  `others`: (path, bus) of disks behind it."""

    def __init__(self, room, engine, bus="virtio", disk="discard", others=(), settings=(), cpus=1, memory="768M", kind="debian", name="debian"):
        path = image(kind)
        if disk == "copy":
            path = shutil.copy(path, room.path("debian.img"))
        self.machine = room.machine(name, "--disk", path, "--cpus", str(cpus), engine=engine, memory=memory)
        self.machine.vivctl("set", "disk0.bus=" + bus, "disk0.discard=" + ("true" if disk == "discard" else "false"), *settings)
        for number, (other, kind) in enumerate(others, 1):
            self.machine.vivctl("set", "disk%d.path=%s" % (number, other), "disk%d.format=raw" % number, "disk%d.bus=%s" % (number, kind))
        self.count = 0

    def login(self):
        self.machine.start()
        self.machine.wait_serial(r"login: ", 300)  # the kernel may have a word behind it
        self.machine.vivctl("serial", "--send", "root\\n")
        self.machine.wait_serial(r"^debian# ", 120)  # likewise
        self.machine.vivctl("serial", "--send", "stty -echo; export PS1= PS2=; dmesg -n 1; exec bash --noediting --norc\\n")
        time.sleep(1)
        self.run("true")

    def send(self, text):
        """Gives the shell a script of any length and returns where its output begins and what ends it."""
        self.count += 1
        packed = base64.b64encode(gzip.compress(text.encode())).decode()
        lines = [packed[i:i + 200] for i in range(0, len(packed), 200)]
        since = len(self.machine.serial())
        self.machine.vivctl("serial", "--send", "base64 -d <<END | gzip -d > /run/command%d\\n" % self.count)
        for i in range(0, len(lines), 4):
            self.machine.vivctl("serial", "--send", "".join(line + "\\n" for line in lines[i:i + 4]))
        self.machine.vivctl("serial", "--send", "END\\nbash /run/command%d; echo \"STATUS %d $?\"\\n" % (self.count, self.count))
        return since, self.count

    def finish(self, job, timeout=120):
        """A sent script's output; its status is 0."""
        since, number = job
        match, _ = self.machine.wait_serial(r"^.*STATUS %d (\d+)\r?$" % number, timeout, since)
        text = self.machine.serial()[since:].replace("\r", "")
        text = text[:text.rindex("STATUS %d " % number)].lstrip("> \n")
        check(match[1] == "0", "status %s of the guest's script\n%s" % (match[1], text[-3000:]))
        return text

    def run(self, text, timeout=120):
        return self.finish(self.send(text), timeout)

    def warnings(self):
        """What the kernel has complained of since the start; numbers and times are left out."""
        return normal(self.run(WARNINGS + " || true"))

    def power_off(self):
        self.machine.vivctl("serial", "--send", "systemctl poweroff\\n")
        self.machine.wait_state("off", 120)


def normal(text):
    return {re.sub(r"0x[0-9a-f]+|[0-9a-f]{4,}|\d+", "N", re.sub(r"^<\d+>\[[ 0-9.]+\] ", "", line)).strip() for line in text.splitlines() if line.startswith("<")}


# The disk that all starts from, and the one with a script, which is read only once all is there.
DISKS = {
    "virtio": ["-device", "virtio-blk-pci,drive=root,bootindex=0", "-device", "ide-hd,drive=script"],
    "scsi": ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=root,bootindex=0", "-device", "ide-hd,drive=script"],
    "ahci": ["-device", "ide-hd,drive=root,bus=ide.0,bootindex=0", "-device", "ide-hd,drive=script,bus=ide.1"],
}
# What a q35 has beside its own: ports, each kind of disk controller, USB.
MORE = {"pc": [], "q35": ["-device", "pcie-root-port,chassis=1", "-device", "pcie-root-port,chassis=2", "-device", "qemu-xhci", "-device", "usb-tablet",
                          "-drive", "if=none,id=other,format=raw,file.driver=null-co,file.size=64M", "-device", "nvme,drive=other,serial=1"]}
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"


def flash():
    """OVMF and its variables, which are dropped."""
    return [word for unit, path in enumerate(OVMF) for word in
            ("-drive", "if=pflash,unit=%d,format=raw,%s,file.locking=off,file.filename=%s" % (unit, "snapshot=on" if unit else "readonly=on", find(path, "ovmf")))]


def tpm(room, model):
    """QEMU's options for a TPM, which ends with it."""
    state, socket = room.path("qemu-tpm"), room.path("qemu-tpm.socket")
    need(("swtpm", "swtpm"))
    os.makedirs(state, exist_ok=True)
    spawn(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state, "--ctrl", "type=unixio,path=" + socket, "--terminate"])
    until(lambda: os.path.exists(socket), 20, "swtpm's socket")
    return ["-chardev", "socket,id=tpm,path=" + socket, "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-%s,tpmdev=tpm" % model]


def theirs(room, bus, cpus=1, memory=768, kind="debian", machine="pc", firmware="bios", tpm_model=None):
    """The warnings of the same image under QEMU, on the same bus; None where it is not installed."""
    if shutil.which("qemu-system-x86_64") is None:
        return None
    serial, script = room.path("qemu.serial"), room.path("qemu-script.img")
    with open(script, "w", encoding="ascii") as file:
        file.write("#!/bin/bash -auto\nudevadm settle -t 120\nsleep 5\n(echo; %s; echo THE END) > /dev/ttyS0\n" % WARNINGS)
        file.truncate(1 << 20)
    process = subprocess.Popen(["qemu-system-x86_64", "-nodefaults", "-machine", machine + ",accel=tcg", "-cpu", "max", "-m", str(memory), "-smp", str(cpus), "-vga", "std", "-display", "none",
                                "-serial", "file:" + serial, "-drive", "if=none,id=root,format=raw,snapshot=on,file.locking=off,file.filename=" + image(kind),
                                "-drive", "if=none,id=script,format=raw,snapshot=on,file.locking=off,file.filename=" + script, *DISKS[bus], *MORE[machine],
                                *(flash() if firmware == "uefi" else ()), *(tpm(room, tpm_model) if tpm_model else ())], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def said():
        check(process.poll() is None, "QEMU has ended")
        if not os.path.exists(serial):
            return None
        with open(serial, encoding="utf-8", errors="replace") as file:
            text = file.read()
        return text if re.search(r"^THE END", text, re.M) else None
    try:
        return normal(until(said, 400, "QEMU's Debian", 1).replace("\r", ""))
    finally:
        process.kill()
        process.wait()


def new(warnings, known=()):
    """Those that are neither on the list nor known."""
    return {line for line in warnings if not any(re.search(expected, line) for expected in KNOWN)} - set(known)


def no_more_than(room, bus, mine):
    """Fails where ours complains of what QEMU's doesn't."""
    other = theirs(room, bus)
    extra = new(mine, other or ())
    equal(sorted(extra), [], "complaints of the kernel that %s has not" % ("QEMU's" if other is not None else "the list"))
