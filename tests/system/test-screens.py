#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with two screens, by vivctl: they are listed, photographed and served over VNC one by one, and saved with it."""
import os
import signal
import socket
import stat
import subprocess

from lib import Picture, Room, Tap, VMM, check, equal, until

BARS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0), (0, 0, 192), (0, 0, 0)]


def wrap(room):
    """A monitor that has the second display adapter, which no definition can ask for."""
    path = room.path("monitor")
    with open(path, "w") as file:
        file.write('#!/bin/sh\nexec "%s" --test-display "$@"\n' % VMM)
    os.chmod(path, stat.S_IRWXU)
    return path


def photograph(room, machine, number):
    path = room.path("screen%d.png" % number)
    machine.vivctl("screenshot", path, "--screen", str(number))
    with open(path, "rb") as file:
        return Picture.from_png(file.read())


def greeted(address):
    """A VNC server answers there."""
    if address.startswith("unix:"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(address[5:])
    else:
        client = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))
    client.settimeout(120)
    with client:
        equal(client.recv(4), b"RFB ", "the greeting at " + address)


def server_of(monitor):
    """The process that serves this monitor's screens; None: there is none."""
    parents, servers = {}, []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, "rb") as file:
                text = file.read()
            name, rest = text[text.index(b"(") + 1:text.rindex(b")")], text[text.rindex(b")") + 2:].split()
        except (OSError, ValueError):
            continue
        parents[int(pid)] = int(rest[1])
        if name == b"vivarium-vnc" and rest[0] != b"Z":
            servers.append(int(pid))
    for pid in servers:
        above = pid
        while above > 1 and above != monitor:
            above = parents.get(above, 0)
        if above == monitor:
            return pid
    return None


def main():
    tap = Tap()
    with Room() as room:
        room.env["VIVARIUM_VMM"] = wrap(room)
        machine = room.machine("Two", engine="software", memory="16M")
        with tap.point("two screens are listed"):
            machine.start()
            found = machine.show()["screens"]
            equal([s["id"] for s in found], [0, 1], "ids")
            equal((found[1]["width"], found[1]["height"]), (640, 480), "the second one's size")
        with tap.point("each is photographed"):
            picture = photograph(room, machine, 1)
            equal((picture.width, picture.height), (640, 480), "size")
            equal([picture.pixel(i * 80 + 40, 240) for i in range(8)], BARS, "bars")
            check(photograph(room, machine, 0).pixel(40, 240) != BARS[0], "the first shows the second's bars")
            refused = machine.vivctl("screenshot", room.path("none.png"), "--screen", "2", ok=False)
            check(refused.returncode != 0 and "no such screen" in refused.stderr, "a third: %s" % refused.stderr)
        with tap.point("each is served over VNC"):
            address = machine.vivctl("vnc", "on").stdout.strip()
            addresses = [s["vnc-address"] for s in machine.show()["screens"]]
            equal(addresses[0], address, "the first one's address")
            check(addresses[1] and addresses[1] != address, "the second has one of its own")
            for each in addresses:
                greeted(each)
        with tap.point("by a process of its own, and another one takes its place when it dies"):
            linked = subprocess.run(["ldd", VMM], stdout=subprocess.PIPE, text=True, check=True).stdout
            check("libvnc" not in linked, "the monitor has VNC in it: " + linked)
            first = server_of(machine.pid)
            check(first is not None, "no process serves")
            os.kill(first, signal.SIGKILL)
            until(lambda: server_of(machine.pid) not in (None, first), 60, "another process")
            greeted(address)
            equal(machine.show()["state"], "running", "the machine's state")
            equal(machine.show()["screens"][0]["vnc-address"], address, "the address")
        with tap.point("again at the same address, at a socket with a name, and not any more"):
            equal(machine.vivctl("vnc", "on", "--address", address).stdout.strip(), address, "the address")
            greeted(address)
            name = room.path("vnc")
            for _ in range(2):
                machine.vivctl("vnc", "on", "--address", "unix:" + name)
                greeted("unix:" + name + ".1")
            refused = machine.vivctl("vnc", "on", "--password-file", "/nonexistent", ok=False)
            check(refused.returncode != 0 and "/nonexistent" in refused.stderr, "no password: " + refused.stderr)
            greeted("unix:" + name)
            machine.vivctl("vnc", "off")
            check(not os.path.exists(name) and not os.path.exists(name + ".1"), "the sockets' names are still there")
            check(server_of(machine.pid) is None, "the process is still there")
        with tap.point("by a setting, while the machine runs"):
            machine.vivctl("device", "set", "display0.vnc-address=127.0.0.1:0")
            greeted(machine.show()["screens"][0]["vnc-address"])
            machine.vivctl("device", "set", "display0.vnc-address=")
            equal(machine.show()["screens"][0]["vnc-address"], "", "the address")
        with tap.point("both are saved"):
            state = room.path("two.state")
            machine.vivctl("save", state)
            machine.vivctl("stop", "--force")
            secret = room.path("secret")
            with open(secret, "w") as file:
                file.write("12345678\n")
            machine.start("--load", state, "--vnc", "127.0.0.1:0", "--vnc-password-file", secret)
            greeted(machine.show()["screens"][1]["vnc-address"])
            equal(photograph(room, machine, 1).width, 640, "the second one's width")
        machine.vivctl("stop", "--force")
    tap.done()


main()
