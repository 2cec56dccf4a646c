#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serial ports that lead to a pseudo-terminal, sockets and a port of this computer, with broker and walls as a person has them: a boot sector says on each of COM1 to COM4 what it hears there.   test-serial.py ENGINE"""
import json
import os
import select
import socket
import time
import tty

from lib import Room, Tap, check, engine_argument, equal, until

# xor ax,ax; mov ds,ax; cld / again: mov si,table / next: lodsw; test ax,ax; jz again; mov dx,ax; the line status at dx+5: bit 0, a byte is there, else next; in al,dx;
# bit 5, the transmitter is empty; out dx,al; jmp next / table: 3f8, 2f8, 3e8, 2e8, 0
ECHO = bytes.fromhex("31c08ed8fcbe2d7cad85c074f889c283c205eca80174f183ea05ec88c483c205eca82074fb83ea0588e0eeebdbf803f802e803e8020000")


def floppy(room):
    path = room.path("echo.img")
    with open(path, "wb") as file:
        file.write(ECHO + bytes(510 - len(ECHO)) + b"\x55\xaa" + bytes(1440 * 1024 - 512))
    return path


def facts(machine):
    devices = json.loads(machine.vivctl("device", "list", "--json").stdout)
    return {d["id"]: d["keys"] if "keys" in d else d for d in devices if d["kind"] == "serial"}


def reads(fd, wanted, what, seconds=60):
    """Until `fd` has said this, and nothing else."""
    got, end = b"", time.monotonic() + seconds
    while len(got) < len(wanted):
        check(time.monotonic() < end, "%s: %r came, not %r" % (what, got, wanted))
        if select.select([fd], [], [], 1)[0]:
            more = os.read(fd, len(wanted) - len(got))
            check(more, "%s: it has ended behind %r" % (what, got))
            got += more
    equal(got, wanted, what)


def echo(fd, text, what):
    os.write(fd, text)
    reads(fd, text, what)


def connect(address):
    peer = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, socket.SOCK_STREAM)
    peer.connect(address)
    return peer


def awake(machine, fd):
    """The guest is in its loop: it says what it hears."""
    os.write(fd, b"?")
    machine.until(lambda: select.select([fd], [], [], 0)[0], 120, "the boot sector runs")
    equal(os.read(fd, 1), b"?", "what it hears")


def define(machine, **ports):
    for port, keys in ports.items():
        for key, value in keys.items():
            machine.vivctl("set", "%s.%s=%s" % (port, key, value))


def come(room, tap, engine):
    """To whom others come."""
    machine = room.machine("Comes", "--floppy", floppy(room), *(["--serial", "socket"] * 3), engine=engine)
    define(machine, serial0={"backend": "pty"}, serial1={"backend": "tcp", "address": "127.0.0.1:0"},
           serial2={"backend": "unix", "path": "serial.sock"})
    machine.start()
    said = {n: f.get("leads-to") for n, f in facts(machine).items()}
    path = os.path.join(machine.folder, "serial.sock")
    with tap.point("%s: a pseudo-terminal, which vivctl names" % engine):
        check(said["serial0"] and said["serial0"].startswith("/dev/pts/"), said)
        for turn in b"first", b"second":
            fd = os.open(said["serial0"], os.O_RDWR | os.O_NOCTTY)
            if turn == b"first":
                awake(machine, fd)
            echo(fd, turn + b"\r\n\x03\x7f", "by the pseudo-terminal")
            os.close(fd)
    with tap.point("%s: TCP, one at a time" % engine):
        host, port = said["serial1"].rsplit(":", 1)
        first, second = connect((host, int(port))), connect((host, int(port)))
        second.send(b"second")
        echo(first.fileno(), b"first", "the first one")
        check(not select.select([second], [], [], 0)[0], "the second is heard, too")
        first.close()
        reads(second.fileno(), b"second", "the second one")
        second.close()
    with tap.point("%s: a UNIX socket, which goes with the machine" % engine):
        peer = connect(path)
        echo(peer.fileno(), b"hello" * 500, "by the socket")
        equal(os.stat(path).st_mode & 0o77, 0, "who else may use it")
        machine.vivctl("stop", "--force")
        equal(peer.recv(1), b"", "at the machine's end")
        until(lambda: not os.path.exists(path), 30, "the socket's name is gone")


def go(room, tap, engine):
    """Where the machine goes itself."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    address = "127.0.0.1:%d" % listener.getsockname()[1]
    path = room.path("listens.sock")
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    machine = room.machine("Goes", "--floppy", floppy(room), *(["--serial", "socket"] * 3), engine=engine)
    define(machine, serial0={"backend": "device", "path": name, "speed": "9600"},
           serial1={"backend": "tcp", "address": address, "mode": "connect"},
           serial2={"backend": "unix", "path": path, "mode": "connect"})
    machine.start()
    with tap.point("%s: a serial port of this computer" % engine):
        awake(machine, master)
        echo(master, b"a modem\r\n\x03", "by the port")
    with tap.point("%s: TCP and UNIX sockets, of who listens later, and again" % engine):
        local = socket.socket(socket.AF_UNIX)
        local.bind(path)
        for each in listener, local:
            each.listen()
        for turn in b"first", b"second":
            for each in listener, local:
                each.settimeout(120)
                peer = each.accept()[0]
                echo(peer.fileno(), turn, "who was called")
                peer.close()
    with tap.point("%s: what can't be says which key" % engine):
        machine.vivctl("stop", "--force")
        machine.vivctl("set", "serial0.path=/dev/null")
        refused = machine.vivctl("start", ok=False)
        check(refused.returncode != 0 and "serial0.path" in refused.stderr and "no serial port" in refused.stderr, refused.stderr)
    os.close(master)


def main():
    engine = engine_argument()
    tap = Tap()
    with Room() as room:
        come(room, tap, engine)
    with Room() as room:
        go(room, tap, engine)
    tap.done()


main()
