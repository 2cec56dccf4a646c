#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cpu/kvm asks of KVM and what the sandbox lets a monitor ask (confine/requests.h) are the same, so that who adds a request to the one can't forget the other.

  lint-requests.py [--test]
"""
import glob
import os
import re
import shlex
import subprocess
import sys

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def requests_of_kernel():
    """All that linux/kvm.h makes by _IO() and its like."""
    text = subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-dM", "-E", "-include", "linux/kvm.h", "-x", "c", "/dev/null"],
                          capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^#define (KVM_\w+) _IO[RW]*\(", text, flags=re.M))


def asked(sources, known):
    return {name for text in sources for name in re.findall(r"\bKVM_\w+", without_comments(text)) if name in known}


def listed(header):
    return re.findall(r"\bX \((KVM_\w+)\)", without_comments(header))


def complaints(sources, header, known):
    names = listed(header)
    wanted = asked(sources, known)
    said = ["%s is asked for in src/vmm/cpu/kvm and not in src/confine/requests.h: a confined monitor gets ENOSYS" % name
            for name in sorted(wanted - set(names))]
    said += ["%s is in src/confine/requests.h and nobody asks for it" % name for name in sorted(set(names) - wanted)]
    return said + ["%s is in src/confine/requests.h twice" % name for name in sorted(set(names)) if names.count(name) > 1]


def test():
    known = {"KVM_RUN", "KVM_NMI", "KVM_GET_REGS"}
    header = "#define A(X) \\\n  X (KVM_RUN) \\\n  X (KVM_NMI) /* X (KVM_GET_REGS) */\n"
    source = "ioctl (fd, KVM_RUN, 0); /* KVM_GET_REGS */ f (fd, KVM_NMI); KVM_EXIT_IO"
    assert complaints([source], header, known) == []
    assert len(complaints([source, "g (KVM_GET_REGS)"], header, known)) == 1
    assert len(complaints(["ioctl (fd, KVM_RUN, 0)"], header, known)) == 1
    assert len(complaints([source], header + "#define B(X) X (KVM_RUN)\n", known)) == 1
    print("ok")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    if sys.argv[1:] == ["--test"]:
        test()
        return 0
    known = requests_of_kernel()
    if "KVM_RUN" not in known:
        print("linux/kvm.h has no requests")
        return 1
    said = complaints([read(path) for path in sorted(glob.glob("src/vmm/cpu/kvm/*.[ch]"))], read("src/confine/requests.h"), known)
    print("\n".join(said), end="\n" if said else "")
    return 1 if said else 0


sys.exit(main())
