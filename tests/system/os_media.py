# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels, initial RAM disks and CD images of real operating systems, from Debian's packages.

Everything is found by pattern, and a Skip says which package would bring what is missing."""
import glob
import os
import re
import shutil
import subprocess

from lib import BUILD, Skip
from os_cpio import cpio

INSTALLER = "/usr/lib/debian-installer/images"
# Of a disk: what is before its first partition.
BOOT_SECTORS = 2048
MIB = 1 << 20
GRUB_MODULES = ("part_msdos", "ext2", "normal", "linux", "configfile", "test", "echo", "serial")


def find(pattern, package):
    """The newest file of a pattern."""
    found = sorted(glob.glob(pattern))
    if not found:
        raise Skip("%s is missing (package %s)" % (pattern, package))
    return found[-1]


def need(*programs):
    for program, package in programs:
        if shutil.which(program) is None:
            raise Skip("the program %s is missing (package %s)" % (program, package))


def installer(arch, kind):
    """Kernel and initrd of the Debian installer; arch amd64 or i386, kind text or gtk."""
    folder = "%s/*/%s/%s/debian-installer/%s/" % (INSTALLER, arch, kind, arch)
    package = "debian-installer-12-netboot-" + arch
    return find(folder + "linux", package), find(folder + "initrd.gz", package)


def kernel_package(name):
    """The kernel that a package depends on and the folder of its modules; not installed, which would make it the host's, but downloaded once."""
    folder = os.path.join(BUILD, "downloaded", name)
    if not glob.glob(folder + "/boot/vmlinuz-*"):
        need(("apt-get", "apt"), ("dpkg-deb", "dpkg"))
        depends = subprocess.run(["apt-cache", "depends", name], capture_output=True, text=True, check=False).stdout
        package = re.search(r"Depends: (linux-image-\S+)", depends)
        os.makedirs(folder, exist_ok=True)
        if not package or subprocess.run(["apt-get", "download", package[1]], cwd=folder, capture_output=True, check=False).returncode != 0:
            raise Skip("the package %s can't be downloaded" % name)
        subprocess.run(["dpkg-deb", "-x", *glob.glob(folder + "/*.deb"), folder], check=True)
    kernel = find(folder + "/boot/vmlinuz-*", name)
    return kernel, os.path.join(folder, "lib/modules", os.path.basename(kernel).removeprefix("vmlinuz-"), "kernel")


def modules(folder, names, have=None):
    """The files of a kernel's modules by their names, each behind what it needs; - and _ are one in a name."""
    need(("modinfo", "kmod"))
    have = [] if have is None else have
    for name in names:
        found = glob.glob(os.path.join(folder, "**", re.sub("[-_]", "[-_]", name) + ".ko"), recursive=True)
        if not found:
            raise RuntimeError("the kernel has no module %s" % name)
        if found[0] not in have:
            needs = subprocess.run(["modinfo", "-F", "depends", found[0]], capture_output=True, text=True, check=True).stdout.strip()
            modules(folder, [other for other in needs.split(",") if other], have)
            have.append(found[0])
    return have


def load_modules(files):
    """For initramfs(): where they are there, and the lines that load them."""
    return [("modules/" + os.path.basename(path), path) for path in files], "\n".join("insmod /modules/" + os.path.basename(path) for path in files)


def cloud_kernel():
    """Debian's kernel for virtual machines, which has drivers for virtio."""
    return kernel_package("linux-image-cloud-amd64")


def whole_kernel():
    """Debian's kernel, which has drivers for all else."""
    return kernel_package("linux-image-amd64")


def memtest(bits):
    return find({64: "/boot/memtest86+x64.bin", 32: "/boot/memtest86+ia32.bin"}[bits], "memtest86+")


def grub_iso(room, name, config, files=(), platform="i386-pc"):
    """A CD with GRUB for BIOS or UEFI (x86_64-efi), made as grub-mkrescue does; files are (path on the CD, source)."""
    need(("grub-mkrescue", "grub-common"), ("xorriso", "xorriso"))
    modules_of = os.path.join("/usr/lib/grub", platform)
    if not os.path.isdir(modules_of):
        raise Skip("%s is missing (package grub-%s-bin)" % (modules_of, {"i386-pc": "pc", "x86_64-efi": "efi-amd64"}[platform]))
    tree = room.path("tree-" + name)
    os.makedirs(os.path.join(tree, "boot/grub"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="utf-8") as file:
        file.write(config)
    for path, source in files:
        shutil.copy(source, os.path.join(tree, path))
    image = room.path(name + ".iso")
    made = subprocess.run(["grub-mkrescue", "-d", modules_of, "--locales=", "--fonts=", "--themes=", "-o", image, tree], capture_output=True, text=True, check=False)
    shutil.rmtree(tree)
    if made.returncode != 0:
        raise RuntimeError("grub-mkrescue: " + made.stderr)
    return image


def ran(what, arguments, **options):
    result = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False, **options)
    if result.returncode != 0:
        raise RuntimeError("%s: %s" % (what, (result.stderr or result.stdout)[-3000:]))


def partition(kind, first, count):
    """An entry of a master boot record's table, in sectors; only the BIOS's is active."""
    return bytes([0x80 if kind == 0x83 else 0, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff]) + first.to_bytes(4, "little") + count.to_bytes(4, "little")


def system_partition(path, program):
    """A FAT file system with the program where UEFI looks for one."""
    need(("mformat", "mtools"))
    size = (os.path.getsize(program) // MIB + 8) * MIB
    with open(path, "wb") as file:
        file.truncate(size)
    ran("mformat", ["mformat", "-i", path, "-v", "EFI", "-T", str(size // 512), "-h", "16", "-s", "32", "::"])
    ran("mmd", ["mmd", "-i", path, "::/EFI", "::/EFI/BOOT"])
    ran("mcopy", ["mcopy", "-i", path, program, "::/EFI/BOOT/BOOTX64.EFI"])


def boot_blocks(folder, size):
    """The master boot record with one partition, GRUB's core behind it (GNU GRUB manual, "BIOS installation")."""
    platform = "/usr/lib/grub/i386-pc"
    if not os.path.exists(platform + "/boot.img"):
        raise Skip("%s is missing (package grub-pc-bin)" % platform)
    core = os.path.join(folder, "core.img")
    ran("grub-mkimage", ["grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot/grub", "biosdisk", *GRUB_MODULES])
    with open(platform + "/boot.img", "rb") as file:
        blocks = bytearray(file.read(440)).ljust(512, b"\0")
    blocks[446:462], blocks[510:512] = partition(0x83, BOOT_SECTORS, size // 512 - BOOT_SECTORS), b"\x55\xaa"
    with open(core, "rb") as file:
        blocks += file.read()
    if len(blocks) > BOOT_SECTORS * 512:
        raise RuntimeError("GRUB's core has %d bytes" % len(blocks))
    return bytes(blocks)


def file_system(tree, image, size):
    """The command that makes a folder the file system behind boot_blocks() of an image of that size; GRUB knows it."""
    return ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-L", "vivarium", "-d", tree, "-E", "offset=%d" % (BOOT_SECTORS * 512), image,
            "%dk" % ((size - BOOT_SECTORS * 512) // 1024)]


def grub_disk(room, name, config, files=(), size=256 << 20):
    """A disk that a BIOS boots; files are (path on it, source)."""
    need(("mke2fs", "e2fsprogs"), ("grub-mkimage", "grub-common"))
    tree, path = room.path("tree-" + name), room.path(name + ".img")
    os.makedirs(os.path.join(tree, "boot/grub"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="utf-8") as file:
        file.write(config)
    for target, source in files:
        shutil.copy(source, os.path.join(tree, target))
    with open(path, "wb") as file:
        file.write(boot_blocks(tree, size))
        file.truncate(size)
    ran("mke2fs", file_system(tree, path, size))
    shutil.rmtree(tree)
    return path


def isolinux_iso(room, name, config, files=()):
    """A CD with ISOLINUX (El Torito without emulation)."""
    need(("xorriso", "xorriso"))
    tree = room.path("tree-" + name)
    os.makedirs(os.path.join(tree, "isolinux"))
    shutil.copy(find("/usr/lib/ISOLINUX/isolinux.bin", "isolinux"), os.path.join(tree, "isolinux"))
    shutil.copy(find("/usr/lib/syslinux/modules/bios/ldlinux.c32", "syslinux-common"), os.path.join(tree, "isolinux"))
    with open(os.path.join(tree, "isolinux/isolinux.cfg"), "w", encoding="utf-8") as file:
        file.write(config)
    for path, source in files:
        shutil.copy(source, os.path.join(tree, path))
    image = room.path(name + ".iso")
    made = subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", image, "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat",
                           "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree], capture_output=True, text=True, check=False)
    shutil.rmtree(tree)
    if made.returncode != 0:
        raise RuntimeError("xorriso: " + made.stderr)
    return image


def with_libraries(program, package):
    """A program of the host's and the libraries that it loads, as initramfs() takes them."""
    need((program, package), ("ldd", "libc-bin"))
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in listed.split() if word.startswith("/")]
    return [(path.lstrip("/"), os.path.realpath(path)) for path in (program, *libraries)]


def parents(path):
    """The folders on the way to a path: "a/b/c" has "a" and "a/b"."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def programs(*names):
    """Programs of this computer for initramfs(), in /tools, with their libraries where they are here."""
    files = {}
    for name in names:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            raise Skip("the program %s is missing" % name)
        files["tools/" + name] = path
        said = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", said):
            files[library.lstrip("/")] = library
    return sorted(files.items())


def initramfs(room, name, files, commands):
    """busybox and a few programs, with a script as /init."""
    busybox = find("/bin/busybox", "busybox-static")
    folders = {folder for path, _ in files for folder in parents(path)}
    entries = [(folder, 0o40755, b"") for folder in sorted({"bin", "dev", "proc", "sys", "tmp"} | folders)]
    entries += [("dev/console", 0o20600, (5, 1)), ("dev/null", 0o20666, (1, 3)), ("dev/ttyS0", 0o20600, (4, 64))]
    for path, source in (("bin/busybox", busybox), *files):
        with open(source, "rb") as file:
            entries.append((path, 0o100755, file.read()))
    entries.append(("bin/sh", 0o120777, b"busybox"))
    entries.append(("init", 0o100755, commands.encode()))
    image = room.path(name + ".cpio")
    with open(image, "wb") as file:
        file.write(cpio(entries))
    return image
