/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What /dev/kvm is worth on this host: is it there, may we use it, and does it run ring-0 code at hardware speed?
 * Some hosts (nested without hardware help) interpret the guest's kernel; the software processor is faster there.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include "base/device-access.h"
#include "base/host-files.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* How long the loop runs, and the speed from which on we call it hardware.  An interpreting KVM gives about 1 million
 * instructions a second, any processor of this century with VT-x or SVM more than 500. */
#define PROBE_NS  3000000L
#define FAST_MIPS 50.0

static const char *
cpu_vendor_hint (void)
{
  unsigned eax, ebx, ecx = 0, edx, more = 0;

  /* CPUID 1: ECX bit 5 VMX, bit 31 a hypervisor (Intel SDM 2A); 80000001h: ECX bit 2 SVM (AMD APM 3, appendix E). */
  if (!__get_cpuid (1, &eax, &ebx, &ecx, &edx))
    return "";
  (void)__get_cpuid (0x80000001, &eax, &ebx, &more, &edx);
  if ((ecx & (1u << 5)) == 0 && (more & (1u << 2)) == 0)
    return (ecx & (1u << 31)) != 0
               ? " This host is itself a virtual machine without nested virtualisation; ask its owner to turn it on."
               : " The processor shows neither VT-x nor SVM: turn virtualisation on in the firmware setup.";
  return " Load the module: modprobe kvm_intel or modprobe kvm_amd.";
}

int
kvm_open (GError **error)
{
  static const struct
  {
    int cap;
    const char *what;
  } needs[] = {
    { KVM_CAP_USER_MEMORY, "memory slots" },
    { KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
    { KVM_CAP_SPLIT_IRQCHIP, "the split interrupt controller" },
    { KVM_CAP_READONLY_MEM, "read-only memory" },
    { KVM_CAP_SIGNAL_MSI, "message-signalled interrupts" },
  };
  int fd = host_file_open ("/dev/kvm", O_RDWR);

  if (fd < 0)
    {
      int code = errno;

      if (code == ENOENT || code == ENODEV || code == ENXIO)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     "There is no /dev/kvm: the kernel's KVM module is not loaded.%s", cpu_vendor_hint ());
      else if (code == EACCES || code == EPERM)
        {
          g_autofree char *told = host_file_explain ("/dev/kvm");
          g_autofree char *advice
              = told != NULL ? g_steal_pointer (&told) : device_access_advice_of ("/dev/kvm");
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                       "/dev/kvm may not be used by this user: %s", advice);
        }
      else
        g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (code), "/dev/kvm can't be opened: %s",
                     g_strerror (code));
      return -1;
    }
  if (ioctl (fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "/dev/kvm speaks another version of the interface; update the kernel");
      close (fd);
      return -1;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (needs); i++)
    if (ioctl (fd, KVM_CHECK_EXTENSION, needs[i].cap) <= 0)
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                     "This kernel's KVM lacks %s; Linux 4.12 or newer has it", needs[i].what);
        close (fd);
        return -1;
      }
  return fd;
}

/* 32-bit protected mode, flat, at 0x1000; EBX = 0x2000.  Five instructions a turn. */
static const uint8_t loop_code[] = {
  0x40,       /* 1: inc %eax        */
  0x89, 0x03, /*    mov %eax,(%ebx) */
  0x03, 0x0b, /*    add (%ebx),%ecx */
  0xfa,       /*    cli             */
  0xeb, 0xf8, /*    jmp 1b          */
};
#define LOOP_INSTRUCTIONS 5

static gboolean
run_for (int vcpu, struct kvm_run *run, int64_t *elapsed)
{
  struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
  struct itimerspec spec = { .it_value.tv_nsec = PROBE_NS, .it_interval.tv_nsec = PROBE_NS };
  struct timespec before, after;
  timer_t timer;
  int ret;

  event._sigev_un._tid = gettid ();
  if (timer_create (CLOCK_MONOTONIC, &event, &timer) < 0)
    return FALSE;
  clock_gettime (CLOCK_MONOTONIC, &before);
  timer_settime (timer, 0, &spec, NULL);
  ret = ioctl (vcpu, KVM_RUN, 0);
  clock_gettime (CLOCK_MONOTONIC, &after);
  timer_delete (timer);
  *elapsed = (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
  return ret < 0 && errno == EINTR;
}

/* MIPS of the loop, or -1. */
static double
measure (int kvm)
{
  int vm = -1, vcpu = -1, size;
  struct kvm_run *run = MAP_FAILED;
  uint8_t *memory = MAP_FAILED;
  struct kvm_sregs sregs;
  struct kvm_regs regs = { .rip = 0x1000, .rbx = 0x2000, .rflags = 2 };
  double mips = -1;
  int64_t elapsed;

  kvm_kick_init ();
  vm = ioctl (kvm, KVM_CREATE_VM, 0);
  memory = mmap (NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (vm < 0 || memory == MAP_FAILED)
    goto out;
  memcpy (memory + 0x1000, loop_code, sizeof loop_code);
  {
    struct kvm_userspace_memory_region region
        = { .memory_size = 0x4000, .userspace_addr = (uintptr_t)memory };
    uint64_t identity = 0xfffbc000;

    (void)ioctl (vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    (void)ioctl (vm, KVM_SET_TSS_ADDR, 0xfffbd000);
    if (ioctl (vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
      goto out;
  }
  vcpu = ioctl (vm, KVM_CREATE_VCPU, 0);
  size = ioctl (kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (vcpu < 0 || size <= 0)
    goto out;
  run = mmap (NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (run == MAP_FAILED || ioctl (vcpu, KVM_GET_SREGS, &sregs) < 0)
    goto out;
  sregs.cr0 |= 1;
  sregs.cs = (struct kvm_segment){
    .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .db = 1, .s = 1, .g = 1
  };
  sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = (struct kvm_segment){
    .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1
  };
  if (ioctl (vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl (vcpu, KVM_SET_REGS, &regs) < 0)
    goto out;
  if (!run_for (vcpu, run, &elapsed) || ioctl (vcpu, KVM_GET_REGS, &regs) < 0)
    goto out;
  mips = (double)(uint32_t)regs.rax * LOOP_INSTRUCTIONS * 1000.0 / (double)MAX (elapsed, 1);
out:
  if (run != MAP_FAILED)
    munmap (run, (size_t)size);
  if (memory != MAP_FAILED)
    munmap (memory, 0x4000);
  if (vcpu >= 0)
    close (vcpu);
  if (vm >= 0)
    close (vm);
  return mips;
}

static void
fill_probe (KvmProbe *probe)
{
  g_autoptr (GError) error = NULL;
  uint32_t mode;
  uint64_t size;
  int fd = kvm_open (&error);

  probe->present = host_file_look ("/dev/kvm", &mode, &size) == 0;
  if (fd < 0)
    {
      probe->detail = g_strdup (error->message);
      return;
    }
  probe->usable = TRUE;
  probe->mips = measure (fd);
  close (fd);
  if (probe->mips < 0)
    {
      probe->detail = g_strdup ("/dev/kvm is there, but a small test program did not run in it.");
      probe->mips = 0;
      return;
    }
  probe->fast = probe->mips >= FAST_MIPS;
  if (probe->fast)
    probe->detail = g_strdup_printf (
        "/dev/kvm runs guest code at hardware speed (%.0f million instructions a second in a test).",
        probe->mips);
  else
    probe->detail = g_strdup_printf (
        "/dev/kvm is there, but it interprets the guest's kernel: %.1f million instructions a second in a "
        "test, where hardware gives hundreds. This host lacks VT-x or SVM for its guests.",
        probe->mips);
}

const KvmProbe *
kvm_probe (void)
{
  static KvmProbe probe;
  static gsize once;

  if (g_once_init_enter (&once))
    {
      fill_probe (&probe);
      g_once_init_leave (&once, 1);
    }
  return &probe;
}
