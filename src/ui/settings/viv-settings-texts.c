/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the settings say.
 */
#include "config.h"

#include "ui/settings/viv-settings-texts.h"

#include <glib/gi18n.h>
#include <string.h>

const VivKeyText viv_key_texts[] = {
  { "machine.os", N_ ("Operating System"), N_ ("Decides what is proposed"), VIV_PAGE_GENERAL, "" },
  { "machine.tags", N_ ("Tags"), N_ ("What the library can be filtered by: words with commas between them"),
    VIV_PAGE_GENERAL, "" },
  { "machine.clock", N_ ("Hardware Clock"), N_ ("Windows and DOS expect local time there, others world time"),
    VIV_PAGE_GENERAL, "" },
  { "machine.clock-policy", N_ ("After a Pause"),
    N_ ("Systems that count timer ticks, as Windows does, can catch up with the time"), VIV_PAGE_GENERAL,
    "" },
  { "machine.autostart", N_ ("Start at Login"),
    N_ ("The machine runs as soon as you are there, in no window"), VIV_PAGE_GENERAL, "" },
  { "input.layout", N_ ("Keyboard Layout"),
    N_ ("What the system in the machine has set; text is typed by it"), VIV_PAGE_GENERAL, N_ ("Input") },
  { "input.pointer", N_ ("Pointing Device"),
    N_ ("USB and Virtio need no grab, if the system has a driver for it"), VIV_PAGE_GENERAL, "" },
  { "input.keyboard", N_ ("Keyboard"), N_ ("USB or Virtio takes over as soon as the system has its driver"),
    VIV_PAGE_GENERAL, "" },
  { "input.touchscreen", N_ ("Touchscreen"), N_ ("For ten fingers; it needs a driver in the system"),
    VIV_PAGE_GENERAL, "" },
  { "input.absolute-pointer", N_ ("Pointer Without Grab"),
    N_ ("For boards with a pointing device that needs no grab; on others the screen takes the pointer at a click, and "
        "Ctrl+Alt gives it back"),
    VIV_PAGE_GENERAL, "" },
  { "machine.memory", N_ ("Size"), N_ ("Taken from this computer as the machine comes to use it"),
    VIV_PAGE_SYSTEM, N_ ("Memory") },
  { "machine.memory-merge", N_ ("Share Equal Pages"),
    N_ ("Machines with the same system take less together (KSM)"), VIV_PAGE_SYSTEM, "" },
  { "machine.memory-huge", N_ ("Huge Pages"), N_ ("Faster, where this computer has them to give"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.memory-shared", N_ ("Shared Memory File"), N_ ("Other programs can map the machine's memory"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.cpus", N_ ("Processors"), N_ ("More than this computer has make it slower"), VIV_PAGE_SYSTEM,
    N_ ("Processor") },
  { "machine.topology", N_ ("Sockets, Cores, Threads"), N_ ("For systems that count sockets, such as 2,4,1"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.cpu", N_ ("Model"), N_ ("What the system is told of its processor"), VIV_PAGE_SYSTEM, "" },
  { "machine.hyperv", N_ ("Hyper-V Interface"), N_ ("Windows keeps time and waits better by it, under KVM"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.cpu-speed", N_ ("Speed Limit"), N_ ("MHz of a 486, for games that run too fast"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.engine", N_ ("Runs On"), N_ ("Automatic takes KVM where it is fast"), VIV_PAGE_SYSTEM, "" },
  { "machine.chipset", N_ ("Chipset"), N_ ("The parts that the system finds on the board"), VIV_PAGE_SYSTEM,
    N_ ("Board") },
  { "machine.virtio-rings", N_ ("Virtio Rings"), N_ ("Packed ones need a system that knows them"),
    VIV_PAGE_SYSTEM, "" },
  { "machine.boot", N_ ("Start From"), N_ ("Where the system is looked for, in this order"), VIV_PAGE_BOOT,
    N_ ("Start") },
  { "machine.boot-menu", N_ ("Boot Menu"), N_ ("Asks at each start where to look for the system"),
    VIV_PAGE_BOOT, "" },
  { "machine.firmware", N_ ("Firmware"), N_ ("Runs first, and starts the system"), VIV_PAGE_BOOT, "" },
  { "machine.kernel", N_ ("Kernel"), N_ ("Started instead of what is on the drives"), VIV_PAGE_BOOT,
    N_ ("Direct Kernel Boot") },
  { "machine.initrd", N_ ("Initial RAM Disk"), N_ ("Loaded with the kernel"), VIV_PAGE_BOOT, "" },
  { "machine.modules", N_ ("Boot Modules"), N_ ("Loaded with a Multiboot or PVH kernel"), VIV_PAGE_BOOT, "" },
  { "machine.append", N_ ("Kernel Command Line"), N_ ("Passed to the kernel"), VIV_PAGE_BOOT, "" },
  { "display.video", N_ ("Adapter"), N_ ("None leaves the serial port and the network"), VIV_PAGE_DISPLAY,
    N_ ("Display") },
  { "display.video-memory", N_ ("Video Memory"), N_ ("Limits how large the screen can be"), VIV_PAGE_DISPLAY,
    "" },
  { "display.aspect", N_ ("Aspect Ratio"), N_ ("Automatic shows old modes such as 720 × 400 as a tube does"),
    VIV_PAGE_DISPLAY, "" },
  { "display.vnc-address", N_ ("Address"), N_ ("The screen can be seen there as soon as the machine starts"),
    VIV_PAGE_DISPLAY, N_ ("Remote View (VNC)") },
  { "display.vnc-password-file", N_ ("Password File"), N_ ("Its first line is the password"),
    VIV_PAGE_DISPLAY, "" },
  { "net.kind", N_ ("Leads To"), NULL, VIV_PAGE_DEVICE, "" },
  { "net.network", N_ ("Name of the Network"),
    N_ ("Machines with the same one see each other; of a group its address, such as 239.255.86.77:5886"),
    VIV_PAGE_DEVICE, "" },
  { "net.remote", N_ ("Other Computer"),
    N_ ("Its address and port, such as 192.0.2.7:5887; nobody checks who is there, and nothing is encrypted"),
    VIV_PAGE_DEVICE, "" },
  { "net.local", N_ ("Listens At"),
    N_ ("An address and port of this computer: with TCP instead of the other one's, with UDP if not the same port"),
    VIV_PAGE_DEVICE, "" },
  { "net.tap", N_ ("Tap"), N_ ("An administrator makes it: ip tuntap add dev tap0 mode tap user NAME"),
    VIV_PAGE_DEVICE, "" },
  { "net.bridge", N_ ("Bridge"), N_ ("An administrator makes it, and allows it to qemu-bridge-helper"),
    VIV_PAGE_DEVICE, "" },
  { "net.card", N_ ("Adapter"), N_ ("Virtio is faster, if the system has a driver for it"), VIV_PAGE_DEVICE,
    "" },
  { "net.queues", N_ ("Queues"), N_ ("As many as processors let all of them work side by side"),
    VIV_PAGE_DEVICE, "" },
  { "net.link", N_ ("Cable"), NULL, VIV_PAGE_DEVICE, "" },
  { "net.rate", N_ ("Speed Limit"), N_ ("KiB a second each way; 0: none"), VIV_PAGE_DEVICE, "" },
  { "net.forward", N_ ("Forwarded Ports"), N_ ("Such as tcp:127.0.0.1:2222-:22, with commas between them"),
    VIV_PAGE_DEVICE, "" },
  { "net.restrict", N_ ("Keep the System In"),
    N_ ("It reaches nothing by itself; forwarded ports still lead to it"), VIV_PAGE_DEVICE, "" },
  { "net.mac", N_ ("Network Address"), N_ ("What other computers know the adapter by"), VIV_PAGE_DEVICE, "" },
  { "net.tftp", N_ ("Boot Folder"), N_ ("The system can read it by TFTP, to start from the network"),
    VIV_PAGE_DEVICE, "" },
  { "net.dump", N_ ("Capture"), N_ ("A file that gets a copy of all packets, at the next start"),
    VIV_PAGE_DEVICE, "" },
  { "net.bootfile", N_ ("Boot File"), N_ ("What it starts from in there"), VIV_PAGE_DEVICE, "" },
  { "disk.bus", N_ ("Connection"), N_ ("Virtio and NVMe are faster, if the system has a driver for it"),
    VIV_PAGE_DEVICE, "" },
  { "disk.queues", N_ ("Queues"), N_ ("As many as processors let all of them work side by side"),
    VIV_PAGE_DEVICE, "" },
  { "disk.plugged", N_ ("Plugged In"),
    N_ ("Of a disk on USB or SATA, which can be pulled out while the machine runs"), VIV_PAGE_DEVICE, "" },
  { "disk.uas", N_ ("USB Attached SCSI"),
    N_ ("Faster on USB; needs a driver, which Linux and Windows from 8 on have"), VIV_PAGE_DEVICE, "" },
  { "disk.readonly", N_ ("Read Only"), NULL, VIV_PAGE_DEVICE, "" },
  { "disk.discard", N_ ("Throw Changes Away"), NULL, VIV_PAGE_DEVICE, "" },
  { "cdrom.bus", N_ ("Connection"), N_ ("SCSI and USB need a driver in the system"), VIV_PAGE_DEVICE, "" },
  { "cdrom.discard", N_ ("Throw Changes Away"), NULL, VIV_PAGE_DEVICE, "" },
  { "floppy.readonly", N_ ("Read Only"), NULL, VIV_PAGE_DEVICE, "" },
  { "floppy.discard", N_ ("Throw Changes Away"), NULL, VIV_PAGE_DEVICE, "" },
  { "serial.backend", N_ ("Leads To"), NULL, VIV_PAGE_DEVICE, "" },
  { "serial.bus", N_ ("Connection"), N_ ("USB needs a driver in the system, which those of today have"),
    VIV_PAGE_DEVICE, "" },
  { "serial.path", N_ ("File"),
    N_ ("What the system sends goes behind its end, where the port leads to a file"), VIV_PAGE_DEVICE, "" },
  { "rng.rate", N_ ("Bytes a Second"), N_ ("At most; 0 gives as many as the system asks for"),
    VIV_PAGE_DEVICE, "" },
  { "balloon.target", N_ ("Memory in Use"),
    N_ ("The system gives the rest back to this computer; 0 leaves it all of its memory"), VIV_PAGE_DEVICE,
    "" },
  { "usb.model", N_ ("Model"), N_ ("What the system has a driver for; xHCI is the one of today"),
    VIV_PAGE_DEVICE, "" },
  { "usb.host", N_ ("Device of This Computer"),
    N_ ("Of a further USB group than the first, which is the controller: vendor and product, such as 046d:c52b"),
    VIV_PAGE_DEVICE, "" },
  { "console.agent", N_ ("Agent’s Port"), N_ ("The name of a second port, for a program in the system"),
    VIV_PAGE_DEVICE, "" },
  { "share.path", N_ ("Folder"), N_ ("The system can mount it by virtiofs"), VIV_PAGE_DEVICE, "" },
  { "share.tag", N_ ("Tag"), N_ ("What the system mounts it by"), VIV_PAGE_DEVICE, "" },
  { "share.readonly", N_ ("Read Only"), NULL, VIV_PAGE_DEVICE, "" },
  { "vsock.cid", N_ ("Context ID"), N_ ("The system’s own address; this computer’s is 2"), VIV_PAGE_DEVICE,
    "" },
  { "watchdog.action", N_ ("When It Runs Out"), N_ ("The system’s driver reloads it as long as all is well"),
    VIV_PAGE_DEVICE, "" },
  { "panic.action", N_ ("When the System Panics"), N_ ("It says so by pvpanic"), VIV_PAGE_DEVICE, "" },
  { "tpm.model", N_ ("Interface"), N_ ("CRB is what today’s systems have a driver for"), VIV_PAGE_DEVICE,
    "" },
  { "parallel.path", N_ ("Printed Into"), N_ ("What the system prints goes behind the end of this file"),
    VIV_PAGE_DEVICE, "" },
  { NULL },
};

static const VivKindText kinds[] = {
  { "disk", N_ ("Disk"), NULL, "drive-harddisk-symbolic" },
  { "cdrom", N_ ("CD Drive"), N_ ("Empty _CD Drive"), "drive-optical-symbolic" },
  { "floppy", N_ ("Floppy Drive"), N_ ("Empty _Floppy Drive"), "media-floppy-symbolic" },
  { "net", N_ ("Network"), N_ ("_Network Adapter"), "network-wired-symbolic" },
  { "serial", N_ ("Serial Port"), N_ ("_Serial Port"), "network-wired-symbolic" },
  { "balloon", N_ ("Memory Balloon (Virtio)"), N_ ("Memory _Balloon"), "media-flash-symbolic" },
  { "console", N_ ("Console (Virtio)"), N_ ("_Console"), "utilities-terminal-symbolic" },
  { "usb", N_ ("USB"), N_ ("_USB"), "media-removable-symbolic" },
  { "rng", N_ ("Random Numbers (Virtio)"), N_ ("_Random Numbers"), "media-playlist-shuffle-symbolic" },
  { "share", N_ ("Shared Folder (Virtio)"), N_ ("Shared _Folder"), "folder-publicshare-symbolic" },
  { "vsock", N_ ("Sockets (Virtio)"), N_ ("S_ockets"), "network-transmit-receive-symbolic" },
  { "watchdog", N_ ("Watchdog (i6300ESB)"), N_ ("_Watchdog"), "alarm-symbolic" },
  { "panic", N_ ("Panic Notifier (pvpanic)"), N_ ("_Panic Notifier"), "dialog-warning-symbolic" },
  { "tpm", N_ ("Trusted Platform Module (TPM 2.0)"), N_ ("_TPM"), "channel-secure-symbolic" },
  { "parallel", N_ ("Parallel Port (Printer)"), N_ ("Parall_el Port"), "printer-symbolic" },
};

const VivKeyText *
viv_key_text_find (const DeviceKind *kind, const DefinitionKey *key)
{
  gsize length = strlen (kind->name);

  for (const VivKeyText *text = viv_key_texts; text->key; text++)
    if (strncmp (text->key, kind->name, length) == 0 && text->key[length] == '.'
        && g_str_equal (text->key + length + 1, key->name))
      return text;
  return NULL;
}

VivKindText
viv_kind_text (const DeviceKind *kind)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_equal (kinds[i].kind, kind->name))
      return kinds[i];
  return (VivKindText){ kind->name, kind->label, kind->label, "application-x-addon-symbolic" };
}
