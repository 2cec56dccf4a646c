/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8237A pair.  See dma8237.h.
 */
#define G_LOG_DOMAIN "dma8237"

#include "chipset/dma8237.h"
#include "chipset/common.h"

#include <string.h>

#define N_CONTROLLERS 2
#define N_CHANNELS    4
#define N_PAGES       16
#define PAGE_PORT     0x81 /* 0x80 is the self test code's */

/* Registers from 8 on; below are address and count of each channel. */
enum
{
  REG_COMMAND = 8, /* read: status */
  REG_REQUEST = 9,
  REG_SINGLE_MASK = 10,
  REG_MODE = 11,
  REG_CLEAR_FLIP_FLOP = 12,
  REG_MASTER_CLEAR = 13, /* read: temporary */
  REG_CLEAR_MASK = 14,
  REG_ALL_MASK = 15,

  COMMAND_DISABLE = 1 << 2,
  MODE_TRANSFER_SHIFT = 2,
  MODE_AUTOINIT = 1 << 4,
  MODE_DECREMENT = 1 << 5,
  MODE_KIND_SHIFT = 6,
  TRANSFER_VERIFY = 0,
  TRANSFER_WRITE = 1, /* to memory */
  TRANSFER_READ = 2,
  KIND_CASCADE = 3,
  MASK_SET = 1 << 2,
};

typedef struct
{
  uint16_t base_address, base_count;
  uint16_t address, count;
  uint8_t mode;
} Channel;

typedef struct
{
  Channel channel[N_CHANNELS];
  uint8_t command, mask, status, request, dreq;
  gboolean flip_flop;
} Controller;

typedef struct
{
  Device device;
  Controller controller[N_CONTROLLERS];
  uint8_t page[N_PAGES]; /* by port, from 0x80 */
  Dma dma;
  Mapping *mapping[3];
} Dma8237;

static const StateField channel_state[] = {
  STATE_U16 (Channel, base_address), STATE_U16 (Channel, base_count), STATE_U16 (Channel, address),
  STATE_U16 (Channel, count),        STATE_U8 (Channel, mode),        STATE_END,
};

static const StateField controller_state[] = {
  STATE_STRUCTS (Controller, channel, Channel, channel_state),
  STATE_U8 (Controller, command),
  STATE_U8_MAX (Controller, mask, 15),
  STATE_U8_MAX (Controller, status, 15),
  STATE_U8_MAX (Controller, request, 15),
  STATE_U8_MAX (Controller, dreq, 15),
  STATE_BOOL (Controller, flip_flop),
  STATE_END,
};

static const StateField dma8237_state[] = {
  STATE_STRUCTS (Dma8237, controller, Controller, controller_state),
  STATE_U8_ARRAY (Dma8237, page),
  STATE_END,
};

/* -- Registers ---------------------------------------------------------------------------------------- */

static void
master_clear (Controller *c)
{
  c->command = c->status = c->request = 0;
  c->mask = 15;
  c->flip_flop = FALSE;
}

static uint8_t
take_byte (Controller *c, uint16_t value)
{
  gboolean high = c->flip_flop;

  c->flip_flop = !high;
  return (uint8_t)(high ? value >> 8 : value);
}

static uint8_t
read_register (Controller *c, unsigned reg)
{
  uint8_t value;

  if (reg < REG_COMMAND)
    return take_byte (c, reg & 1 ? c->channel[reg / 2].count : c->channel[reg / 2].address);
  switch (reg)
    {
    case REG_COMMAND:
      value = (uint8_t)(c->status | (c->dreq | c->request) << 4);
      c->status = 0; /* terminal counts are cleared by the read */
      return value;
    case REG_ALL_MASK:
      return c->mask | 0xf0;
    default:
      return 0;
    }
}

static void
write_pair (Controller *c, unsigned reg, uint8_t value)
{
  Channel *channel = &c->channel[reg / 2];
  uint16_t *base = reg & 1 ? &channel->base_count : &channel->base_address;

  if (c->flip_flop)
    *base = (uint16_t)((*base & 0x00ff) | value << 8);
  else
    *base = (uint16_t)((*base & 0xff00) | value);
  c->flip_flop = !c->flip_flop;
  if (reg & 1)
    channel->count = *base;
  else
    channel->address = *base;
}

static void
write_register (Controller *c, unsigned reg, uint8_t value)
{
  uint8_t bit = (uint8_t)(1 << (value & 3));

  switch (reg)
    {
    case REG_COMMAND:
      c->command = value;
      break;
    case REG_REQUEST:
      c->request = (uint8_t)(value & MASK_SET ? c->request | bit : c->request & ~bit);
      break;
    case REG_SINGLE_MASK:
      c->mask = (uint8_t)(value & MASK_SET ? c->mask | bit : c->mask & ~bit);
      break;
    case REG_MODE:
      c->channel[value & 3].mode = value & (uint8_t)~3;
      break;
    case REG_CLEAR_FLIP_FLOP:
      c->flip_flop = FALSE;
      break;
    case REG_MASTER_CLEAR:
      master_clear (c);
      break;
    case REG_CLEAR_MASK:
      c->mask = 0;
      break;
    case REG_ALL_MASK:
      c->mask = value & 15;
      break;
    default:
      write_pair (c, reg, value);
      break;
    }
}

static uint64_t
bytes_read (void *opaque, uint64_t addr, unsigned size)
{
  Dma8237 *dma = opaque;

  return read_register (&dma->controller[0], addr & 15);
}

static void
bytes_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Dma8237 *dma = opaque;

  write_register (&dma->controller[0], addr & 15, (uint8_t)value);
}

/* Address line 0 isn't connected to the second controller. */
static uint64_t
words_read (void *opaque, uint64_t addr, unsigned size)
{
  Dma8237 *dma = opaque;

  return read_register (&dma->controller[1], addr >> 1 & 15);
}

static void
words_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Dma8237 *dma = opaque;

  write_register (&dma->controller[1], addr >> 1 & 15, (uint8_t)value);
}

static uint64_t
page_read (void *opaque, uint64_t addr, unsigned size)
{
  Dma8237 *dma = opaque;

  return dma->page[(addr + 1) & (N_PAGES - 1)];
}

static void
page_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Dma8237 *dma = opaque;

  dma->page[(addr + 1) & (N_PAGES - 1)] = (uint8_t)value;
}

static const IoOps bytes_ops = { .read = bytes_read, .write = bytes_write, .impl_min = 1, .impl_max = 1 };
static const IoOps words_ops = { .read = words_read, .write = words_write, .impl_min = 1, .impl_max = 1 };
static const IoOps page_ops = { .read = page_read, .write = page_write, .impl_min = 1, .impl_max = 1 };

/* -- Transfers ---------------------------------------------------------------------------------------- */

static uint8_t
page_of (const Dma8237 *dma, unsigned channel)
{
  /* Low digit of the page port of channels 0 to 7; 4 has the refresh page. */
  static const uint8_t port[N_CONTROLLERS * N_CHANNELS] = { 0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa };

  return dma->page[port[channel]];
}

static gboolean
ready (const Dma8237 *dma, unsigned channel)
{
  const Controller *c = &dma->controller[channel / N_CHANNELS];
  unsigned n = channel % N_CHANNELS;

  return !(c->command & COMMAND_DISABLE) && !(c->mask & 1 << n)
         && c->channel[n].mode >> MODE_KIND_SHIFT != KIND_CASCADE;
}

/* Moves `units` that are contiguous in rising order, or one unit. */
static void
move (Dma8237 *dma, uint32_t address, uint8_t *buffer, size_t bytes, unsigned transfer, gboolean to_memory)
{
  if (transfer == TRANSFER_WRITE && to_memory)
    dma_write (&dma->dma, address, buffer, bytes);
  else if (transfer == TRANSFER_READ && !to_memory)
    dma_read (&dma->dma, address, buffer, bytes);
  else if (!to_memory)
    memset (buffer, 0, bytes);
}

static void
terminal_count (Controller *c, unsigned n)
{
  Channel *channel = &c->channel[n];

  c->status |= (uint8_t)(1 << n);
  c->request &= (uint8_t) ~(1 << n);
  if (channel->mode & MODE_AUTOINIT)
    {
      channel->address = channel->base_address;
      channel->count = channel->base_count;
    }
  else
    {
      c->mask |= (uint8_t)(1 << n);
    }
}

size_t
dma8237_transfer (Device *device, unsigned channel_number, void *buffer, size_t n, gboolean to_memory,
                  gboolean *tc)
{
  Dma8237 *dma = (Dma8237 *)device;
  unsigned wide, number, transfer;
  uint32_t page;
  Controller *c;
  Channel *channel;
  size_t units, done = 0;
  gboolean reached;

  if (tc != NULL)
    *tc = FALSE;
  g_return_val_if_fail (channel_number < N_CONTROLLERS * N_CHANNELS, 0);
  if (!ready (dma, channel_number))
    return 0;

  wide = channel_number / N_CHANNELS;
  number = channel_number % N_CHANNELS;
  c = &dma->controller[wide];
  channel = &c->channel[number];
  page = (uint32_t)page_of (dma, channel_number) << 16;
  if (wide)
    page &= ~0x1ffffu;
  transfer = channel->mode >> MODE_TRANSFER_SHIFT & 3;
  /* Against the programmed direction, nothing moves; "verify" serves both. */
  if (transfer != TRANSFER_VERIFY && transfer != (to_memory ? TRANSFER_WRITE : TRANSFER_READ))
    return 0;
  units = MIN (n >> wide, (size_t)channel->count + 1);
  reached = units == (size_t)channel->count + 1;

  while (done < units)
    {
      gboolean down = !!(channel->mode & MODE_DECREMENT);
      size_t run = down ? 1 : MIN (units - done, 0x10000 - (size_t)channel->address);

      move (dma, page + ((uint32_t)channel->address << wide), (uint8_t *)buffer + (done << wide), run << wide,
            transfer, to_memory);
      channel->address = (uint16_t)(down ? channel->address - 1 : channel->address + run);
      done += run;
    }
  channel->count = (uint16_t)(channel->count - units);
  if (reached && units != 0)
    {
      terminal_count (c, number);
      if (tc != NULL)
        *tc = TRUE;
    }
  return done << wide;
}

gboolean
dma8237_ready (Device *device, unsigned channel)
{
  g_return_val_if_fail (channel < N_CONTROLLERS * N_CHANNELS, FALSE);
  return ready ((Dma8237 *)device, channel);
}

void
dma8237_set_dreq (Device *device, unsigned channel, gboolean level)
{
  Dma8237 *dma = (Dma8237 *)device;
  Controller *c;
  uint8_t bit = (uint8_t)(1 << channel % N_CHANNELS);

  g_return_if_fail (channel < N_CONTROLLERS * N_CHANNELS);
  c = &dma->controller[channel / N_CHANNELS];
  c->dreq = (uint8_t)(level ? c->dreq | bit : c->dreq & ~bit);
}

/* -- Life ---------------------------------------------------------------------------------------------- */

static void
dma8237_reset (Device *device)
{
  Dma8237 *dma = (Dma8237 *)device;

  for (unsigned i = 0; i < N_CONTROLLERS; i++)
    {
      memset (dma->controller[i].channel, 0, sizeof dma->controller[i].channel);
      dma->controller[i].dreq = 0;
      master_clear (&dma->controller[i]);
    }
  memset (dma->page, 0, sizeof dma->page);
}

static gboolean
dma8237_realize (Device *device, GError **error)
{
  Dma8237 *dma = (Dma8237 *)device;
  AddressSpace *ports = device->vm->ports;

  dma_init (&dma->dma, device->vm->memory);
  dma_enable (&dma->dma, TRUE);
  dma->mapping[0] = chipset_map_io (ports, "dma-bytes", 0x00, 16, &bytes_ops, dma);
  dma->mapping[1] = chipset_map_io (ports, "dma-words", 0xc0, 32, &words_ops, dma);
  dma->mapping[2] = chipset_map_io (ports, "dma-pages", PAGE_PORT, N_PAGES - 1, &page_ops, dma);
  dma8237_reset (device);
  return TRUE;
}

static void
dma8237_unrealize (Device *device)
{
  Dma8237 *dma = (Dma8237 *)device;

  for (unsigned i = 0; i < G_N_ELEMENTS (dma->mapping); i++)
    g_clear_pointer (&dma->mapping[i], mapping_remove);
  dma_clear (&dma->dma);
}

static void
dma8237_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "DMA");
  aml_name_eisa_id (aml, "_HID", "PNP0200");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x00, 0x10);
  aml_res_io (aml, 0x81, 0x0f);
  aml_res_io (aml, 0xc0, 0x20);
  aml_res_dma (aml, 4);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass dma8237_class = {
  .name = "dma8237",
  .instance_size = sizeof (Dma8237),
  .state = dma8237_state,
  .realize = dma8237_realize,
  .reset = dma8237_reset,
  .unrealize = dma8237_unrealize,
  .acpi = dma8237_acpi,
};

Device *
dma8237_new (Vm *vm, GError **error)
{
  return chipset_realize (device_new (vm, &dma8237_class, "dma8237"), error);
}
