/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8259A pair.  See pic.h.
 */
#define G_LOG_DOMAIN "pic"

#include "chipset/pic.h"
#include "chipset/common.h"

enum
{
  MASTER,
  SLAVE,
  N_CHIPS
};
#define CASCADE  2
#define SPURIOUS 7
#define N_INPUTS 8

enum
{
  ICW1_IC4 = 1 << 0,
  ICW1_SNGL = 1 << 1,
  ICW1_INIT = 1 << 4,
  ICW4_AEOI = 1 << 1,
  ICW4_SFNM = 1 << 4,
  OCW2_LEVEL = 7,
  OCW3_SELECT = 1 << 3,
  OCW3_RIS = 1 << 0,
  OCW3_RR = 1 << 1,
  OCW3_POLL = 1 << 2,
  OCW3_SMM = 1 << 5,
  OCW3_ESMM = 1 << 6,
  POLL_INTERRUPT = 1 << 7,
};

/* OCW2 bits 7-5: rotate, specific, end of interrupt. */
enum
{
  OCW2_ROTATE_AEOI_CLEAR = 0,
  OCW2_EOI = 1,
  OCW2_NOP = 2,
  OCW2_SPECIFIC_EOI = 3,
  OCW2_ROTATE_AEOI_SET = 4,
  OCW2_ROTATE_EOI = 5,
  OCW2_SET_PRIORITY = 6,
  OCW2_ROTATE_SPECIFIC_EOI = 7,
};

/* Which initialisation word the data port expects next. */
enum
{
  EXPECT_NONE,
  EXPECT_ICW2,
  EXPECT_ICW3,
  EXPECT_ICW4,
};

typedef struct
{
  uint8_t irr, imr, isr;
  uint8_t input; /* levels of the pins */
  uint8_t elcr;  /* 1: level */
  uint8_t base;  /* ICW2 */
  uint8_t icw1;
  uint8_t expect;
  uint8_t top; /* input of highest priority */
  gboolean read_isr, poll, special_mask, auto_eoi, rotate_aeoi, nested;
  gboolean out; /* INT pin */
} Chip;

typedef struct
{
  Device device;
  IrqLine intr;
  GMutex lock; /* of the chips: lines come from any thread, all else under the VM lock as well */
  Chip chip[N_CHIPS];
  Mapping *mapping[3];
  void (*acked) (void *opaque, unsigned irq);
  void *acked_opaque;
} Pic;

static const StateField chip_state[] = {
  STATE_U8 (Chip, irr),
  STATE_U8 (Chip, imr),
  STATE_U8 (Chip, isr),
  STATE_U8 (Chip, input),
  STATE_U8 (Chip, elcr),
  STATE_U8_MAX (Chip, base, 0xf8),
  STATE_U8 (Chip, icw1),
  STATE_U8_MAX (Chip, expect, EXPECT_ICW4),
  STATE_U8_MAX (Chip, top, N_INPUTS - 1),
  STATE_BOOL (Chip, read_isr),
  STATE_BOOL (Chip, poll),
  STATE_BOOL (Chip, special_mask),
  STATE_BOOL (Chip, auto_eoi),
  STATE_BOOL (Chip, rotate_aeoi),
  STATE_BOOL (Chip, nested),
  STATE_BOOL (Chip, out),
  STATE_END,
};

static const StateField pic_state[] = {
  STATE_STRUCTS (Pic, chip, Chip, chip_state),
  STATE_END,
};

/* The slave's INT pin is treated as a level on the master: a real chip drops and raises it between two requests. */
static uint8_t
level_mask (const Pic *pic, const Chip *chip)
{
  return chip->elcr | (chip == &pic->chip[MASTER] ? 1 << CASCADE : 0);
}

/* Rank of the most urgent bit: 0 is highest, 8 says there is none. */
static unsigned
rank (const Chip *chip, uint8_t mask)
{
  unsigned n = 0;

  while (n < N_INPUTS && !(mask & 1 << ((n + chip->top) & 7)))
    n++;
  return n;
}

/* The request that would interrupt now, or -1. */
static int
pending (const Pic *pic, const Chip *chip)
{
  unsigned request = rank (chip, chip->irr & (uint8_t)~chip->imr);
  uint8_t service = chip->isr;

  if (request == N_INPUTS)
    return -1;
  if (chip->special_mask)
    service &= (uint8_t)~chip->imr;
  if (chip->nested && chip == &pic->chip[MASTER])
    service &= (uint8_t) ~(1 << CASCADE);
  if (request >= rank (chip, service))
    return -1;
  return (int)((request + chip->top) & 7);
}

static void
set_input (Pic *pic, Chip *chip, unsigned n, gboolean level)
{
  uint8_t bit = (uint8_t)(1 << n);

  if (level_mask (pic, chip) & bit)
    chip->irr = (uint8_t)(level ? chip->irr | bit : chip->irr & ~bit);
  else if (level && !(chip->input & bit))
    chip->irr |= bit;
  chip->input = (uint8_t)(level ? chip->input | bit : chip->input & ~bit);
}

static void
update (Pic *pic)
{
  Chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
  gboolean out;

  slave->out = pending (pic, slave) >= 0;
  set_input (pic, master, CASCADE, slave->out);
  out = pending (pic, master) >= 0;
  if (out != master->out)
    {
      master->out = out;
      irq_set (&pic->intr, out);
    }
}

static void
acknowledge (Pic *pic, Chip *chip, unsigned n)
{
  uint8_t bit = (uint8_t)(1 << n);

  if (!(level_mask (pic, chip) & bit))
    chip->irr &= (uint8_t)~bit;
  if (!chip->auto_eoi)
    chip->isr |= bit;
  else if (chip->rotate_aeoi)
    chip->top = (n + 1) & 7;
}

/* Returns the vector and sets *irq; -1: none was acknowledged. */
static int
take_vector (Pic *pic, int *irq)
{
  Chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
  int n = pending (pic, master);
  int vector;

  /* A request that went away before INTA is answered with 7, without a bit in service. */
  *irq = -1;
  if (n < 0)
    return master->base | SPURIOUS;
  vector = master->base | n;
  *irq = n;
  acknowledge (pic, master, (unsigned)n);
  if (n == CASCADE)
    {
      n = pending (pic, slave);
      if (n >= 0)
        acknowledge (pic, slave, (unsigned)n);
      vector = slave->base | (n >= 0 ? n : SPURIOUS);
      *irq = 8 + (n >= 0 ? n : SPURIOUS);
    }
  update (pic);
  return vector;
}

static int
pic_intack (void *opaque)
{
  Pic *pic = opaque;
  int vector, irq;

  g_mutex_lock (&pic->lock);
  vector = take_vector (pic, &irq);
  g_mutex_unlock (&pic->lock);
  /* Without the lock: who is told may set a line at once. */
  if (irq >= 0 && pic->acked != NULL)
    pic->acked (pic->acked_opaque, (unsigned)irq);
  return vector;
}

static void
pic_set_irq (void *opaque, unsigned n, gboolean level)
{
  Pic *pic = opaque;

  g_mutex_lock (&pic->lock);
  set_input (pic, &pic->chip[n >> 3], n & 7, level);
  update (pic);
  g_mutex_unlock (&pic->lock);
}

static void
initialise (Pic *pic, Chip *chip, uint8_t icw1)
{
  chip->icw1 = icw1;
  /* The edge detectors are reset: an input that is high must fall first. */
  chip->irr = chip->input & level_mask (pic, chip);
  chip->imr = chip->isr = 0;
  chip->top = 0;
  chip->read_isr = chip->poll = chip->special_mask = FALSE;
  chip->auto_eoi = chip->rotate_aeoi = chip->nested = FALSE;
  chip->expect = EXPECT_ICW2;
}

static void
end_of_interrupt (Chip *chip, int n, gboolean rotate)
{
  if (n < 0)
    {
      uint8_t candidates = chip->special_mask ? chip->isr & (uint8_t)~chip->imr : chip->isr;
      unsigned r = rank (chip, candidates);

      if (r == N_INPUTS)
        return;
      n = (int)((r + chip->top) & 7);
    }
  chip->isr &= (uint8_t) ~(1 << n);
  if (rotate)
    chip->top = (uint8_t)((n + 1) & 7);
}

static void
write_ocw2 (Chip *chip, uint8_t value)
{
  int level = value & OCW2_LEVEL;

  switch (value >> 5)
    {
    case OCW2_ROTATE_AEOI_CLEAR:
    case OCW2_ROTATE_AEOI_SET:
      chip->rotate_aeoi = value >> 7;
      break;
    case OCW2_EOI:
    case OCW2_ROTATE_EOI:
      end_of_interrupt (chip, -1, value >> 7);
      break;
    case OCW2_SPECIFIC_EOI:
    case OCW2_ROTATE_SPECIFIC_EOI:
      end_of_interrupt (chip, level, value >> 7);
      break;
    case OCW2_SET_PRIORITY:
      chip->top = (uint8_t)((level + 1) & 7);
      break;
    default:
      break;
    }
}

static void
write_ocw3 (Chip *chip, uint8_t value)
{
  if (value & OCW3_POLL)
    chip->poll = TRUE;
  if (value & OCW3_RR)
    chip->read_isr = !!(value & OCW3_RIS);
  if (value & OCW3_ESMM)
    chip->special_mask = !!(value & OCW3_SMM);
}

static void
write_data (Chip *chip, uint8_t value)
{
  switch (chip->expect)
    {
    case EXPECT_ICW2:
      chip->base = value & 0xf8;
      chip->expect = !(chip->icw1 & ICW1_SNGL) ? EXPECT_ICW3
                     : chip->icw1 & ICW1_IC4   ? EXPECT_ICW4
                                               : EXPECT_NONE;
      break;
    case EXPECT_ICW3: /* the cascade is wired */
      chip->expect = chip->icw1 & ICW1_IC4 ? EXPECT_ICW4 : EXPECT_NONE;
      break;
    case EXPECT_ICW4:
      chip->auto_eoi = !!(value & ICW4_AEOI);
      chip->nested = !!(value & ICW4_SFNM);
      chip->expect = EXPECT_NONE;
      break;
    default:
      chip->imr = value;
      break;
    }
}

static void
write_chip (Pic *pic, Chip *chip, uint64_t addr, uint8_t value)
{
  g_mutex_lock (&pic->lock);
  if (addr & 1)
    write_data (chip, value);
  else if (value & ICW1_INIT)
    initialise (pic, chip, value);
  else if (value & OCW3_SELECT)
    write_ocw3 (chip, value);
  else
    write_ocw2 (chip, value);
  update (pic);
  g_mutex_unlock (&pic->lock);
}

static uint8_t
read_locked (Pic *pic, Chip *chip, uint64_t addr)
{
  if (chip->poll)
    {
      int n = pending (pic, chip);

      chip->poll = FALSE;
      if (n < 0)
        return 0;
      acknowledge (pic, chip, (unsigned)n);
      update (pic);
      return (uint8_t)(POLL_INTERRUPT | n);
    }
  if (addr & 1)
    return chip->imr;
  return chip->read_isr ? chip->isr : chip->irr;
}

static uint8_t
read_chip (Pic *pic, Chip *chip, uint64_t addr)
{
  uint8_t value;

  g_mutex_lock (&pic->lock);
  value = read_locked (pic, chip, addr);
  g_mutex_unlock (&pic->lock);
  return value;
}

static uint64_t
master_read (void *opaque, uint64_t addr, unsigned size)
{
  Pic *pic = opaque;

  return read_chip (pic, &pic->chip[MASTER], addr);
}

static void
master_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pic *pic = opaque;

  write_chip (pic, &pic->chip[MASTER], addr, (uint8_t)value);
}

static uint64_t
slave_read (void *opaque, uint64_t addr, unsigned size)
{
  Pic *pic = opaque;

  return read_chip (pic, &pic->chip[SLAVE], addr);
}

static void
slave_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pic *pic = opaque;

  write_chip (pic, &pic->chip[SLAVE], addr, (uint8_t)value);
}

static uint64_t
elcr_read (void *opaque, uint64_t addr, unsigned size)
{
  Pic *pic = opaque;

  return pic->chip[addr & 1].elcr;
}

static void
elcr_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  /* Timer, keyboard, cascade; RTC and coprocessor are edges for ever. */
  static const uint8_t changeable[N_CHIPS] = { 0xf8, 0xde };
  Pic *pic = opaque;
  Chip *chip = &pic->chip[addr & 1];

  g_mutex_lock (&pic->lock);
  chip->elcr = (uint8_t)value & changeable[addr & 1];
  chip->irr = (uint8_t)((chip->irr & ~chip->elcr) | (chip->input & chip->elcr));
  update (pic);
  g_mutex_unlock (&pic->lock);
}

static const IoOps master_ops = { .read = master_read, .write = master_write, .impl_min = 1, .impl_max = 1 };
static const IoOps slave_ops = { .read = slave_read, .write = slave_write, .impl_min = 1, .impl_max = 1 };
static const IoOps elcr_ops = { .read = elcr_read, .write = elcr_write, .impl_min = 1, .impl_max = 1 };

static void
pic_reset (Device *device)
{
  Pic *pic = (Pic *)device;

  g_mutex_lock (&pic->lock);
  for (unsigned i = 0; i < N_CHIPS; i++)
    pic->chip[i] = (Chip){ 0 };
  irq_set (&pic->intr, FALSE);
  g_mutex_unlock (&pic->lock);
}

static gboolean
pic_post_load (Device *device, GError **error)
{
  Pic *pic = (Pic *)device;

  g_mutex_lock (&pic->lock);
  update (pic);
  irq_set (&pic->intr, pic->chip[MASTER].out);
  g_mutex_unlock (&pic->lock);
  return TRUE;
}

static gboolean
pic_realize (Device *device, GError **error)
{
  Pic *pic = (Pic *)device;
  AddressSpace *ports = device->vm->ports;

  g_mutex_init (&pic->lock);
  pic->mapping[0] = chipset_map_io (ports, "pic-master", 0x20, 2, &master_ops, pic);
  pic->mapping[1] = chipset_map_io (ports, "pic-slave", 0xa0, 2, &slave_ops, pic);
  pic->mapping[2] = chipset_map_io (ports, "elcr", 0x4d0, 2, &elcr_ops, pic);
  device->vm->intack = pic_intack;
  device->vm->intack_opaque = pic;
  return TRUE;
}

static void
pic_unrealize (Device *device)
{
  Pic *pic = (Pic *)device;

  for (unsigned i = 0; i < G_N_ELEMENTS (pic->mapping); i++)
    g_clear_pointer (&pic->mapping[i], mapping_remove);
  device->vm->intack = NULL;
  g_mutex_clear (&pic->lock);
}

static void
pic_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "PIC");
  aml_name_eisa_id (aml, "_HID", "PNP0000");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x20, 2);
  aml_res_io (aml, 0xa0, 2);
  aml_res_io (aml, 0x4d0, 2);
  aml_res_irq (aml, 2);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass pic_class = {
  .name = "pic",
  .instance_size = sizeof (Pic),
  .state = pic_state,
  .realize = pic_realize,
  .reset = pic_reset,
  .post_load = pic_post_load,
  .unrealize = pic_unrealize,
  .acpi = pic_acpi,
};

Device *
pic_new (Vm *vm, IrqLine intr, GError **error)
{
  Pic *pic = device_new (vm, &pic_class, "pic");

  pic->intr = intr;
  return chipset_realize (pic, error);
}

IrqLine
pic_line (Device *device, unsigned irq)
{
  g_return_val_if_fail (irq < N_CHIPS * N_INPUTS, (IrqLine){ 0 });
  return IRQ_LINE (pic_set_irq, device, irq);
}

void
pic_set_ack_func (Device *device, void (*func) (void *opaque, unsigned irq), void *opaque)
{
  Pic *pic = (Pic *)device;

  pic->acked = func;
  pic->acked_opaque = opaque;
}

gboolean
pic_masked (Device *device, unsigned irq)
{
  Pic *pic = (Pic *)device;
  gboolean masked;

  g_mutex_lock (&pic->lock);
  masked = (pic->chip[irq >> 3].imr >> (irq & 7) & 1) || (irq >= 8 && (pic->chip[MASTER].imr >> CASCADE & 1));
  g_mutex_unlock (&pic->lock);
  return masked;
}
