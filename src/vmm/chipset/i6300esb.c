/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 6300ESB's watchdog.
 */
#define G_LOG_DOMAIN "chipset"

#include "chipset/i6300esb.h"
#include "chipset/common.h"

#define SIZE        16u
#define PRELOAD_MAX 0xfffffu
#define PCI_CLOCK   33000000

/* Configuration space (17.3). */
enum
{
  WDT_CONFIGURATION = 0x60,
  WDT_INT_TYPE = 3, /* 0: interrupt, 2: SMI, 3: none */
  WDT_PRE_SEL = 1 << 2,
  WDT_OUT_ENABLE = 1 << 5, /* set: running out has no effect */
  WDT_LOCK = 0x68,
  WDT_LOCKED = 1 << 0,
  WDT_ENABLE = 1 << 1,
  WDT_FREE_RUNNING = 1 << 2,
};
/* Memory (17.4). */
enum
{
  PRELOAD_1 = 0x00,
  PRELOAD_2 = 0x04,
  GENERAL_INTERRUPT = 0x08,
  INTERRUPT_ACTIVE = 1 << 0,
  RELOAD = 0x0c,
  RELOAD_KEY_1 = 0x80,
  RELOAD_KEY_2 = 0x86,
  WDT_RELOAD = 1 << 8,
  WDT_TIMEOUT = 1 << 9,
};

typedef struct
{
  PciDevice pci;
  Region *registers;
  VmTimer timer;
  uint32_t preload[2];
  uint32_t stage;  /* 0: stands, 1, 2 */
  uint32_t keys;   /* how much of the two has been written to RELOAD */
  uint32_t active; /* the interrupt */
  uint32_t timed_out;
  uint32_t locked;
  GuestAction action;
  GuestEventFunc event;
  void *opaque;
} Watchdog;

static const StateField watchdog_state[] = {
  STATE_STRUCT (Watchdog, pci, pci_device_state),
  STATE_TIMER (Watchdog, timer),
  STATE_U32_ARRAY (Watchdog, preload),
  STATE_U32_MAX (Watchdog, stage, 2),
  STATE_U32_MAX (Watchdog, keys, 2),
  STATE_U32_MAX (Watchdog, active, 1),
  STATE_U32_MAX (Watchdog, timed_out, 1),
  STATE_U32_MAX (Watchdog, locked, 1),
  STATE_END,
};

/* The counter has 35 bits and the preload is its upper 20, or those from bit 5 on. */
static void
begin_stage (Watchdog *w, unsigned stage)
{
  const gboolean fine = (w->pci.config[WDT_CONFIGURATION] & WDT_PRE_SEL) != 0;
  const uint64_t ticks = ((uint64_t)w->preload[stage - 1] + 1) << (fine ? 5 : 15);

  w->stage = stage;
  vm_timer_arm (&w->timer, vm_clock_now (w->pci.device.vm->clock)
                               + clock_muldiv ((int64_t)ticks, NS_PER_SECOND, PCI_CLOCK));
}

static void
stand (Watchdog *w)
{
  w->stage = 0;
  vm_timer_cancel (&w->timer);
}

static void
update_interrupt (Watchdog *w)
{
  pci_device_intx (&w->pci, w->active != 0 && (w->pci.config[WDT_CONFIGURATION] & WDT_INT_TYPE) == 0);
}

static void
run_out (Watchdog *w)
{
  static const char sentence[] = "the guest's watchdog has run out: nothing has reloaded it in time";

  w->timed_out = TRUE;
  if ((w->pci.config[WDT_CONFIGURATION] & WDT_OUT_ENABLE) != 0)
    return;
  device_log (&w->pci.device, "the watchdog has run out");
  if (w->event != NULL)
    w->event (w->opaque, sentence);
  guest_action_do (w->pci.device.vm, w->action, sentence);
}

static void
on_timer (void *opaque)
{
  Watchdog *w = opaque;

  if (w->stage == 1)
    {
      if ((w->pci.config[WDT_CONFIGURATION] & WDT_INT_TYPE) == 0)
        w->active = TRUE;
      update_interrupt (w);
      begin_stage (w, 2);
      return;
    }
  if ((w->pci.config[WDT_LOCK] & WDT_FREE_RUNNING) != 0)
    begin_stage (w, 1);
  else
    stand (w);
  run_out (w);
}

/* -- Registers ------------------------------------------------------------------------------------ */

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  const Watchdog *w = opaque;

  switch (addr & ~(uint64_t)3)
    {
    case PRELOAD_1:
      return w->preload[0];
    case PRELOAD_2:
      return w->preload[1];
    case GENERAL_INTERRUPT:
      return w->active;
    default:
      return w->timed_out ? WDT_TIMEOUT : 0;
    }
}

static void
unlocked_write (Watchdog *w, uint64_t addr, uint32_t value)
{
  switch (addr)
    {
    case PRELOAD_1:
      w->preload[0] = value & PRELOAD_MAX;
      break;
    case PRELOAD_2:
      w->preload[1] = value & PRELOAD_MAX;
      break;
    case RELOAD:
      if ((value & WDT_TIMEOUT) != 0)
        w->timed_out = FALSE;
      if ((value & WDT_RELOAD) != 0 && w->stage != 0)
        begin_stage (w, 1);
      break;
    default:
      break;
    }
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Watchdog *w = opaque;

  if (addr == GENERAL_INTERRUPT)
    {
      if ((value & INTERRUPT_ACTIVE) != 0)
        w->active = FALSE;
      update_interrupt (w);
      return;
    }
  /* Two keys, then one write. */
  if (w->keys == 2)
    {
      w->keys = 0;
      unlocked_write (w, addr, (uint32_t)value);
    }
  else if (addr == RELOAD && value == (w->keys == 0 ? RELOAD_KEY_1 : RELOAD_KEY_2))
    w->keys++;
  else
    w->keys = 0;
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 2, .impl_max = 4, .valid_max = 4 };

static void
set_lock_mask (Watchdog *w)
{
  w->pci.write_mask[WDT_LOCK] = w->locked ? 0 : WDT_LOCKED | WDT_ENABLE | WDT_FREE_RUNNING;
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  Watchdog *w = (Watchdog *)pci;
  const uint8_t lock = pci->config[WDT_LOCK];

  if (offset <= WDT_CONFIGURATION && offset + size > WDT_CONFIGURATION)
    update_interrupt (w);
  if (offset > WDT_LOCK || offset + size <= WDT_LOCK)
    return;
  w->locked = w->locked || (lock & WDT_LOCKED) != 0;
  set_lock_mask (w);
  if ((lock & WDT_ENABLE) == 0)
    stand (w);
  else if (w->stage == 0)
    begin_stage (w, 1);
}

/* -- Life ----------------------------------------------------------------------------------------- */

static void
watchdog_reset (Device *device)
{
  Watchdog *w = (Watchdog *)device;

  w->locked = FALSE;
  set_lock_mask (w);
  pci_device_reset (&w->pci);
  stand (w);
  w->preload[0] = w->preload[1] = PRELOAD_MAX;
  w->keys = w->active = 0;
  update_interrupt (w);
  /* WDT_TIMEOUT stays, so that who starts anew finds out why. */
}

static gboolean
watchdog_post_load (Device *device, GError **error)
{
  Watchdog *w = (Watchdog *)device;

  w->preload[0] &= PRELOAD_MAX;
  w->preload[1] &= PRELOAD_MAX;
  if ((w->stage != 0) != vm_timer_armed (&w->timer))
    {
      g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE,
                           "The watchdog counts without a timer, or the other way round");
      return FALSE;
    }
  set_lock_mask (w);
  return pci_device_post_load (&w->pci, error);
}

static gboolean
watchdog_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x25ab,
                                        .subsystem_vendor = 0x8086,
                                        .subsystem = 0x25ab,
                                        .class_code = 0x088000,
                                        .revision = 2,
                                        .interrupt_pin = 1 };
  Watchdog *w = (Watchdog *)device;

  if (!pci_device_init (&w->pci, w->pci.bus, w->pci.devfn, &identity, error))
    return FALSE;
  w->registers = region_new_io ("i6300esb", SIZE, &registers_ops, w);
  pci_device_add_bar (&w->pci, 0, w->registers, PCI_BAR_MEMORY32);
  w->pci.write_mask[WDT_CONFIGURATION] = WDT_INT_TYPE | WDT_PRE_SEL | WDT_OUT_ENABLE;
  w->pci.config_written = config_written;
  set_lock_mask (w);
  vm_timer_init (&w->timer, device->vm->clock, on_timer, w);
  return TRUE;
}

static void
watchdog_unrealize (Device *device)
{
  Watchdog *w = (Watchdog *)device;

  vm_timer_cancel (&w->timer);
  pci_device_exit (&w->pci);
  g_clear_pointer (&w->registers, region_unref);
}

static const DeviceClass watchdog_class = {
  .name = "i6300esb",
  .instance_size = sizeof (Watchdog),
  .state = watchdog_state,
  .realize = watchdog_realize,
  .reset = watchdog_reset,
  .post_load = watchdog_post_load,
  .unrealize = watchdog_unrealize,
};

Device *
i6300esb_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GuestAction action, GuestEventFunc event,
              void *opaque, GError **error)
{
  Watchdog *w = device_new (vm, &watchdog_class, id);

  w->pci.bus = bus;
  w->pci.devfn = (uint8_t)devfn;
  w->action = action;
  w->event = event;
  w->opaque = opaque;
  return chipset_realize (w, error);
}
