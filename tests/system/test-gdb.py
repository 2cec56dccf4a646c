#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's gdb, unchanged, at machines: a boot sector in real mode, a program of 32 bits with paging, and Linux by addresses.
test-gdb.py ENGINE [interpret|translate] [CASE…]"""
import json
import os
import re
import subprocess
import sys

from lib import PATIENCE, VIVCTL, Failure, Room, Skip, Tap, check, engine_argument, equal, kvm_interprets, need_programs, spawn, until
from os_media import initramfs, installer

# Counts at 0x600, in a function, and copies the count to 0x604.
REAL = """
.code16
.globl _start, again, count
_start: cli
  xor %ax, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov $0x7c00, %sp
  movl $0, 0x600
again: call count
  jmp again
count: incl 0x600
  mov 0x600, %bx
  mov %bx, 0x604
  ret
.org 510
.word 0xaa55
"""

# Maps the first 4 MiB at 0 and at 0x40000000, where it counts.
PROTECTED = """
.code16
.globl _start, again, count, done
_start: cli
  xor %ax, %ax
  mov %ax, %ds
  mov %ax, %ss
  mov $0x7c00, %sp
  lgdtl gdtr
  mov %cr0, %eax
  or $1, %eax
  mov %eax, %cr0
  ljmpl $8, $flat
.code32
flat: mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $0x9000, %edi
  xor %eax, %eax
  mov $1024, %ecx
  rep stosl
  movl $0x83, 0x9000
  movl $0x83, 0x9400
  mov $0x9000, %eax
  mov %eax, %cr3
  mov %cr4, %eax
  or $0x10, %eax
  mov %eax, %cr4
  mov %cr0, %eax
  or $0x80000000, %eax
  mov %eax, %cr0
  movl $0, 0x40000600
again: call count
  cmpl $0x1234, 0x40000604
  jne again
done: jmp done
count: incl 0x40000600
  mov 0x40000600, %ebx
  ret
.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr: .word 23
  .long gdt
.org 510
.word 0xaa55
"""

LINUX = """#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
echo 0 > /proc/sys/kernel/kptr_restrict
grep -E ' (__x64_sys_getpid|__do_sys_getpid|jiffies|jiffies_64)$' /proc/kallsyms
echo "RESULT ready"
while :; do sh -c 'echo $$' > /dev/null; done
"""


def boot_sector(room, name, source):
    """Its image and the addresses of its labels."""
    need_programs("as", "ld", "objcopy", "nm")
    path = room.path(name)
    with open(path + ".s", "w", encoding="utf-8") as file:
        file.write(source)
    subprocess.run(["as", "--32", "-o", path + ".o", path + ".s"], check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "-o", path + ".elf", path + ".o"], check=True, capture_output=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", path + ".elf", path + ".bin"], check=True)
    with open(path + ".bin", "rb") as file:
        data = file.read()
    with open(path + ".img", "wb") as file:
        file.write(data + bytes(1474560 - len(data)))
    labels = subprocess.run(["nm", path + ".elf"], check=True, capture_output=True, text=True).stdout
    return path + ".img", {name: int(address, 16) for address, name in re.findall(r"^(\w+) \w (\w+)$", labels, re.M)}


class Debugger:
    """vivctl debug, and gdb by batches."""

    def __init__(self, machine, *options):
        self.machine = machine
        self.socket = machine.room.path(machine.name + ".gdb")
        self.process = spawn([VIVCTL, "debug", machine.name, "--socket", self.socket, *options],
                             env=machine.room.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(lambda: os.path.exists(self.socket), 30, "vivctl debug listens")

    def run(self, *commands, before=(), timeout=120, leave="detach"):
        """What gdb prints."""
        script = self.machine.room.path("script.gdb")
        with open(script, "w", encoding="utf-8") as file:
            file.write("\n".join(["set pagination off", "set confirm off", "set tcp connect-timeout 20", *before, "target remote " + self.socket,
                                  *commands, leave, ""]))
        result = subprocess.run(["gdb", "-nx", "-batch", "-x", script], env=self.machine.room.env, capture_output=True, text=True,
                                timeout=timeout * PATIENCE, stdin=subprocess.DEVNULL, errors="replace")
        return result.stdout + result.stderr


def value(text, name):
    found = re.search(r"^%s=(.*)$" % re.escape(name), text, re.M)
    if found is None:
        raise Failure("gdb did not print %s:\n%s" % (name, text))
    return found[1]


def number(text, name):
    return int(value(text, name), 0)


def show(name, expression):
    return 'printf "%s=%%#lx\\n", (long)(%s)' % (name, expression)


def memory(name, address, kind="int"):
    return 'printf "%s=%%#x\\n", *(unsigned %s *)%#x' % (name, kind, address)


def started(room, name, image, engine):
    machine = room.machine(name, "--floppy", image, "--boot", "a", engine=engine, memory="16M")
    machine.start("--paused")
    return machine


def watches(engine):
    """A KVM that emulates ring 0 looks at breakpoints there, and at no data."""
    return engine != "kvm" or not kvm_interprets()


def real(room, engine):
    image, at = boot_sector(room, "real", REAL)
    machine = started(room, "real", image, engine)
    gdb = Debugger(machine, "--bits", "32")
    text = gdb.run("set architecture i8086", show("reset", "$pc"), show("ip", "$ip"), "x/i $pc",
                   "break *%#x" % at["count"], "continue", show("first", "$pc"), memory("before", 0x600),
                   "stepi", show("second", "$pc"), memory("after", 0x600),
                   "set var *(int *)0x600 = 500", "set var $ebx = 7", show("ebx", "$ebx"), "stepi", show("copied", "$ebx"),
                   "delete", *(["watch *(short *)0x604", "continue", "continue", memory("watched", 0x604, "short")] if watches(engine) else []),
                   before=["set architecture i8086"])
    equal(number(text, "reset") & 0xffffffff, 0xfffffff0, "where a processor begins\n" + text)
    equal(number(text, "ip"), 0xfff0, "its offset")
    check("ljmp" in text, "16-bit code is disassembled as such:\n" + text)
    equal(number(text, "first"), at["count"], "the breakpoint\n" + text)
    equal(number(text, "before"), 0, "nothing was counted yet")
    equal(number(text, "after"), 1, "a step counts")
    equal(number(text, "second"), at["count"] + 5, "a step goes on by an instruction\n" + text)
    equal(number(text, "ebx"), 7, "a register that was set")
    equal(number(text, "copied"), 500, "memory that was set is what the guest reads")
    if watches(engine):
        equal(number(text, "watched"), 501, "the watchpoint\n" + text)
    # It was paused when the debugger came, which let it run: so it runs on, and nothing stops it any more.
    until(lambda: machine.state == "running", 60, "the machine runs on")
    text = gdb.run(memory("later", 0x600))
    check(number(text, "later") > 600, "it has counted on: " + text)
    equal(machine.state, "running", "a look leaves a machine that ran running")
    twice = gdb.run("info all-registers", "echo SECOND\\n", "info all-registers").split("SECOND\n")
    check("eflags" in twice[0] and twice[1].splitlines()[0] in twice[0], "registers are the same at the second look")
    equal(re.findall(r"^(e?\w\w|cr\d|st\d|xmm\d)\s+(\S+)", twice[0], re.M), re.findall(r"^(e?\w\w|cr\d|st\d|xmm\d)\s+(\S+)", twice[1], re.M), "registers")


def protected(room, engine):
    if engine == "kvm" and kvm_interprets():
        raise Skip("KVM here has neither paging of 32 bits nor watchpoints")
    image, at = boot_sector(room, "protected", PROTECTED)
    machine = started(room, "protected", image, engine)
    gdb = Debugger(machine, "--bits", "32")
    text = gdb.run("break *%#x" % at["count"], "continue", show("pc", "$pc"), "delete",
                   "watch *(int *)0x40000600", "continue", memory("counted", 0x40000600), memory("same", 0x600), show("behind", "$pc"),
                   "delete", "hbreak *%#x" % at["done"], "set var *(int *)0x40000604 = 0x1234", "continue", show("done", "$pc"), "monitor page-walk 0x40000600",
                   "monitor info registers", "monitor x 0x40000604 4", "maintenance packet Qvivarium.PhysicalMemory:1", memory("physical", 0x604),
                   'printf "flags=%#x\\n", *(unsigned *)0x9400', 'printf "upper=%#x\\n", $ymm1.v8_int32[7]')
    equal(number(text, "pc"), at["count"], "the breakpoint\n" + text)
    equal(number(text, "counted"), number(text, "same"), "one page at two addresses")
    check(number(text, "counted") >= 1, "the watchpoint comes behind the write\n" + text)
    equal(number(text, "behind"), at["count"] + 6, "the instruction behind it\n" + text)
    equal(number(text, "done"), at["done"], "changed memory leads there\n" + text)
    check("0x0000000000000600" in text and "4096 KiB" in text, "the walk:\n" + text)
    check("protected, 32-bit" in text and "34 12 00 00" in text, "the prompt's commands:\n" + text)
    equal(number(text, "physical"), 0x1234, "physical memory\n" + text)
    # The guest has used both entries by itself; looking set nothing more: accessed, and dirty for the upper one alone where it wrote.
    equal(number(text, "upper"), 0, "no AVX is on: the upper halves are empty\n" + text)
    equal(number(text, "flags") & ~0x60, 0x83, "the entry is the guest's")


def reset(room, engine):
    if engine == "kvm" and kvm_interprets():
        raise Skip("KVM here knows no triple fault of this kind: it begins the instruction again for ever")
    image, at = boot_sector(room, "resets", REAL.replace("incl 0x600", "lidt none; int3; none: .word 0, 0, 0; incl 0x600"))
    machine = started(room, "resets", image, engine)
    gdb = Debugger(machine, "--bits", "32")
    text = gdb.run("monitor stop-at triple-fault on", "monitor stop-at reset on", "continue", show("fault", "$pc"), "continue", show("reset", "$pc"),
                   "monitor stop-at triple-fault off", "monitor info cpus")
    check("SIGSEGV" in text, "the triple fault is shown:\n" + text)
    check(at["count"] <= number(text, "fault") < at["count"] + 12, "where it was:\n" + text)
    equal(number(text, "reset") & 0xffffffff, 0xfffffff0, "the first instruction behind a reset:\n" + text)
    check("real mode" in text, "the prompt in gdb:\n" + text)


def interrupt(room, engine):
    image, _ = boot_sector(room, "interrupted", REAL)
    machine = room.machine("interrupted", "--floppy", image, "--boot", "a", "--cpus", "2", engine=engine, memory="16M")
    machine.start()
    gdb = Debugger(machine)
    text = gdb.run("info threads", "python\nimport threading, os, signal, time\n"
                   "threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\nend", "continue", show("stopped", "$pc"))
    check("processor 1" in text and "processor 0" in text, "both processors are threads:\n" + text)
    check("SIGINT" in text, "it was interrupted:\n" + text)
    until(lambda: machine.state == "running", 60, "it runs on")
    # Whoever is killed leaves nothing either.
    client = subprocess.Popen(["gdb", "-nx", "-q", "-ex", "target remote " + gdb.socket, "-ex", "break *0x7c00"], env=room.env, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: machine.state == "paused", 60, "the second debugger stops it")
    refused = gdb.run("info threads", leave="echo")
    check("processor" not in refused, "one debugger at a time:\n" + refused)
    client.kill()
    client.wait()
    until(lambda: machine.state == "running", 60, "a debugger that was killed lets it go")


def prompt(room, engine):
    if engine == "kvm" and kvm_interprets():
        raise Skip("KVM here has no paging of 32 bits")
    image, at = boot_sector(room, "prompt", PROTECTED)
    machine = room.machine("prompt", "--floppy", image, "--boot", "a", engine=engine, memory="16M")
    machine.start()
    until(lambda: "protected, 32-bit" in machine.vivctl("monitor", "-c", "info cpus").stdout, 100, "the program runs")
    devices = json.loads(machine.vivctl("monitor", "--json", "-c", "info devices").stdout)["devices"]
    check(any(device["id"] == "pic" or device["class"] == "pic" for device in devices) if isinstance(devices, list) else "pic" in devices, "devices: %s" % devices)
    pci = json.loads(machine.vivctl("monitor", "--json", "-c", "info pci").stdout)
    check(any(function["class"].startswith("06") for function in pci["functions"]), "a host bridge: %s" % pci)
    refused = machine.vivctl("monitor", "-c", "nonsense", ok=False)
    check(refused.returncode == 1 and "help" in refused.stderr, "words for what isn't there: " + refused.stderr)
    many = subprocess.run([VIVCTL, "monitor", machine.name], input="info status\npage-walk 0x40000600\nquit\n", env=room.env, capture_output=True, text=True,
                          timeout=60, check=True).stdout
    check("running" in many and "4096 KiB" in many, "commands from a file: " + many)
    rows = json.loads(machine.vivctl("monitor", "--json", "-c", "help").stdout)["commands"]
    check(len(rows) > 15, "the list of commands: %s" % rows)
    for row in rows:
        line = re.sub(r" ?\[.*", "", row["command"]).replace("ADDRESS", "0x7c00").replace("ID", "pic")
        if line not in ("reset", "disassemble"):
            answer = machine.vivctl("monitor", "--json", "-c", line)
            check(isinstance(json.loads(answer.stdout), dict) and json.loads(answer.stdout), "“%s” as JSON: %s" % (line, answer.stdout))
    code = machine.vivctl("monitor", "--json", "-c", "disassemble 0x7c00 32", ok=False)
    if "libcapstone" not in code.stderr:
        code = json.loads(code.stdout)["code"]
        check(len(code) > 3 and code[0]["address"] == "0x%016x" % 0x7c00 and all(line["instruction"] for line in code), "instructions: %s" % code)
    block = machine.vivctl("monitor", "-c", "info block").stdout
    check(re.search(r"^floppy0 +floppy 0 +\d+ ", block, re.M), "the drive that it came from: " + block)
    core = room.path("core")
    machine.vivctl("dump", core)
    equal(machine.state, "running", "it runs on")
    text = subprocess.run(["gdb", "-nx", "-batch", "-ex", "info registers rip", "-ex", "x/2xb 0x7dfe", "-c", core], env=room.env, capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL, check=False)
    check("0x55" in text.stdout and "0xaa" in text.stdout, "memory of the core file: " + text.stdout + text.stderr)
    rip = re.search(r"rip\s+(0x[0-9a-f]+)", text.stdout)
    check(rip and at["again"] <= int(rip[1], 16) < at["again"] + 64, "its registers: " + text.stdout)


def linux(room, engine):
    kernel, _ = installer("amd64", "text")
    machine = room.machine("linux", "--kernel", kernel, "--initrd", initramfs(room, "gdb", [], LINUX), "--append", "console=ttyS0 quiet nokaslr", "--cpus", "2",
                           engine=engine, memory="256M")
    machine.start()
    machine.wait_serial(r"RESULT ready", 300)
    addresses = dict((name, int(address, 16)) for address, name in re.findall(r"([0-9a-f]{16}) \w (\w+)", machine.serial()))
    getpid = addresses.get("__x64_sys_getpid") or addresses.get("__do_sys_getpid")
    check(getpid, "the kernel told its addresses: %s" % addresses)
    gdb = Debugger(machine)
    text = gdb.run("break *%#x" % getpid, "continue", 'printf "pc=%#lx\\n", $rip', 'printf "bytes=%#lx\\n", *(unsigned long *)$rip', "stepi", "stepi",
                   'printf "stepped=%#lx\\n", $rip', "delete", 'printf "jiffies=%%lu\\n", *(unsigned long *)%#x' % (addresses.get("jiffies") or addresses["jiffies_64"]),
                   "watch *(long *)%#x" % (addresses.get("jiffies") or addresses["jiffies_64"]), "continue",
                   "monitor page-walk %#x" % getpid, "p $k_gs_base != 0 || $gs_base != 0", "info threads", timeout=400)
    equal(number(text, "pc"), getpid, "the breakpoint\n" + text)
    check(number(text, "stepped") != getpid, "a step\n" + text)
    check("Hardware watchpoint" in text and "New value" in text, "the watchpoint\n" + text)
    check("PML4" in text and "processor 1" in text, "page walk and processors\n" + text)
    length = len(machine.serial())
    until(lambda: machine.state == "running", 60, "it runs on")
    machine.vivctl("stop", "--force")
    check(length > 0, "a serial line")


CASES = {"real": real, "protected": protected, "reset": reset, "interrupt": interrupt, "prompt": prompt, "linux": linux}


def main():
    engine = engine_argument()
    words = sys.argv[2:]
    if words and words[0] in ("interpret", "translate"):
        os.environ["VIVARIUM_SOFT"] = words.pop(0)
    need_programs("gdb")
    tap = Tap()
    for name in words or ["real", "protected", "reset", "interrupt", "prompt"]:
        with tap.point(name), Room() as room:
            try:
                CASES[name](room, engine)
            except Failure as failure:
                if engine == "kvm" and "can't do that" in str(failure):
                    raise Skip("KVM here has no debugging of guests: " + str(failure).splitlines()[0]) from failure
                raise
    tap.done()


main()
