#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""vivctl before monitors that lie: each command ends, with a sentence if it failed, and what it says to a terminal is plain."""
import os
import pty
import re
import select
import signal
import sys
import time

from lib import BUILD, PATIENCE, Room, Tap, VIVCTL, check

FALSE_MONITOR = os.path.join(BUILD, "tests/unit/control/false-monitor")
# A call without an answer has 25 seconds; a screenshot 10 more.
MOST_SECONDS = 40 * PATIENCE
MOST_BYTES = 1100 * 1024
# But for ends of lines and tabs; C1; what turns text around.
NOT_PLAIN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def on_terminal(room, *arguments):
    """Status and what came; status None: it did not end."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(VIVCTL, [VIVCTL, *arguments], room.env)
    seen, end = b"", time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(fd, 65536)
        except OSError:
            part = b""
        if not part:
            break
        seen += part
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    status = os.waitpid(pid, 0)[1]
    return (os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else None), seen


def commands(room):
    yield from (("show",), ("show", "--json"), ("show", "--devices"), ("media",), ("device", "list"), ("text",), ("pause",), ("resume",),
                ("reset",), ("key", "a"), ("vnc", "show"), ("log",), ("serial", "--dump"), ("serial", "--send", "x" * 100000),
                ("wait", "--serial", "never", "--timeout", "1"), ("wait", "--text", "never", "--timeout", "1"),
                ("media", "cdrom0", ""), ("device", "add", "cdrom"), ("screenshot", room.path("p.png")))


def arguments_of(command, name):
    at = 2 if command[0] == "device" else 1
    return (*command[:at], name, *command[at:])


def try_all(room, name, only=None):
    for command in commands(room):
        if only is not None and command[0] not in only:
            continue
        status, seen = on_terminal(room, *arguments_of(command, name))
        said = "%s: %r" % (" ".join(a[:20] for a in command), seen[-300:])
        check(status is not None, "did not end: " + said)
        check(status in (0, 1, 2), "status %s: %s" % (status, said))
        check(status == 0 or b"vivctl: " in seen or command[0] == "wait", "no sentence: " + said)
        check(len(seen) <= MOST_BYTES, "%d bytes: %s" % (len(seen), said))
        text = seen.decode(errors="surrogateescape").replace("\r\n", "\n").replace("^D\b\b", "")
        bad = NOT_PLAIN.search(text)
        check(not bad, "not plain (%r): %s" % (bad and bad.group(), said))


def main():
    tap = Tap()
    with Room() as room:
        room.env["VIVARIUM_VMM"] = FALSE_MONITOR
        room.vivctl("create", "--name", "Bystander")
        room.vivctl("start", "Bystander")
        for n, (lies, only) in enumerate((("texts", None), ("several", None), ("numbers", ("show", "text")), ("identity", None), ("calls", None),
                                          ("descriptors", None), ("fd=zero", ("serial", "screenshot", "wait")),
                                          ("closes", None), ("flood properties", ("show", "text", "media", "screenshot")),
                                          ("babbles", ("serial", "wait")), ("silent=Text", ("text", "key")))):
            with tap.point("a monitor that lies: " + lies):
                name = "Liar%d" % n
                room.vivctl("create", "--name", name, "--append", lies, "--cdrom", "")
                room.vivctl("start", name)
                try_all(room, name, only)
                found = {m["name"]: m for m in room.list()}
                check(found["Bystander"]["state"] == "running", "the other one is %s" % found["Bystander"]["state"])
                room.vivctl("stop", "--force", name)
                room.vivctl("delete", "--purge", name)
        with tap.point("one that says somebody else's number is ended alone"):
            room.vivctl("create", "--name", "Impostor", "--append", "identity silent")
            room.vivctl("start", "Impostor")
            pid = next(m["pid"] for m in room.list() if m["name"] == "Impostor")
            check(pid not in (os.getpid(), os.getppid()), "the number is the monitor's word")
            room.vivctl("stop", "--force", "Impostor")
            check(next(m["state"] for m in room.list() if m["name"] == "Impostor") == "off", "it is not off")
        with tap.point("one that sends 100 MB does not start"):
            room.vivctl("create", "--name", "Huge", "--append", "huge-reason")
            result = room.vivctl("start", "Huge", ok=False)
            check(result.returncode == 1 and "too large" in result.stderr, "%d: %s" % (result.returncode, result.stderr[-300:]))
        with tap.point("one that is off before anybody could connect was started; one that failed was not"):
            for name, word in (("Quick", "leaves"), ("Failed", "leaves=3")):
                room.vivctl("create", "--name", name, "--append", word)
            for _ in range(20):
                room.vivctl("start", "Quick")
                quick = next(m for m in room.list() if m["name"] == "Quick")
                check(quick["state"] == "off" and not quick.get("state-reason"), "it is %s" % quick)
            result = room.vivctl("start", "Failed", ok=False)
            check(result.returncode == 1 and "status 3" in result.stderr, "%d: %s" % (result.returncode, result.stderr[-300:]))
        room.vivctl("stop", "--force", "Bystander")
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
