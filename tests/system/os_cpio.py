# SPDX-License-Identifier: GPL-3.0-or-later
"""Initial RAM disks, without the rights that device nodes would need: the "newc" form of cpio (Linux,
Documentation/driver-api/early-userspace/buffer-format.rst)."""


def cpio(entries):
    """Bytes of an archive.  An entry is (name, mode with file type, data); of a device node data is (major, minor)."""
    out = bytearray()

    def add(inode, name, mode, data):
        major, minor, content = (*data, b"") if isinstance(data, tuple) else (0, 0, data)
        encoded = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(encoded), 0)
        out.extend(b"070701" + b"".join(b"%08X" % f for f in fields) + encoded)
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(content)
        out.extend(b"\0" * (-len(out) % 4))

    for inode, (name, mode, data) in enumerate(entries, 1):
        add(inode, name, mode, data)
    add(0, "TRAILER!!!", 0, b"")
    out.extend(b"\0" * (-len(out) % 512))
    return bytes(out)
