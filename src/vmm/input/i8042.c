/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 8042: one output buffer that two devices and the controller itself share, a command byte, an input and an
 * output port, and a translator from scan code set 2 to set 1.
 *
 * A device's byte comes through its clocked wire: the buffer fills some time after the last read, so that an interrupt
 * handler that looks at port 0x60 twice sees the same byte twice, and a guest that polls sees it come.  A port access looks
 * at the clock too: a polling guest doesn't depend on when the main loop runs the timer.
 */
#define G_LOG_DOMAIN "i8042"

#include "input/i8042.h"
#include "input/ps2-keyboard.h"
#include "input/ps2-mouse.h"

enum
{
  STATUS_OUTPUT_FULL = 1 << 0,
  STATUS_INPUT_FULL = 1 << 1,
  STATUS_SYSTEM = 1 << 2,  /* self test passed */
  STATUS_COMMAND = 1 << 3, /* the last write went to port 0x64 */
  STATUS_UNLOCKED = 1 << 4,
  STATUS_AUX_FULL = 1 << 5,
};

enum
{
  COMMAND_BYTE_INT1 = 1 << 0,
  COMMAND_BYTE_INT12 = 1 << 1,
  COMMAND_BYTE_SYSTEM = 1 << 2,
  COMMAND_BYTE_DISABLE_KEYBOARD = 1 << 4,
  COMMAND_BYTE_DISABLE_AUX = 1 << 5,
  COMMAND_BYTE_TRANSLATE = 1 << 6,
};

enum
{
  OUTPUT_PORT_NO_RESET = 1 << 0,
  OUTPUT_PORT_A20 = 1 << 1,
  OUTPUT_PORT_IRQ1 = 1 << 4,
  OUTPUT_PORT_IRQ12 = 1 << 5,
  OUTPUT_PORT_CLOCK_DATA = 0xc0, /* the keyboard's wires, idle */
};

enum
{
  CMD_READ_RAM = 0x20,  /* to 0x3f */
  CMD_WRITE_RAM = 0x60, /* to 0x7f */
  CMD_TEST_PASSWORD = 0xa4,
  CMD_LOAD_PASSWORD = 0xa5,
  CMD_ENABLE_PASSWORD = 0xa6,
  CMD_DISABLE_AUX = 0xa7,
  CMD_ENABLE_AUX = 0xa8,
  CMD_TEST_AUX = 0xa9,
  CMD_SELF_TEST = 0xaa,
  CMD_TEST_KEYBOARD = 0xab,
  CMD_DISABLE_KEYBOARD = 0xad,
  CMD_ENABLE_KEYBOARD = 0xae,
  CMD_READ_INPUT_PORT = 0xc0,
  CMD_READ_OUTPUT_PORT = 0xd0,
  CMD_WRITE_OUTPUT_PORT = 0xd1,
  CMD_WRITE_KEYBOARD_BUFFER = 0xd2,
  CMD_WRITE_AUX_BUFFER = 0xd3,
  CMD_WRITE_AUX = 0xd4,
  CMD_DISABLE_A20 = 0xdd,
  CMD_ENABLE_A20 = 0xdf,
  CMD_READ_TEST_INPUTS = 0xe0,
  CMD_PULSE = 0xf0, /* to 0xff */
};

#define INPUT_PORT 0xb0           /* unlocked, colour display, manufacturing jumper not set */
#define BYTE_NS    (300 * 1000LL) /* from one byte read to the next */
#define REPLY_NS   (50 * 1000LL)  /* from a command to the first byte of a device's answer */

typedef struct
{
  Device device;
  IrqLine keyboard_irq, mouse_irq, a20;
  gboolean (*a20_is_open) (void *opaque);
  void *a20_opaque;
  InputRouter *router;
  Region *data_region, *status_region;
  Mapping *data_mapping, *status_mapping;
  VmTimer timer; /* the next byte of a device arrives */

  Ps2Keyboard keyboard;
  Ps2Mouse mouse;
  uint8_t ram[32]; /* [0]: command byte */
  uint8_t status;
  uint8_t output;      /* output buffer */
  uint8_t output_port; /* bits 0 and 1 */
  uint8_t argument_of; /* command whose argument is awaited, 0: none */
  gboolean loading_password;
  gboolean break_pending; /* the translator has seen 0xf0 */
  gboolean refilling;     /* devices that wake say nothing new: whoever refills them looks at them next */
} I8042;

/* Scan code set 2 to set 1, as the controller's ROM has it; 0x80 and above pass but for 0x83 and 0x84. */
static const uint8_t translation[128] = {
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59, /* 00 */
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, /* 10 */
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, /* 20 */
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, /* 30 */
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61, /* 40 */
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, /* 50 */
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, /* 60 */
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, /* 70 */
};

/* -- Output buffer -------------------------------------------------------------------------------- */

static void
update_irqs (I8042 *kbc)
{
  gboolean full = (kbc->status & STATUS_OUTPUT_FULL) != 0, aux = (kbc->status & STATUS_AUX_FULL) != 0;

  irq_set (&kbc->keyboard_irq, full && !aux && (kbc->ram[0] & COMMAND_BYTE_INT1));
  irq_set (&kbc->mouse_irq, full && aux && (kbc->ram[0] & COMMAND_BYTE_INT12));
}

static void
fill (I8042 *kbc, uint8_t value, gboolean aux)
{
  /* A byte that replaces an unread one is an edge of its own. */
  kbc->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_AUX_FULL);
  update_irqs (kbc);
  kbc->output = value;
  kbc->status |= STATUS_OUTPUT_FULL | (aux ? STATUS_AUX_FULL : 0);
  update_irqs (kbc);
}

static gboolean
keyboard_waits (const I8042 *kbc)
{
  return !(kbc->ram[0] & COMMAND_BYTE_DISABLE_KEYBOARD) && ps2_keyboard_pending (&kbc->keyboard);
}

static gboolean
mouse_waits (const I8042 *kbc)
{
  return !(kbc->ram[0] & COMMAND_BYTE_DISABLE_AUX) && ps2_mouse_pending (&kbc->mouse);
}

/* TRUE if `*value` goes to the host; FALSE if it was the prefix of a break code. */
static gboolean
translate (I8042 *kbc, uint8_t *value)
{
  if (!(kbc->ram[0] & COMMAND_BYTE_TRANSLATE))
    {
      kbc->break_pending = FALSE;
      return TRUE;
    }
  if (*value == 0xf0)
    {
      kbc->break_pending = TRUE;
      return FALSE;
    }
  if (*value < 0x80)
    *value = translation[*value];
  else if (*value == 0x83)
    *value = 0x41;
  else if (*value == 0x84)
    *value = 0x54;
  if (kbc->break_pending && *value < 0x80)
    *value |= 0x80;
  kbc->break_pending = FALSE;
  return TRUE;
}

static void
deliver (I8042 *kbc)
{
  uint8_t value;

  if (kbc->status & STATUS_OUTPUT_FULL)
    return;
  while (keyboard_waits (kbc) && ps2_keyboard_read (&kbc->keyboard, &value))
    if (translate (kbc, &value))
      {
        fill (kbc, value, FALSE);
        return;
      }
  if (mouse_waits (kbc) && ps2_mouse_read (&kbc->mouse, &value))
    fill (kbc, value, TRUE);
}

static void
schedule (I8042 *kbc, int64_t delay)
{
  if ((kbc->status & STATUS_OUTPUT_FULL) || vm_timer_armed (&kbc->timer)
      || !(keyboard_waits (kbc) || mouse_waits (kbc)))
    return;
  vm_timer_arm (&kbc->timer, vm_clock_now (kbc->device.vm->clock) + delay);
}

static void
on_timer (void *opaque)
{
  deliver (opaque);
}

static void
on_device_ready (void *opaque)
{
  I8042 *kbc = opaque;

  if (!kbc->refilling)
    schedule (kbc, REPLY_NS);
}

/* The guest has read or commanded: there may be room for what waits in front of the devices. */
static void
refill (I8042 *kbc)
{
  kbc->refilling = TRUE;
  ps2_keyboard_refill (&kbc->keyboard);
  ps2_mouse_refill (&kbc->mouse);
  kbc->refilling = FALSE;
}

/* What the timer would have done by now. */
static void
catch_up (I8042 *kbc)
{
  if (vm_timer_armed (&kbc->timer) && vm_clock_now (kbc->device.vm->clock) >= kbc->timer.deadline)
    {
      vm_timer_cancel (&kbc->timer);
      deliver (kbc);
    }
}

/* -- Ports ---------------------------------------------------------------------------------------- */

static void
set_output_port (I8042 *kbc, uint8_t value)
{
  kbc->output_port = value & (OUTPUT_PORT_NO_RESET | OUTPUT_PORT_A20);
  irq_set (&kbc->a20, (value & OUTPUT_PORT_A20) != 0);
  if (!(value & OUTPUT_PORT_NO_RESET))
    {
      kbc->output_port |= OUTPUT_PORT_NO_RESET;
      vm_request (kbc->device.vm, VM_REQUEST_INIT, "the guest pulled the keyboard controller's reset line");
    }
}

static uint8_t
output_port (const I8042 *kbc)
{
  gboolean full = (kbc->status & STATUS_OUTPUT_FULL) != 0, aux = (kbc->status & STATUS_AUX_FULL) != 0;

  uint8_t port = kbc->output_port;

  if (kbc->a20_is_open != NULL)
    port = (uint8_t)((port & ~OUTPUT_PORT_A20) | (kbc->a20_is_open (kbc->a20_opaque) ? OUTPUT_PORT_A20 : 0));
  return (uint8_t)(OUTPUT_PORT_CLOCK_DATA | port | (full && !aux ? OUTPUT_PORT_IRQ1 : 0)
                   | (full && aux ? OUTPUT_PORT_IRQ12 : 0));
}

static void
set_command_byte (I8042 *kbc, uint8_t value)
{
  kbc->ram[0] = value;
  kbc->status = (uint8_t)((kbc->status & ~STATUS_SYSTEM) | (value & COMMAND_BYTE_SYSTEM));
  update_irqs (kbc);
  schedule (kbc, REPLY_NS);
}

static void
command (I8042 *kbc, uint8_t value)
{
  switch (value)
    {
    case CMD_READ_RAM ... CMD_READ_RAM + 0x1f:
      fill (kbc, kbc->ram[value & 0x1f], FALSE);
      break;
    case CMD_TEST_PASSWORD:
      fill (kbc, 0xf1, FALSE); /* none installed */
      break;
    case CMD_LOAD_PASSWORD:
      kbc->loading_password = TRUE;
      break;
    case CMD_ENABLE_PASSWORD:
      break;
    case CMD_DISABLE_AUX:
      set_command_byte (kbc, kbc->ram[0] | COMMAND_BYTE_DISABLE_AUX);
      break;
    case CMD_ENABLE_AUX:
      set_command_byte (kbc, kbc->ram[0] & ~COMMAND_BYTE_DISABLE_AUX);
      break;
    case CMD_SELF_TEST:
      kbc->ram[0] |= COMMAND_BYTE_SYSTEM;
      kbc->status |= STATUS_SYSTEM;
      fill (kbc, 0x55, FALSE);
      break;
    case CMD_TEST_AUX:
    case CMD_TEST_KEYBOARD:
      fill (kbc, 0x00, FALSE);
      break;
    case CMD_DISABLE_KEYBOARD:
      set_command_byte (kbc, kbc->ram[0] | COMMAND_BYTE_DISABLE_KEYBOARD);
      break;
    case CMD_ENABLE_KEYBOARD:
      set_command_byte (kbc, kbc->ram[0] & ~COMMAND_BYTE_DISABLE_KEYBOARD);
      break;
    case CMD_READ_INPUT_PORT:
      fill (kbc, INPUT_PORT, FALSE);
      break;
    case CMD_READ_OUTPUT_PORT:
      fill (kbc, output_port (kbc), FALSE);
      break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + 0x1f:
    case CMD_WRITE_OUTPUT_PORT:
    case CMD_WRITE_KEYBOARD_BUFFER:
    case CMD_WRITE_AUX_BUFFER:
    case CMD_WRITE_AUX:
      kbc->argument_of = value;
      break;
    case CMD_DISABLE_A20:
    case CMD_ENABLE_A20:
      set_output_port (kbc,
                       (uint8_t)(OUTPUT_PORT_NO_RESET | (value == CMD_ENABLE_A20 ? OUTPUT_PORT_A20 : 0)));
      break;
    case CMD_READ_TEST_INPUTS:
      fill (kbc, 0x00, FALSE);
      break;
    case CMD_PULSE ... CMD_PULSE + 0x0f:
      /* A zero bit pulses its line low; only the reset line does anything when it comes back. */
      if (!(value & OUTPUT_PORT_NO_RESET))
        vm_request (kbc->device.vm, VM_REQUEST_INIT, "the guest pulsed the keyboard controller's reset line");
      break;
    default:
      device_log (&kbc->device, "unknown controller command 0x%02x", value);
      break;
    }
}

static void
argument (I8042 *kbc, uint8_t of, uint8_t value)
{
  switch (of)
    {
    case CMD_WRITE_RAM:
      set_command_byte (kbc, value);
      break;
    case CMD_WRITE_RAM + 1 ... CMD_WRITE_RAM + 0x1f:
      kbc->ram[of & 0x1f] = value;
      break;
    case CMD_WRITE_OUTPUT_PORT:
      set_output_port (kbc, value);
      break;
    case CMD_WRITE_KEYBOARD_BUFFER:
      fill (kbc, value, FALSE);
      break;
    case CMD_WRITE_AUX_BUFFER:
      fill (kbc, value, TRUE);
      break;
    case CMD_WRITE_AUX:
      kbc->ram[0] &= (uint8_t)~COMMAND_BYTE_DISABLE_AUX;
      ps2_mouse_write (&kbc->mouse, value);
      break;
    default:
      break;
    }
}

static uint64_t
data_read (void *opaque, uint64_t addr, unsigned size)
{
  I8042 *kbc = opaque;

  catch_up (kbc);
  if (kbc->status & STATUS_OUTPUT_FULL)
    {
      kbc->status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_AUX_FULL);
      update_irqs (kbc);
      refill (kbc);
      schedule (kbc, BYTE_NS);
    }
  return kbc->output;
}

static void
data_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  I8042 *kbc = opaque;
  uint8_t of = kbc->argument_of;

  catch_up (kbc);
  kbc->status &= (uint8_t)~STATUS_COMMAND;
  kbc->argument_of = 0;
  if (kbc->loading_password)
    kbc->loading_password = (uint8_t)value != 0; /* thrown away: there is no password */
  else if (of != 0)
    argument (kbc, of, (uint8_t)value);
  else
    {
      /* Talking to the keyboard turns its clock on. */
      kbc->ram[0] &= (uint8_t)~COMMAND_BYTE_DISABLE_KEYBOARD;
      kbc->break_pending = FALSE;
      ps2_keyboard_write (&kbc->keyboard, (uint8_t)value);
    }
  refill (kbc);
  schedule (kbc, REPLY_NS);
}

static uint64_t
status_read (void *opaque, uint64_t addr, unsigned size)
{
  I8042 *kbc = opaque;

  catch_up (kbc);
  return kbc->status;
}

static void
command_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  I8042 *kbc = opaque;

  catch_up (kbc);
  kbc->status |= STATUS_COMMAND;
  kbc->argument_of = 0;
  kbc->loading_password = FALSE;
  command (kbc, (uint8_t)value);
}

static const IoOps data_ops = { .read = data_read, .write = data_write, .impl_min = 1, .impl_max = 1 };
static const IoOps status_ops = { .read = status_read, .write = command_write, .impl_min = 1, .impl_max = 1 };

/* -- Life ----------------------------------------------------------------------------------------- */

static gboolean
i8042_realize (Device *device, GError **error)
{
  I8042 *kbc = (I8042 *)device;
  const Ps2Wire wire = { on_device_ready, kbc };

  vm_timer_init (&kbc->timer, device->vm->clock, on_timer, kbc);
  ps2_keyboard_init (&kbc->keyboard, device->vm->clock, kbc->router, &wire);
  ps2_mouse_init (&kbc->mouse, device->vm->clock, kbc->router, &wire);
  kbc->data_region = region_new_io ("i8042-data", 1, &data_ops, kbc);
  kbc->status_region = region_new_io ("i8042-status", 1, &status_ops, kbc);
  kbc->data_mapping = address_space_map (device->vm->ports, kbc->data_region, 0x60, 0, 1, 0);
  kbc->status_mapping = address_space_map (device->vm->ports, kbc->status_region, 0x64, 0, 1, 0);
  return TRUE;
}

static void
i8042_unrealize (Device *device)
{
  I8042 *kbc = (I8042 *)device;

  ps2_keyboard_exit (&kbc->keyboard);
  ps2_mouse_exit (&kbc->mouse);
  /* Last: keys that were held are let go of when the keyboard leaves, which is one more byte. */
  vm_timer_cancel (&kbc->timer);
  mapping_remove (kbc->data_mapping);
  mapping_remove (kbc->status_mapping);
  g_clear_pointer (&kbc->data_region, region_unref);
  g_clear_pointer (&kbc->status_region, region_unref);
}

static void
i8042_reset (Device *device)
{
  I8042 *kbc = (I8042 *)device;

  vm_timer_cancel (&kbc->timer);
  memset (kbc->ram, 0, sizeof kbc->ram);
  kbc->ram[0] = COMMAND_BYTE_INT1 | COMMAND_BYTE_INT12;
  kbc->status = STATUS_COMMAND | STATUS_UNLOCKED;
  kbc->output = 0;
  kbc->output_port = OUTPUT_PORT_NO_RESET | OUTPUT_PORT_A20;
  kbc->argument_of = 0;
  kbc->loading_password = FALSE;
  kbc->break_pending = FALSE;
  ps2_keyboard_reset (&kbc->keyboard);
  ps2_mouse_reset (&kbc->mouse);
  update_irqs (kbc);
  irq_set (&kbc->a20, TRUE);
}

static gboolean
i8042_post_load (Device *device, GError **error)
{
  I8042 *kbc = (I8042 *)device;

  if (!ps2_keyboard_post_load (&kbc->keyboard, error) || !ps2_mouse_post_load (&kbc->mouse, error))
    return FALSE;
  update_irqs (kbc);
  schedule (kbc, REPLY_NS);
  return TRUE;
}

static const StateField i8042_state[] = {
  STATE_TIMER (I8042, timer),
  STATE_STRUCT (I8042, keyboard, ps2_keyboard_state),
  STATE_STRUCT (I8042, mouse, ps2_mouse_state),
  STATE_U8_ARRAY (I8042, ram),
  STATE_U8 (I8042, status),
  STATE_U8 (I8042, output),
  STATE_U8_MAX (I8042, output_port, OUTPUT_PORT_NO_RESET | OUTPUT_PORT_A20),
  STATE_U8 (I8042, argument_of),
  STATE_BOOL (I8042, loading_password),
  STATE_BOOL (I8042, break_pending),
  STATE_END,
};

static void
i8042_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "KBD");
  aml_name_eisa_id (aml, "_HID", "PNP0303");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x60, 1);
  aml_res_io (aml, 0x64, 1);
  aml_res_irq (aml, 1);
  aml_end (aml);
  aml_end (aml);
  aml_begin_device (aml, "MOU");
  aml_name_eisa_id (aml, "_HID", "PNP0F13");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_irq (aml, 12);
  aml_end (aml);
  aml_end (aml);
}

const DeviceClass i8042_class = {
  .name = "i8042",
  .instance_size = sizeof (I8042),
  .state = i8042_state,
  .realize = i8042_realize,
  .reset = i8042_reset,
  .post_load = i8042_post_load,
  .unrealize = i8042_unrealize,
  .acpi = i8042_acpi,
};

Device *
i8042_new (Vm *vm, const I8042Config *config)
{
  I8042 *kbc = device_new (vm, &i8042_class, "i8042");

  kbc->keyboard_irq = config->keyboard_irq;
  kbc->mouse_irq = config->mouse_irq;
  kbc->a20 = config->a20;
  kbc->a20_is_open = config->a20_is_open;
  kbc->a20_opaque = config->a20_opaque;
  kbc->router = config->router;
  return &kbc->device;
}
