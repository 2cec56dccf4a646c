/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of kinds of devices with machine.ini's keys.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "display/layout.h"
#include "machine/definition.h"
#include "machine/device-checks.h"
#include "machine/net-keys.h"
#include "machine/tags.h"
#include "machine/usb-outside.h"

#include <glib/gi18n.h>
#include <string.h>

#define MIB (1024ull * 1024)
#define GIB (1024ull * MIB)

#define DRIVE_KEYS(array_, readonly_, path_help_, live_, ...)                                 \
  static const DefinitionKey array_[] = {                                                     \
    { .name = "path", .type = KEY_PATH, .help = path_help_, .spelled = TRUE, .live = live_ }, \
    { .name = "format",                                                                       \
      .type = KEY_CHOICE,                                                                     \
      .fallback = "raw",                                                                      \
      .choices = "raw",                                                                       \
      .spelled = TRUE,                                                                        \
      .help = N_ ("The image's format; it is never guessed") },                               \
    { .name = "readonly",                                                                     \
      .type = KEY_BOOL,                                                                       \
      .fallback = readonly_,                                                                  \
      .help = N_ ("The machine can't write to it") },                                         \
    { .name = "discard",                                                                      \
      .old_name = "snapshot",                                                                 \
      .type = KEY_BOOL,                                                                       \
      .fallback = "false",                                                                    \
      .help = N_ ("Changes are thrown away when the machine ends") },                         \
    __VA_ARGS__{ .name = NULL },                                                              \
  }

static const DefinitionKey machine_keys[] = {
  { .name = "name",
    .type = KEY_STRING,
    .max = DEFINITION_MAX_NAME,
    .help = N_ ("The machine's name"),
    .accepts = N_ ("1 to 128 bytes of text in one line, without a blank at either end"),
    .check = key_check_name,
    .required = TRUE },
  { .name = "uuid",
    .type = KEY_STRING,
    .max = 36,
    .help = N_ ("What the machine is told apart by, also in its SMBIOS tables"),
    .accepts = N_ ("a UUID such as 0b5f4d0c-6a3c-4b5e-9d4e-0a2f7c1b8e11"),
    .check = key_check_uuid,
    .required = TRUE },
  { .name = "os",
    .type = KEY_STRING,
    .max = 64,
    .help = N_ ("The operating system's short name, as libosinfo has it"),
    .accepts = N_ ("a short name such as debian12 or win10"),
    .check = key_check_os },
  { .name = "tags",
    .type = KEY_STRING,
    .max = TAGS_MAX_LENGTH,
    .help = N_ ("Words that machines are sorted by, with commas between them"),
    .accepts = N_ ("one or more tags such as work, lab"),
    .check = tags_check },
  { .name = "autostart",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ ("Started when you log in (by “vivctl start --autostart”)") },
  { .name = "chipset",
    .type = KEY_CHOICE,
    .fallback = "pc",
    .choices = "pc|q35",
    .help = N_ (
        "The board: pc is an i440FX with PIIX3, which all systems know; q35 has an ICH9 with PCI Express and slots, and "
        "IDE only as a card, for drives that ask for it") },
  { .name = "firmware",
    .type = KEY_PATH,
    .fallback = "bios",
    .help = N_ (
        "bios for SeaBIOS, uefi for OVMF, uefi-secure for OVMF with Secure Boot (whose variables are safe from the system on q35 and the software processor), or the path of a firmware image") },
  { .name = "engine",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|kvm|software|none",
    .help = N_ ("What runs the guest's code; auto takes KVM where it is fast") },
  { .name = "memory",
    .type = KEY_SIZE,
    .fallback = "512M",
    .min = 1 * MIB,
    .max = 1024 * GIB,
    .help = N_ ("Memory of the machine"),
    .accepts = N_ ("a whole number of MiB"),
    .check = key_check_whole_mib,
    .spelled = TRUE },
  { .name = "cpus",
    .type = KEY_NUMBER,
    .fallback = "1",
    .min = 1,
    .max = 64,
    .help = N_ ("Number of processors"),
    .spelled = TRUE },
  { .name = "cpu",
    .type = KEY_CHOICE,
    .fallback = "host",
    .choices = "host|486|pentium|pentium3|x86-64|x86-64-v2|x86-64-v3",
    .help = N_ (
        "What the guest is told of its processor: host is all that this computer and the engine have, the others are what a "
        "processor of that time has, for systems that know no more and for machines that move between computers") },
  { .name = "cpu-speed",
    .type = KEY_STRING,
    .max = 16,
    .help = N_ (
        "Makes the processor as slow as one of this clock in MHz, or as at, 386dx33 or 486dx2 were, for programs that run too "
        "fast; needs the software processor"),
    .accepts = N_ ("MHz such as 25, or at, 386dx33 or 486dx2"),
    .check = key_check_speed },
  { .name = "topology",
    .type = KEY_STRING,
    .max = 16,
    .help
    = N_ ("How the processors lie: sockets, cores of each, threads of each core; empty: cores of one socket"),
    .accepts = N_ (
        "three numbers such as 2,4,1, whose product is machine.cpus; threads are 1 or 2, and cores a power of two if there are several sockets"),
    .check = key_check_topology },
  { .name = "hyperv",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ (
        "Under KVM the guest finds Hyper-V's interface, by which Windows keeps time and waits better; others find KVM's own") },
  { .name = "memory-huge", .type = KEY_BOOL, .fallback = "false", .help = N_ ("Ask for huge pages") },
  { .name = "memory-merge",
    .type = KEY_BOOL,
    .fallback = "true",
    .help = N_ ("Let the kernel share equal pages with other machines (KSM)") },
  { .name = "memory-shared",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ ("Keep the memory in a file that other processes can map") },
  { .name = "virtio-rings",
    .type = KEY_CHOICE,
    .fallback = "split",
    .choices = "split|packed",
    .help = N_ (
        "What virtio devices offer their drivers: packed rings are for systems that know them, split ones for all") },
  { .name = "clock",
    .type = KEY_CHOICE,
    .fallback = "utc",
    .choices = "utc|localtime",
    .help = N_ ("What the hardware clock shows; Windows and DOS expect the local time") },
  { .name = "clock-policy",
    .type = KEY_CHOICE,
    .fallback = "stop",
    .choices = "stop|catch-up",
    .help = N_ (
        "After a pause or a load: stop leaves the guest's clocks where they stood; catch-up sends the timer ticks of up to "
        "an hour a few at a time and sets KVM's clock right.  The hardware clock always shows the time") },
  { .name = "boot",
    .type = KEY_STRING,
    .fallback = "dca",
    .max = 4,
    .help = N_ ("Boot order: a floppy, c disk, d CD-ROM, n network"),
    .accepts = N_ ("letters a (floppy), c (disk), d (CD-ROM), n (network), each once"),
    .check = key_check_boot },
  { .name = "boot-menu",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ ("The firmware offers a menu of boot devices") },
  { .name = "kernel",
    .type = KEY_PATH,
    .help = N_ ("A kernel to boot directly: bzImage, Multiboot or PVH ELF") },
  { .name = "initrd", .type = KEY_PATH, .help = N_ ("The kernel's initial RAM disk") },
  { .name = "modules",
    .type = KEY_STRING,
    .help = N_ ("Boot modules of a Multiboot or PVH kernel"),
    .accepts = N_ ("FILE or \"FILE STRING…\", one after another"),
    .check = key_check_modules },
  { .name = "append", .type = KEY_STRING, .max = 2047, .help = N_ ("The kernel's command line") },
  { .name = NULL },
};

static const DefinitionKey display_keys[] = {
  { .name = "video",
    .type = KEY_CHOICE,
    .fallback = "vga",
    .choices = "vga|none",
    .help = N_ ("The display adapter") },
  { .name = "video-memory",
    .type = KEY_NUMBER,
    .fallback = "16",
    .min = 1,
    .max = 256,
    .help = N_ ("Memory of the display adapter in MiB"),
    .accepts = N_ ("a power of two"),
    .check = key_check_power_of_two },
  { .name = "aspect",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|square|4:3",
    .help = N_ ("How the screen is shown: auto gives the modes of a VGA the shape that they have on a tube"),
    .live = TRUE },
  { .name = "vnc-address",
    .type = KEY_STRING,
    .max = 255,
    .help = N_ ("Serve the screen over VNC at this address from the start"),
    .accepts = N_ ("ADDRESS:PORT such as 127.0.0.1:5901, [ADDRESS]:PORT, or unix:/PATH"),
    .check = key_check_vnc,
    .live = TRUE },
  { .name = "vnc-password-file",
    .type = KEY_PATH,
    .help = N_ ("A file with the VNC password in its first line") },
  { .name = NULL },
};

static const DefinitionKey input_keys[] = {
  { .name = "absolute-pointer",
    .type = KEY_BOOL,
    .fallback = "true",
    .help = N_ (
        "Offer a pointing device that needs no grab, where the board has one; the PC's mouse tells movements only") },
  { .name = "pointer",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|ps2|usb|virtio",
    .help = N_ (
        "The pointing device: every system knows the ps2 mouse; usb and virtio are tablets that need no grab, or with "
        "absolute-pointer=false mice; auto is ps2 and, where the machine has a USB controller, a tablet there, which "
        "takes over when the system has its driver") },
  { .name = "keyboard",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|ps2|usb|virtio",
    .help = N_ (
        "The keyboard: every system knows the ps2 keyboard; a usb or virtio one takes over when its driver is there; "
        "auto is ps2") },
  { .name = "touchscreen",
    .type = KEY_BOOL,
    .fallback = "false",
    .help = N_ (
        "A virtio touchscreen for ten fingers, beside the pointing device; it needs a driver in the system") },
  { .name = "layout",
    .type = KEY_STRING,
    .fallback = KEY_LAYOUT_DEFAULT,
    .max = 64,
    .help = N_ ("Keyboard layout that the guest has set, for typed text"),
    .accepts = N_ ("a layout such as us, de or de(nodeadkeys)"),
    .check = key_layout_check_name,
    .live = TRUE },
  { .name = NULL },
};

#define DISK_KEYS                                                                                                                  \
  {                                                                                                                                \
    .name = "bus",                                                                                                                 \
    .type = KEY_CHOICE,                                                                                                            \
    .fallback = "auto",                                                                                                            \
    .choices = "auto|ide|ahci|virtio|scsi|nvme|usb",                                                                               \
    .help = N_ (                                                                                                                   \
        "How the guest reaches the disk: every system knows ide, those from 2007 on ahci, those of today nvme; virtio is faster, " \
        "scsi is virtio's SCSI controller, usb is a stick at the machine's USB controller; auto is ide, on q35 ahci")              \
  },                                                                                                                               \
      { .name = "queues",                                                                                                          \
        .type = KEY_NUMBER,                                                                                                        \
        .fallback = "1",                                                                                                           \
        .min = 1,                                                                                                                  \
        .max = 16,                                                                                                                 \
        .help = N_ ("Queues of a disk on virtio, scsi or nvme, for guests with several processors") },                             \
      { .name = "plugged",                                                                                                         \
        .type = KEY_BOOL,                                                                                                          \
        .fallback = "true",                                                                                                        \
        .help = N_ ("Whether a disk on usb or ahci is plugged in; it can be pulled while the machine runs"),                       \
        .live = TRUE },                                                                                                            \
      { .name = "uas",                                                                                                             \
        .type = KEY_BOOL,                                                                                                          \
        .fallback = "false",                                                                                                       \
        .help = N_ (                                                                                                               \
            "Whether a disk on usb speaks USB Attached SCSI, too: faster, for systems with a driver for it (Linux, Windows from 8 on)") },
DRIVE_KEYS (disk_keys, "false", N_ ("The disk's image"), FALSE, DISK_KEYS);
#define CDROM_KEYS                                                                                                                                   \
  { .name = "bus",                                                                                                                                   \
    .type = KEY_CHOICE,                                                                                                                              \
    .fallback = "auto",                                                                                                                              \
    .choices = "auto|ide|ahci|scsi|usb",                                                                                                             \
    .help = N_ (                                                                                                                                     \
        "How the guest reaches the drive: every system knows ide, those from 2007 on ahci, scsi is virtio's SCSI controller, usb is a drive at the " \
        "machine's USB controller; auto is ide, on q35 ahci") },
DRIVE_KEYS (cdrom_keys, "true", N_ ("The image in the CD-ROM drive; none: the drive is empty"), TRUE,
            CDROM_KEYS);
DRIVE_KEYS (floppy_keys, "false", N_ ("The image in the floppy drive; none: the drive is empty"), TRUE);

static const DefinitionKey serial_keys[] = {
  { .name = "backend",
    .type = KEY_CHOICE,
    .fallback = "socket",
    .choices = "socket|none|file|pty|tcp|unix|device",
    .help = N_ (
        "Where the serial port leads beside the control socket: to a file, a pseudo-terminal (pty), a TCP connection, a UNIX socket or a serial port of this computer (device); none: not even to the control socket"),
    .spelled = TRUE },
  { .name = "bus",
    .type = KEY_CHOICE,
    .fallback = "isa",
    .choices = "isa|usb",
    .help = N_ (
        "How the guest reaches the serial port: isa are COM1 to COM4, usb is a port at the machine's USB controller, for systems with a driver for CDC-ACM") },
  { .name = "path",
    .type = KEY_PATH,
    .help = N_ (
        "With backend file: what gets all that the guest sends, behind what is there; with unix: the socket; with device: this computer's port, such as /dev/ttyS0") },
  { .name = "mode",
    .type = KEY_CHOICE,
    .fallback = "listen",
    .choices = "listen|connect",
    .help = N_ (
        "With backend tcp or unix: wait for who connects, one at a time, or connect to who listens, again and again until there is somebody") },
  { .name = "address",
    .type = KEY_STRING,
    .fallback = "",
    .accepts = N_ ("an address in numbers and a port, such as 127.0.0.1:4000"),
    .check = key_check_serial_address,
    .help = N_ (
        "With backend tcp: ADDRESS:PORT, in numbers; whoever reaches it has the serial port, so 127.0.0.1 is for this computer alone") },
  { .name = "speed",
    .type = KEY_CHOICE,
    .fallback = "115200",
    .choices = "300|1200|2400|4800|9600|19200|38400|57600|115200|230400|460800|921600",
    .help = N_ (
        "With backend device: bits a second of this computer's port, with 8 data bits, no parity and one stop bit; the guest's own setting changes nothing there") },
  { .name = NULL },
};

static const DefinitionKey rng_keys[] = {
  { .name = "rate",
    .type = KEY_NUMBER,
    .fallback = "0",
    .max = G_MAXUINT32,
    .spelled = TRUE,
    .help = N_ ("Random bytes a second that the guest gets at most; 0: as many as it asks for") },
  { .name = NULL },
};

static const DefinitionKey usb_keys[] = {
  { .name = "model",
    .type = KEY_CHOICE,
    .fallback = "auto",
    .choices = "auto|xhci|ehci|uhci",
    .spelled = TRUE,
    .help = N_ (
        "The controller: xhci for systems of 2012 and later, ehci (with uhci for slow devices) for those from 2001 on, "
        "uhci for older ones; auto is xhci") },
  { .name = "host",
    .type = KEY_STRING,
    .max = 140,
    .spelled = TRUE,
    .help = N_ (
        "Of usb1 and further ones: a device of this computer for the machine, as “vivctl usb list” names it"),
    .accepts = N_ ("VENDOR:PRODUCT, such as 046d:c52b, or VENDOR:PRODUCT:SERIAL"),
    .check = usb_outside_check },
  { .name = NULL },
};

static const DefinitionKey console_keys[] = {
  { .name = "agent",
    .type = KEY_STRING,
    .max = 63,
    .spelled = TRUE,
    .help = N_ ("The name of a second port for an agent in the guest; none: no such port"),
    .accepts = N_ ("letters, digits, “.”, “_” and “-”, such as org.qemu.guest_agent.0"),
    .check = key_check_port_name },
  { .name = NULL },
};

static const DefinitionKey balloon_keys[] = {
  { .name = "target",
    .type = KEY_SIZE,
    .fallback = "0",
    .max = 1024 * GIB,
    .spelled = TRUE,
    .help = N_ ("Memory that the guest is to do with, and gives the rest back; 0: all of the machine's"),
    .accepts = N_ ("a whole number of MiB"),
    .check = key_check_whole_mib,
    .live = TRUE },
  { .name = NULL },
};

static const DefinitionKey watchdog_keys[] = {
  { .name = "action",
    .type = KEY_CHOICE,
    .fallback = "reset",
    .choices = "reset|poweroff|pause|nmi|none",
    .spelled = TRUE,
    .help
    = N_ ("What is done when the guest's watchdog runs out; nmi interrupts the guest, none only tells") },
  { .name = NULL },
};

static const DefinitionKey panic_keys[] = {
  { .name = "action",
    .type = KEY_CHOICE,
    .fallback = "none",
    .choices = "none|pause|reset|poweroff",
    .spelled = TRUE,
    .help = N_ ("What is done when the guest says that it panics (pvpanic); none only tells") },
  { .name = NULL },
};

static const DefinitionKey tpm_keys[] = {
  { .name = "model",
    .type = KEY_CHOICE,
    .fallback = "crb",
    .choices = "crb|tis",
    .spelled = TRUE,
    .help = N_ (
        "How the guest talks to its TPM 2.0: crb is what today's systems and UEFI have drivers for, tis the older way") },
  { .name = NULL },
};

static const DefinitionKey parallel_keys[] = {
  { .name = "path",
    .type = KEY_PATH,
    .help = N_ ("A file that gets what is printed, behind what is there; none: no printer") },
  { .name = NULL },
};

static const DefinitionKey share_keys[] = {
  { .name = "path",
    .type = KEY_PATH,
    .folder = TRUE,
    .spelled = TRUE,
    .help = N_ ("A folder of this computer that the guest can mount") },
  { .name = "tag",
    .type = KEY_STRING,
    .max = 36,
    .help = N_ ("What the guest mounts it by; none: the device's name, such as share0"),
    .accepts = N_ ("a name of at most 36 bytes"),
    .check = key_check_tag },
  { .name = "readonly", .type = KEY_BOOL, .fallback = "false", .help = N_ ("The guest can't write to it") },
  { .name = NULL },
};

static const DefinitionKey vsock_keys[] = {
  { .name = "cid",
    .type = KEY_NUMBER,
    .fallback = "3",
    .min = 3,
    .max = G_MAXUINT32 - 1,
    .spelled = TRUE,
    .help = N_ ("The guest's own address; this computer's is 2") },
  { .name = NULL },
};

/* Not translated: only tests see it. */
static const DefinitionKey slot_keys[] = {
  { .name = "slot",
    .type = KEY_NUMBER,
    .min = 1,
    .max = DEVICE_MAX_SLOT,
    .spelled = TRUE,
    .help = "The slot that it is in; none: the first that is free" },
  { .name = NULL },
};

const DeviceKind device_kinds[] = {
  { .name = "machine",
    .label = N_ ("Machine"),
    .page = "machine",
    .drive = DRIVE_NONE,
    .keys = machine_keys },
  { .name = "display",
    .label = N_ ("Screen"),
    .most = 1,
    .present = 1,
    .bus = "pci",
    .page = "screen",
    .drive = DRIVE_NONE,
    .keys = display_keys },
  { .name = "input",
    .label = N_ ("Keyboard and Pointer"),
    .page = "input",
    .drive = DRIVE_NONE,
    .keys = input_keys },
  { .name = "net",
    .label = N_ ("Network"),
    .most = 8,
    .page = "network",
    .drive = DRIVE_NONE,
    .keys = net_device_keys },
  { .name = "disk",
    .label = N_ ("Disk"),
    .most = 16,
    .bus = "ide",
    .page = "drives",
    .drive = DRIVE_DISK,
    .keys = disk_keys },
  { .name = "cdrom",
    .label = N_ ("CD-ROM"),
    .most = 4,
    .bus = "ide",
    .page = "drives",
    .drive = DRIVE_CDROM,
    .keys = cdrom_keys },
  { .name = "floppy",
    .label = N_ ("Floppy"),
    .most = 2,
    .bus = "floppy",
    .page = "drives",
    .drive = DRIVE_FLOPPY,
    .keys = floppy_keys },
  { .name = "serial",
    .label = N_ ("Serial Port"),
    .most = 4,
    .present = 1,
    .bus = "isa",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = serial_keys },
  { .name = "rng",
    .label = N_ ("Random Numbers"),
    .most = 1,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = rng_keys },
  { .name = "balloon",
    .label = N_ ("Memory Balloon"),
    .most = 1,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = balloon_keys },
  { .name = "console",
    .label = N_ ("Console"),
    .most = 1,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = console_keys },
  { .name = "usb",
    .label = N_ ("USB"),
    .most = 9,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = usb_keys },
  { .name = "share",
    .label = N_ ("Shared Folder"),
    .most = 4,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = share_keys },
  { .name = "vsock",
    .label = N_ ("Sockets"),
    .most = 1,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = vsock_keys },
  { .name = "watchdog",
    .label = N_ ("Watchdog"),
    .most = 1,
    .bus = "pci",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = watchdog_keys },
  { .name = "panic",
    .label = N_ ("Panic Notifier"),
    .most = 1,
    .bus = "isa",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = panic_keys },
  { .name = "tpm",
    .label = N_ ("TPM"),
    .most = 1,
    .bus = "isa",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = tpm_keys },
  { .name = "parallel",
    .label = N_ ("Parallel Port"),
    .most = 1,
    .bus = "isa",
    .page = "ports",
    .drive = DRIVE_NONE,
    .keys = parallel_keys },
  { .name = "pcitest",
    .label = "PCI Test Device",
    .most = 8,
    .bus = "pcie",
    .page = "ports",
    .drive = DRIVE_NONE,
    .for_tests = TRUE,
    .keys = slot_keys },
  { .name = NULL },
};
