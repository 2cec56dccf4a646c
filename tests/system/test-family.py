#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each process of a machine's family, killed at random moments: nothing of the family lives on, holds a lock or leaves a file.

Orphans become children of this program (PR_SET_CHILD_SUBREAPER), so what it started and what they started is found by parentage, whatever a
process calls itself.  Argument: "quick" or "long"; VIVARIUM_TEST_ROUNDS says another number of rounds for each victim, VIVARIUM_TEST_SEED
repeats a run's choices (not its moments to the microsecond).
"""
import contextlib
import ctypes
import fcntl
import glob
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from lib import Failure, PATIENCE, Room, SLOW, Tap, VIVCTL, WELCOME, check, equal, skip_all, until

PR_SET_CHILD_SUBREAPER = 36
F_OFD_GETLK = 36
SPAN = 0.4  # seconds in which a moment falls, where what is disturbed doesn't say how long it takes
MOMENTS = ("start", "run", "save", "stop")
# Of the 300 of a long run.  The owner is the `vivctl run` that a machine ends with.
VICTIMS = {"broker": 90, "monitor": 90, "helper": 60, "owner": 60}
PROGRAMS = {"vivarium-broker": "broker", "vivarium-vmm": "monitor", "vivarium-vnc": "helper"}


# -- Processes ---------------------------------------------------------------------------------------


def stat_of(pid):
    """(parent, name, when it began), or None."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2:].split()
    return int(fields[1]), text[text.index(b"(") + 1:text.rindex(b")")].decode(), int(fields[19])


def descendants():
    """{pid: (parent, name, when it began)} of all that this program and its children started, zombies too."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat is not None:
                table[int(name)] = stat
    ours, found = {os.getpid()}, {}
    while True:
        more = {pid: stat for pid, stat in table.items() if stat[0] in ours and pid not in found}
        if not more:
            return found
        found.update(more)
        ours.update(more)


def reap(known):
    """Orphans that have ended.  `known`: a Popen waits for its own."""
    for pid, (parent, _, _) in descendants().items():
        if parent == os.getpid() and (known is None or pid != known.pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def find(role):
    """pid and beginning of a process of this role; None: there is none (yet)."""
    for pid, (_, name, began) in descendants().items():
        if PROGRAMS.get(name) == role:
            return pid, began
    return None


def kill(pid, began):
    """SIGKILL for that very process."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    stat = stat_of(pid)
    if stat is not None and stat[2] == began:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    os.close(fd)


def all_gone(known=None):
    reap(known)
    return not descendants()


# -- A round -----------------------------------------------------------------------------------------


class Rounds:
    def __init__(self, room, rng):
        self.room, self.rng = room, rng
        self.command = None  # the vivctl under way
        self.spans = {}      # how long what is disturbed takes undisturbed
        for name in "saved", "tmp":
            os.mkdir(room.path(name))
        room.env["TMPDIR"] = room.path("tmp")
        self.floppy = room.path("floppy.img")
        shutil.copy(WELCOME, self.floppy)
        self.vnc = ("127.0.0.1:0", "unix:" + room.path("screen"))
        room.vivctl("create", "--name", "Kept", "--engine", "software", "--memory", "8M", "--floppy", self.floppy, "--disk-size", "16M",
                    "--vnc", self.vnc[0])

    def call(self, *arguments):
        self.command = subprocess.Popen([VIVCTL, *arguments], env=self.room.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")
        return self.command

    def finish(self):
        """(status, what it said) of the command under way."""
        command, self.command = self.command, None
        try:
            said = command.communicate(timeout=60 * PATIENCE)[0]
        except subprocess.TimeoutExpired:
            command.kill()
            raise Failure("this did not end: " + " ".join(command.args)) from None
        return command.returncode, said

    def measured(self, moment, *arguments):
        began = time.monotonic()
        self.call(*arguments)
        status, said = self.finish()
        equal(status, 0, "%s: %s" % (" ".join(arguments), said))
        self.spans[moment] = 1.2 * (time.monotonic() - began)

    def measure(self):
        self.measured("start", "start", "Kept")
        self.measured("save", "save", "Kept", self.room.path("saved", "state"))
        self.measured("stop", "stop", "--force", "Kept")
        until(all_gone, 40, "an end of all processes", step=0.01)
        os.unlink(self.room.path("saved", "state"))
        self.files = sorted(os.listdir(self.room.path("machines", "Kept")))

    def start(self, owned):
        if owned:
            self.call("run", "--name", "Run", "--headless", "--engine", "software", "--memory", "8M", "--floppy", self.floppy,
                      "--serial", "socket", "--vnc", self.rng.choice(self.vnc))
        else:
            self.call("start", "Kept")

    def wait_until_up(self, owned, name):
        if not owned:
            equal(self.finish()[0], 0, "the status of vivctl start")
        else:
            until(lambda: self.look(name) == "running" or self.command.poll() is not None, 60, "a start of Run", step=0.02)
            check(self.command.poll() is None, "vivctl run ended: %s" % (self.finish() if self.command.poll() is not None else "",))
        until(lambda: find("helper"), 30, "a helper", step=0.01)

    def look(self, name):
        return next((m["state"] for m in self.room.list() if m["name"] == name), None)

    def strike(self, victim):
        """Kills the process, at the latest when it comes to be.  FALSE: there was none before the command's end."""
        if victim == "owner":
            self.command.kill()
            return True
        while True:
            over = self.command is None or self.command.poll() is not None
            found = find(victim)
            if found is not None:
                kill(*found)
                return True
            if over:
                return False

    def one(self, victim, moment, owned):
        name = "Run" if owned else "Kept"
        self.start(owned)
        if moment != "start":
            self.wait_until_up(owned, name)
        owner = self.command if owned else None
        if moment == "save":
            self.call("save", name, self.room.path("saved", "state"))
        elif moment == "stop":
            self.call("stop", "--force", name)
        time.sleep(self.rng.random() * self.spans.get(moment, SPAN))
        if victim == "owner":
            owner.kill()
        else:
            self.strike(victim)
        status = 0
        if self.command not in (None, owner):
            status = self.finish()[0]
        elif self.command is not None and not owned:
            self.finish()
        equal(os.listdir(self.room.path("saved")), ["state"] if moment == "save" and status == 0 else [], "saved (status %d)" % status)
        if victim == "helper" and moment in ("run", "save"):
            # The machine lives and has another one.
            until(lambda: find("helper"), 30, "another helper", step=0.01)
            check(self.look(name) == ("paused" if moment == "save" else "running"), "the machine is " + str(self.look(name)))
        if victim == "helper" or (moment == "start" and victim != "owner"):
            if owned and moment == "start":
                until(lambda: self.look(name) == "running" or owner.poll() is not None, 60, "a start of Run", step=0.02)
            self.room.vivctl("stop", "--force", name, ok=False)
        self.command = owner
        if owner is not None:
            self.finish()
        self.look_over(victim, owned)

    def look_over(self, victim, owned):
        room = self.room
        until(all_gone, 40, "an end of all processes", step=0.01)
        with open(room.path("machines", "Kept", "machine.lock"), "rb") as file:
            lock = fcntl.fcntl(file, F_OFD_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
            equal(struct.unpack("hhqqi4x", lock)[0], fcntl.F_UNLCK, "the folder's lock")
        check(self.look("Kept") in ("off", "crashed"), "the machine is " + str(self.look("Kept")))
        equal([f for f in sorted(os.listdir(room.path("machines", "Kept"))) if not re.fullmatch(r".*\.log\.?\d*", f)],
              [f for f in self.files if not f.endswith(".log")], "the machine's folder")
        # What a `vivctl run` has left that was killed goes with the machine's end.
        if victim == "owner":
            room.vivctl("stop", "--force", "Run", ok=False)
        equal(os.listdir(room.path("run", "vivarium", "run")) if owned else [], [], "folders of machines that ran")
        equal([os.path.basename(p) for p in glob.glob(room.path("run", "vivarium", "*.sock*"))], [], "sockets")
        equal([os.path.basename(p) for p in glob.glob(room.path("screen*"))], [], "VNC's sockets")
        equal(os.listdir(room.path("tmp")), [], "temporary files")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(room.path("saved", "state"))

    def tidy(self):
        """Behind a round that failed."""
        if self.command is not None and self.command.poll() is None:
            self.command.kill()
        for name in "Kept", "Run":
            self.room.vivctl("stop", "--force", name, ok=False)
        for name in os.listdir(self.room.path("saved")):
            os.unlink(self.room.path("saved", name))


def main():
    long = sys.argv[1:] == ["long"]
    if long and not SLOW:
        skip_all("takes a quarter of an hour; VIVARIUM_TEST_SLOW=1 runs it")
    seed = int(os.environ.get("VIVARIUM_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    tap, rng = Tap(), random.Random(seed)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tap.diag("VIVARIUM_TEST_SEED=%d" % seed)
    with Room() as room:
        rounds = Rounds(room, rng)
        with tap.point("a machine starts, saves and stops, and leaves its files"):
            rounds.measure()
        for victim, most in VICTIMS.items():
            n = int(os.environ.get("VIVARIUM_TEST_ROUNDS") or (most if long else 3))
            with tap.point("%d times the %s" % (n, victim)):
                for i in range(n):
                    moment = MOMENTS[i % len(MOMENTS)] if long else rng.choice(MOMENTS)
                    owned = victim == "owner" or rng.random() < 0.25
                    try:
                        rounds.one(victim, moment, owned)
                    except Exception as error:
                        for process in descendants().items():
                            tap.diag(process)
                        rounds.tidy()
                        raise Failure("round %d (%s%s): %s" % (i, moment, ", vivctl run" if owned else "", error)) from error
        with tap.point("and it starts, saves and stops as before"):
            rounds.measure()
    tap.done()


main()
