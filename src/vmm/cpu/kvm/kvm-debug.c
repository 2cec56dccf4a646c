/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A debugger's points and steps by KVM_SET_GUEST_DEBUG (Linux: api.rst, 4.87): the host's debug registers, and so four points of at most eight bytes.
 * No byte of the guest's memory is changed, so there is nothing that a save, or a debugger that went away, could leave there.
 */
#define G_LOG_DOMAIN "kvm"

#include "cpu/kvm/kvm.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/ioctl.h>

#define N_POINTS  4
#define RFLAGS_RF 0x10000u

/* SDM volume 3, 17.2.4: type and length of each point. */
static gboolean
encode_point (const EnginePoint *point, unsigned n, uint64_t *dr7, GError **error)
{
  static const unsigned types[]
      = { [ENGINE_POINT_EXECUTE] = 0, [ENGINE_POINT_WRITE] = 1, [ENGINE_POINT_ACCESS] = 3 };
  unsigned length = 0;

  if (point->kind != ENGINE_POINT_EXECUTE)
    switch (point->length)
      {
      case 1:
        break;
      case 2:
        length = 1;
        break;
      case 4:
        length = 3;
        break;
      case 8:
        length = 2;
        break;
      default:
        length = 4;
        break;
      }
  if (length == 4 || (point->kind != ENGINE_POINT_EXECUTE && (point->address & (point->length - 1)) != 0))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "with KVM a watchpoint has 1, 2, 4 or 8 bytes and lies at a multiple of that");
      return FALSE;
    }
  *dr7 |= 2u << (2 * n) | types[point->kind] << (16 + 4 * n) | length << (18 + 4 * n);
  return TRUE;
}

gboolean
kvm_debug_changed (Engine *engine, GError **error)
{
  KvmEngine *kvm = (KvmEngine *)engine;
  const EngineDebug *debug = &engine->debug;
  uint64_t dr7 = 0x600;

  if (debug->n_points > N_POINTS)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
          "KVM has %d breakpoints and watchpoints in all, the processor's own; the software processor has %d "
          "(machine.engine)",
          N_POINTS, ENGINE_MAX_POINTS);
      return FALSE;
    }
  for (unsigned i = 0; i < debug->n_points; i++)
    if (!encode_point (&debug->points[i], i, &dr7, error))
      return FALSE;
  for (unsigned n = 0; n < kvm->n_vcpus; n++)
    {
      KvmVcpu *vcpu = &kvm->vcpus[n];
      struct kvm_guest_debug control = { 0 };

      vcpu->debug_step = (debug->steps >> n & 1) != 0;
      vcpu->debug_stands = (debug->stands >> n & 1) != 0;
      if (debug->n_points > 0)
        {
          control.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
          for (unsigned i = 0; i < debug->n_points; i++)
            control.arch.debugreg[i] = debug->points[i].address;
          control.arch.debugreg[7] = dr7;
        }
      if (vcpu->debug_step)
        control.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | kvm->debug_flags;
      if (control.control == vcpu->debug_control && control.control == 0)
        continue;
      if (ioctl (vcpu->fd, KVM_SET_GUEST_DEBUG, &control) < 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       "KVM on this host can't do that (%s); the software processor can (machine.engine)",
                       g_strerror (errno));
          return FALSE;
        }
      vcpu->debug_control = control.control;
    }
  return TRUE;
}

void
kvm_debug_exit (KvmVcpu *vcpu)
{
  Engine *engine = &vcpu->engine->engine;
  const uint64_t dr6 = vcpu->run->debug.arch.dr6;
  EngineStop stop = { .kind = ENGINE_STOP_STEP, .cpu = vcpu->index };

  for (unsigned i = 0; i < MIN (engine->debug.n_points, N_POINTS); i++)
    if ((dr6 >> i & 1) != 0)
      {
        stop.kind = ENGINE_STOP_POINT;
        stop.point = engine->debug.points[i].kind;
        stop.address = engine->debug.points[i].address;
        break;
      }
  vcpu->debug_stopped = TRUE;
  vcpu->debug_met = stop.kind == ENGINE_STOP_POINT && stop.point == ENGINE_POINT_EXECUTE;
  engine_debug_stop (engine, &stop);
}

void
kvm_debug_resume (KvmVcpu *vcpu)
{
  struct kvm_regs regs;

  /* Whoever lets the machine go on: not into the same breakpoint once more. */
  if (vcpu->debug_met && vcpu->debug_control != 0 && ioctl (vcpu->fd, KVM_GET_REGS, &regs) == 0)
    {
      regs.rflags |= RFLAGS_RF;
      (void)ioctl (vcpu->fd, KVM_SET_REGS, &regs);
    }
  vcpu->debug_stopped = vcpu->debug_met = FALSE;
}
