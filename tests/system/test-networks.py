#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network card is at, by vivctl: a copy of its packets, a rate."""
import json
import os
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
              {"net0." + k: 0 for k in ("sent-packets", "sent-bytes", "sent-dropped", "received-packets", "received-bytes", "received-dropped", "dump-lost")},
              "its counts")
        machine.vivctl("stop", "--force")


def main():
    tap = Tap()
    with Room() as room:
        capture(room, tap)
    tap.done()


main()
