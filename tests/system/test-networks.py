#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network card is at, by vivctl: a copy of its packets, a rate."""
import json
import os
import signal
import socket
import stat

from lib import Room, Tap, check, equal


def statistics(machine):
    return json.loads(machine.vivctl("show", "--json").stdout)["statistics"]


def capture(room, tap):
    machine = room.machine("Capture", engine="none", memory="16M")
    path = os.path.join(machine.folder, "packets.pcap")
    machine.vivctl("set", "net0.kind=none", "net0.dump=packets.pcap", "net0.rate=100")
    with tap.point("a copy of packets is begun in a new file"):
        machine.start()
        machine.vivctl("stop", "--force")
        with open(path, "rb") as file:
            equal(file.read()[:8], bytes.fromhex("d4c3b2a102000400"), "its first bytes")
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "its rights")
    with tap.point("a file that is none is left as it is, and the machine says so instead of starting"):
        with open(path, "w", encoding="ascii") as file:
            file.write("a letter")
        refused = machine.vivctl("start", ok=False)
        check(refused.returncode != 0 and "packets.pcap" in refused.stderr, refused.stderr)
        with open(path, encoding="ascii") as file:
            equal(file.read(), "a letter", "what is in it")
    with tap.point("a rate is changed while the machine runs; packets are counted"):
        machine.vivctl("set", "net0.dump=")
        machine.start()
        equal(machine.vivctl("device", "set", "net0.rate=0").stderr, "", "what is said")
        devices = json.loads(machine.vivctl("device", "list", "--json").stdout)
        equal([d["keys"].get("rate") for d in devices if d["id"] == "net0"], ["0"], "the rate")
        equal({k: v for k, v in statistics(machine).items() if k.startswith("net0.")},
              {"net0." + k: 0 for k in ("sent-packets", "sent-bytes", "sent-dropped", "received-packets", "received-bytes", "received-dropped", "accepted", "refused", "dump-lost")},
              "its counts")
        machine.vivctl("stop", "--force")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def switches(machine):
    """Those among the processes of its broker, which is the machine's number or its parent."""
    with open("/proc/%d/stat" % machine.pid, encoding="ascii") as file:
        parent = int(file.read().rsplit(")", 1)[1].split()[1])
    found = []
    for pid in {*children(machine.pid), *(children(parent) if parent not in (1, os.getpid()) else [])}:
        with open("/proc/%d/comm" % pid, encoding="ascii") as name:
            if name.read().strip() == "vivarium-switch":
                found.append(pid)
    return found


def private(room, tap):
    one, two = (room.machine(name, engine="none", memory="16M") for name in ("One", "Two"))
    for machine in one, two:
        machine.vivctl("set", "net0.kind=private", "net0.network=lab")
        machine.start()
    with tap.point("a private network has one switch, in the family of the machine that came first"):
        equal([len(switches(m)) for m in (one, two)], [1, 0], "switches")
    with tap.point("when it dies another one takes its place; when its machine is killed, the other has it"):
        os.kill(switches(one)[0], signal.SIGKILL)
        one.until(lambda: len(switches(one)) + len(switches(two)) == 1, 60, "another switch")
        keeper, other = (one, two) if switches(one) else (two, one)
        os.kill(keeper.pid, signal.SIGKILL)
        other.until(lambda: len(switches(other)) == 1, 60, "a switch of the other's")
        keeper.wait_state("off")
        keeper.start()
        equal(switches(keeper), [], "switches of who came later")
    with tap.point("nothing is left of it"):
        for machine in one, two:
            machine.vivctl("stop", "--force")
            machine.wait_state("off")
        folder = os.path.join(room.env["XDG_RUNTIME_DIR"], "vivarium", "networks")
        one.until(lambda: os.listdir(folder) == ["lock"], 30, "an empty folder, not " + " ".join(os.listdir(folder)))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def forwards(room, tap):
    """There is no guest, so nobody answers."""
    machine = room.machine("Forwards", engine="none", memory="16M")
    ports = free_port(), free_port()
    texts = ["tcp:127.0.0.1:%d-:22" % ports[0], "udp::%d-:53" % ports[1]]
    machine.vivctl("set", "net0.kind=user", "net0.forward=" + ",".join(texts))
    with tap.point("forwarded ports are listed; of a machine that is off none is tested"):
        equal(machine.vivctl("forward").stdout.split(), ["net0", texts[0], "net0", texts[1]], "the list")
        off = machine.vivctl("forward", "test", ok=False)
        check(off.returncode == 1 and off.stderr, "a test of a machine that is off")
    with tap.point("a guest that says nothing is told from a port that isn't open, and UDP is not asked"):
        machine.start()
        tested = machine.vivctl("forward", "test", "--json", ok=False)
        equal(tested.returncode, 1, "the status")
        equal([(f["device"], f["forward"], f["state"]) for f in json.loads(tested.stdout)],
              [("net0", texts[0], "silent"), ("net0", texts[1], "udp")], "what is said")
        machine.vivctl("device", "set", "net0.forward=")
        equal(machine.vivctl("forward", "test", "--json").stdout.strip(), "[]", "of none")
    machine.vivctl("stop", "--force")


def refused(room, tap):
    for number, (keys, words) in enumerate(((("net0.kind=tap",), "net0.tap doesn't say which tap"),
                                            (("net0.kind=multicast", "net0.network=lab"), "net0.network is no multicast group"),
                                            (("net0.kind=private", "net0.network=239.1.2.3:4"), "net0.network is no name of a private network"),
                                            (("net0.kind=udp",), "net0.remote doesn't say where the other computer is"),
                                            (("net0.kind=udp", "net0.remote=192.0.2.7:5887", "net0.local=[::1]:5887"), "net0.local and net0.remote are not of one kind of address"),
                                            (("net0.kind=tcp",), "one of net0.local"),
                                            (("net0.kind=tcp", "net0.local=192.0.2.7:5887"), "net0.local can't be had on this computer"))):
        with tap.point("what can't be had is said, and the machine runs: " + words):
            machine = room.machine("Refused %d" % number, engine="none", memory="16M")
            machine.vivctl("set", *keys)
            machine.start()
            devices = json.loads(machine.vivctl("device", "list", "--json").stdout)
            equal([d["keys"]["link-state"] for d in devices if d["id"] == "net0"], ["down"], "the cable")
            check(words in machine.vivctl("log").stdout, "no word of it in the log")
            machine.vivctl("stop", "--force")


def frame(number):
    """To all, from a card that nobody has."""
    return bytes.fromhex("ffffffffffff0200000000") + bytes([number]) + b"\x88\xb5" + bytes(46)


def framed(number):
    packet = frame(number)
    return len(packet).to_bytes(4, "big") + packet


def received(machine, packets):
    machine.until(lambda: statistics(machine)["net0.received-packets"] == packets, 60, "%d packets, not %s" % (packets, statistics(machine)))


def pairs(room, tap):
    """The other computer is this program."""
    address, other = "127.0.0.1:%d" % free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("127.0.0.1", 0))
    machine = room.machine("Pair", engine="none", memory="16M")
    host, port = address.rsplit(":", 1)
    place = host, int(port)
    with tap.point("UDP: the other computer is heard, and nobody else"):
        machine.vivctl("set", "net0.kind=udp", "net0.local=" + address, "net0.remote=127.0.0.1:%d" % other.getsockname()[1])
        machine.start()
        equal(len(switches(machine)), 1, "switches")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(frame(1), place)
        other.sendto(frame(2), place)
        received(machine, 1)
        machine.vivctl("stop", "--force")
    other.close()
    with tap.point("TCP: who connects is heard, and the next one when that has gone"):
        machine.vivctl("set", "net0.kind=tcp", "net0.remote=")
        machine.start()
        for number in 1, 2:
            with socket.create_connection(place) as stream:
                stream.sendall(framed(number))
                received(machine, number)
        machine.vivctl("stop", "--force")
    with tap.point("TCP: it connects, and again when the connection was lost"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            machine.vivctl("set", "net0.local=", "net0.remote=127.0.0.1:%d" % listener.getsockname()[1])
            machine.start()
            for number in 1, 2:
                stream, _ = listener.accept()
                with stream:
                    stream.sendall(framed(number))
                    received(machine, number)
        machine.vivctl("stop", "--force")


def main():
    tap = Tap()
    with Room() as room:
        capture(room, tap)
        private(room, tap)
        pairs(room, tap)
        refused(room, tap)
        forwards(room, tap)
    tap.done()


main()
