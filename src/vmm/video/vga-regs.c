/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VGA's registers: IBM VGA (PS/2 Hardware Interface Technical Reference, "Video Subsystem"), and the Bochs display interface.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "video/vga-private.h"

enum
{
  PORT_ATTR = 0x3c0,
  PORT_ATTR_READ = 0x3c1,
  PORT_MISC_WRITE = 0x3c2, /* read: input status 0 */
  PORT_ENABLE = 0x3c3,
  PORT_SEQ_INDEX = 0x3c4,
  PORT_SEQ_DATA = 0x3c5,
  PORT_PEL_MASK = 0x3c6,
  PORT_DAC_READ = 0x3c7, /* read: state */
  PORT_DAC_WRITE = 0x3c8,
  PORT_DAC_DATA = 0x3c9,
  PORT_FEATURE_READ = 0x3ca,
  PORT_MISC_READ = 0x3cc,
  PORT_GDC_INDEX = 0x3ce,
  PORT_GDC_DATA = 0x3cf,
  PORT_CRTC_INDEX = 0x3d4,
  PORT_CRTC_DATA = 0x3d5,
  PORT_STATUS1 = 0x3da, /* write: feature control */
};

enum
{
  STATUS0_SWITCH = 1 << 4,
  STATUS1_NOT_DISPLAY = 1 << 0,
  STATUS1_RETRACE = 1 << 3,
};

enum
{
  DAC_STATE_WRITE = 0,
  DAC_STATE_READ = 3,
};

/* Layout of BAR 2. */
enum
{
  MMIO_EDID = 0x000,
  MMIO_PORTS = 0x400, /* 0x3c0 to 0x3df */
  MMIO_DISPI = 0x500,
  MMIO_EXT = 0x600,
  MMIO_EXT_BYTE_ORDER = 0x604,
  MMIO_EXT_SIZE = 8,
};
#define BYTE_ORDER_LITTLE_MARK 0x1e1e1e1eu
#define BYTE_ORDER_BIG_MARK    0xbebebebeu

/* Bits that exist. */
static const uint8_t seq_mask[8] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gdc_mask[16] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t attr_mask[32] = { 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                       0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f };

/* -- Retrace -------------------------------------------------------------------------------------- */

typedef struct
{
  int64_t line, frame;          /* ns */
  int64_t display;              /* ns of a line that show */
  int64_t lines;                /* that show */
  int64_t retrace, retrace_end; /* lines */
} Timing;

static void
make_timing (const Vga *vga, Timing *timing)
{
  const uint8_t *crtc = vga->crtc;
  unsigned overflow = crtc[CRTC_OVERFLOW];
  int64_t h_total = crtc[CRTC_H_TOTAL] + 5, h_display = crtc[CRTC_H_DISPLAY_END] + 1;
  int64_t v_total = (crtc[CRTC_V_TOTAL] | (overflow & 1) << 8 | (overflow & 0x20) << 4) + 2;
  int64_t v_display = (crtc[CRTC_V_DISPLAY_END] | (overflow & 2) << 7 | (overflow & 0x40) << 3) + 1;
  int64_t retrace = crtc[CRTC_V_RETRACE_START] | (overflow & 4) << 6 | (overflow & 0x80) << 2;
  int64_t clock = vga->misc & MISC_CLOCK_28 ? 28322000 : 25175000;
  int64_t dots = (vga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8_DOTS ? 8 : 9)
                 * (vga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1);

  timing->line = h_total * dots * NS_PER_SECOND / clock;
  timing->frame = timing->line * v_total;
  /* What isn't programmed yet, or is a DISPI mode's leftover, runs as a monitor would: 60 Hz, 525 lines. */
  if (vga_dispi_on (vga) || timing->frame < NS_PER_SECOND / 200 || timing->frame > NS_PER_SECOND / 20
      || v_display >= v_total || retrace < v_display || retrace >= v_total || h_display >= h_total)
    {
      h_total = 100;
      h_display = 80;
      v_total = 525;
      v_display = 480;
      retrace = 490;
      timing->frame = NS_PER_SECOND / 60;
      timing->line = timing->frame / v_total;
    }
  timing->display = timing->line * h_display / h_total;
  timing->lines = v_display;
  timing->retrace = retrace;
  timing->retrace_end = MIN (retrace + MAX (((crtc[CRTC_V_RETRACE_END] - retrace) & 0xf), 2), v_total);
}

int64_t
vga_frame_ns (const Vga *vga)
{
  Timing timing;

  make_timing (vga, &timing);
  return timing.frame;
}

static uint8_t
read_status1 (Vga *vga)
{
  int64_t now = vm_clock_now (vga->pci.device.vm->clock);
  Timing timing;
  uint8_t status = 0;

  make_timing (vga, &timing);
  int64_t position = now % timing.frame, line = position / timing.line;
  if (line >= timing.lines || position % timing.line >= timing.display)
    status |= STATUS1_NOT_DISPLAY;
  if (line >= timing.retrace && line < timing.retrace_end)
    status |= STATUS1_RETRACE | STATUS1_NOT_DISPLAY;

  /* The retrace lasts some 60 µs, an access to a port may take longer here: whoever polls without a pause sees each retrace
   * at least once, late if need be. */
  int64_t started = now - position + timing.retrace * timing.line;
  if (started > now)
    started -= timing.frame;
  if (!(status & STATUS1_RETRACE) && vga->poll_time >= 0 && now - vga->poll_time < timing.frame
      && vga->poll_time < started && vga->poll_retrace != started)
    status |= STATUS1_RETRACE | STATUS1_NOT_DISPLAY;
  if (status & STATUS1_RETRACE)
    vga->poll_retrace = started;
  vga->poll_time = now;
  vga->attr_data = FALSE;
  return status;
}

/* -- Standard ports ------------------------------------------------------------------------------- */

static void
changed (Vga *vga)
{
  vga->stale = TRUE;
}

/* The palette, what shows of the planes and the like: same mode, other pixels. */
static void
changed_colors (Vga *vga)
{
  vga->stale = TRUE;
  vga->redraw = TRUE;
}

static void
write_attr (Vga *vga, uint8_t value)
{
  if (!vga->attr_data)
    {
      if ((vga->attr_index ^ value) & ATTR_INDEX_DISPLAY)
        changed (vga);
      vga->attr_index = value & 0x3f;
    }
  else
    {
      unsigned index = vga->attr_index & 0x1f;
      value &= attr_mask[index];
      if (vga->attr[index] != value)
        {
          vga->attr[index] = value;
          if (index == ATTR_PANNING)
            changed (vga);
          else
            changed_colors (vga);
        }
    }
  vga->attr_data = !vga->attr_data;
}

static void
write_crtc (Vga *vga, uint8_t value)
{
  unsigned index = vga->crtc_index;

  if (index <= CRTC_OVERFLOW && (vga->crtc[CRTC_V_RETRACE_END] & CRTC_V_RETRACE_PROTECT))
    {
      /* Only bit 8 of line compare can be written. */
      if (index != CRTC_OVERFLOW)
        return;
      value = (uint8_t)((vga->crtc[CRTC_OVERFLOW] & ~0x10) | (value & 0x10));
    }
  if (vga->crtc[index] == value)
    return;
  vga->crtc[index] = value;
  changed (vga);
}

/* SeaBIOS's VGA BIOS programs the CRTC of mode 7 at 0x3b4 before it switches the adapter there.  What is written meanwhile takes
 * effect with the switch, unseen by programs that look for a monochrome adapter beside this one. */
static void
write_mono (Vga *vga, uint16_t port, uint8_t value)
{
  if (port == 0x3b4)
    vga->mono_index = value;
  else if (port == 0x3b5 && vga->mono_index < sizeof vga->mono_crtc)
    {
      vga->mono_crtc[vga->mono_index] = value;
      vga->mono_written |= 1u << vga->mono_index;
    }
}

static void
switch_to_mono (Vga *vga)
{
  for (unsigned i = 0; i < sizeof vga->mono_crtc; i++)
    if (vga->mono_written >> i & 1)
      vga->crtc[i] = vga->mono_crtc[i];
  vga->mono_written = 0;
}

static void
write_dac (Vga *vga, uint8_t value)
{
  vga->dac_latch[vga->dac_phase % 3] = vga->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? value : value & 0x3f;
  if (++vga->dac_phase < 3)
    return;
  vga->dac_phase = 0;
  if (memcmp (vga->dac + vga->dac_write * 3, vga->dac_latch, 3) != 0)
    {
      memcpy (vga->dac + vga->dac_write * 3, vga->dac_latch, 3);
      changed_colors (vga);
    }
  vga->dac_write++;
}

static uint8_t
read_dac (Vga *vga)
{
  uint8_t value = vga->dac[vga->dac_read * 3 + vga->dac_phase % 3];

  if (++vga->dac_phase >= 3)
    {
      vga->dac_phase = 0;
      vga->dac_read++;
    }
  return value;
}

/* The CRTC, status and feature ports answer at 0x3bx or 0x3dx.  0: nobody does. */
static uint16_t
fold_port (const Vga *vga, uint16_t port)
{
  if (port >= 0x3c0 && port < 0x3d0)
    return port;
  /* 0x3dx answers in monochrome modes too: SeaBIOS's VGA BIOS leaves mode 7 by way of it, before it sets the bit.  0x3bx stays
   * silent in colour modes, or programs would find a second, monochrome adapter. */
  if (port < 0x3d0 && (vga->misc & MISC_COLOR))
    return 0;
  port = (uint16_t)(0x3d0 | (port & 0xf));
  /* 0x3d0 to 0x3d7 decode as index and data in turn, as on the CGA. */
  return port < 0x3d8 ? (uint16_t)(PORT_CRTC_INDEX | (port & 1)) : port;
}

uint8_t
vga_port_read (Vga *vga, uint16_t port)
{
  switch (fold_port (vga, port))
    {
    case PORT_ATTR:
      return vga->attr_data ? 0 : vga->attr_index;
    case PORT_ATTR_READ:
      return vga->attr[vga->attr_index & 0x1f];
    case PORT_MISC_WRITE:
      return STATUS0_SWITCH;
    case PORT_ENABLE:
      return vga->enable;
    case PORT_SEQ_INDEX:
      return vga->seq_index;
    case PORT_SEQ_DATA:
      return vga->seq[vga->seq_index & 7];
    case PORT_PEL_MASK:
      return vga->pel_mask;
    case PORT_DAC_READ:
      return vga->dac_state;
    case PORT_DAC_WRITE:
      return vga->dac_write;
    case PORT_DAC_DATA:
      return read_dac (vga);
    case PORT_FEATURE_READ:
      return vga->feature;
    case PORT_MISC_READ:
      return vga->misc;
    case PORT_GDC_INDEX:
      return vga->gdc_index;
    case PORT_GDC_DATA:
      return vga->gdc[vga->gdc_index & 0xf];
    case PORT_CRTC_INDEX:
      return vga->crtc_index;
    case PORT_CRTC_DATA:
      return vga->crtc[vga->crtc_index];
    case PORT_STATUS1:
      return read_status1 (vga);
    default:
      return 0xff;
    }
}

void
vga_port_write (Vga *vga, uint16_t port, uint8_t value)
{
  unsigned index;

  if (port < 0x3c0 && (vga->misc & MISC_COLOR))
    {
      write_mono (vga, port, value);
      return;
    }
  switch (fold_port (vga, port))
    {
    case PORT_ATTR:
    case PORT_ATTR_READ: /* an alias for writes, as on the EGA */
      write_attr (vga, value);
      break;
    case PORT_MISC_WRITE:
      if (vga->misc == value)
        break;
      if ((vga->misc & MISC_COLOR) && !(value & MISC_COLOR))
        switch_to_mono (vga);
      vga->misc = value;
      changed (vga);
      vga_memory_update (vga);
      break;
    case PORT_ENABLE:
      vga->enable = value & 1;
      break;
    case PORT_SEQ_INDEX:
      vga->seq_index = value & 7;
      break;
    case PORT_SEQ_DATA:
      index = vga->seq_index & 7;
      value &= seq_mask[index];
      if (vga->seq[index] == value)
        break;
      vga->seq[index] = value;
      /* The map mask changes with every few stores of a planar program and concerns no picture. */
      if (index == SEQ_MAP_MASK)
        {
          if (vga->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4)
            vga_memory_update (vga);
          break;
        }
      changed (vga);
      vga_memory_update (vga);
      break;
    case PORT_PEL_MASK:
      if (vga->pel_mask != value)
        changed_colors (vga);
      vga->pel_mask = value;
      break;
    case PORT_DAC_READ:
      vga->dac_read = value;
      vga->dac_phase = 0;
      vga->dac_state = DAC_STATE_READ;
      break;
    case PORT_DAC_WRITE:
      vga->dac_write = value;
      vga->dac_phase = 0;
      vga->dac_state = DAC_STATE_WRITE;
      break;
    case PORT_DAC_DATA:
      write_dac (vga, value);
      break;
    case PORT_GDC_INDEX:
      vga->gdc_index = value & 0xf;
      break;
    case PORT_GDC_DATA:
      index = vga->gdc_index & 0xf;
      value &= gdc_mask[index];
      if (vga->gdc[index] == value)
        break;
      vga->gdc[index] = value;
      if (index == GDC_MODE || index == GDC_MISC)
        changed (vga);
      if ((vga->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4) || index == GDC_MISC)
        vga_memory_update (vga);
      break;
    case PORT_CRTC_INDEX:
      vga->crtc_index = value;
      break;
    case PORT_CRTC_DATA:
      write_crtc (vga, value);
      break;
    case PORT_STATUS1:
      vga->feature = value;
      break;
    default:
      break;
    }
}

static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)vga_port_read (opaque, (uint16_t)(VGA_PORT_BASE + addr + i)) << (8 * i);
  return value;
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    vga_port_write (opaque, (uint16_t)(VGA_PORT_BASE + addr + i), (uint8_t)(value >> (8 * i)));
}

const IoOps vga_port_ops = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 4 };

/* -- Bochs display interface ---------------------------------------------------------------------- */

uint16_t
vga_dispi_read (Vga *vga, unsigned index)
{
  uint32_t width, height, bpp, stride, start;

  if (index >= N_DISPI)
    return index == 11 ? 0 : 0xffff; /* 11: DDC, not wired */
  if (vga->dispi[DISPI_ENABLE] & DISPI_GETCAPS)
    switch (index)
      {
      case DISPI_XRES:
      case DISPI_YRES:
        return DISPLAY_MAX_SIZE;
      case DISPI_BPP:
        return 32;
      default:
        break;
      }
  vga_dispi_geometry (vga, &width, &height, &bpp, &stride, &start);
  switch (index)
    {
    case DISPI_VIRT_WIDTH:
      return MAX (vga->dispi[DISPI_VIRT_WIDTH], vga->dispi[DISPI_XRES]);
    case DISPI_VIRT_HEIGHT:
      return (uint16_t)MIN ((vga->mask + 1) / stride, G_MAXUINT16);
    case DISPI_MEMORY_64K:
      return (uint16_t)((vga->mask + 1) >> 16);
    default:
      return vga->dispi[index];
    }
}

static void
dispi_enable (Vga *vga, uint16_t value)
{
  uint16_t before = vga->dispi[DISPI_ENABLE];

  vga->dispi[DISPI_ENABLE]
      = value & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEARMEM);
  if ((value & DISPI_ENABLED) && !(before & DISPI_ENABLED))
    {
      uint32_t width, height, bpp, stride, start;

      vga->dispi[DISPI_VIRT_WIDTH] = vga->dispi[DISPI_XRES];
      vga->dispi[DISPI_X_OFFSET] = 0;
      vga->dispi[DISPI_Y_OFFSET] = 0;
      vga->dispi[DISPI_BANK] = 0;
      vga_dispi_geometry (vga, &width, &height, &bpp, &stride, &start);
      if (!(value & DISPI_NOCLEARMEM))
        {
          /* A 4 bit picture is spread over whole blocks of 256 KiB. */
          uint64_t size = bpp == 4 ? ((uint64_t)stride * height + 0xffff) / 0x10000 * VGA_LEGACY_SIZE
                                   : (uint64_t)stride * height;
          size = MIN (size, (uint64_t)vga->mask + 1);
          memset (vga->memory, 0, size);
          region_mark_dirty (vga->vram, 0, size);
        }
    }
  else if (!(value & DISPI_ENABLED))
    vga->dispi[DISPI_BANK] = 0;
  if ((before ^ value) & DISPI_8BIT_DAC)
    vga->redraw = TRUE;
}

void
vga_dispi_write (Vga *vga, unsigned index, uint16_t value)
{
  switch (index)
    {
    case DISPI_ID:
      if (value >= DISPI_ID0 && value <= DISPI_ID5)
        vga->dispi[DISPI_ID] = value;
      return;
    case DISPI_XRES:
      if (vga_dispi_on (vga) && vga->dispi[DISPI_VIRT_WIDTH] < value)
        vga->dispi[DISPI_VIRT_WIDTH] = value;
      vga->dispi[index] = value;
      break;
    case DISPI_YRES:
    case DISPI_BPP:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
    case DISPI_BANK:
      vga->dispi[index] = value;
      break;
    case DISPI_ENABLE:
      dispi_enable (vga, value);
      break;
    default:
      return;
    }
  changed (vga);
  vga_memory_update (vga);
}

/* 0x1ce is the index, 0x1cf and (word aligned) 0x1d0 the data. */
static uint64_t
dispi_port_read (void *opaque, uint64_t addr, unsigned size)
{
  Vga *vga = opaque;

  if (addr == 0)
    return size == 1 ? vga->dispi_index & 0xff : vga->dispi_index;
  uint16_t value = vga_dispi_read (vga, vga->dispi_index);
  return size == 1 && addr == 2 ? value >> 8 : value;
}

static void
dispi_port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Vga *vga = opaque;

  if (addr == 0)
    vga->dispi_index = (uint16_t)value;
  else if (size == 2 && addr <= 2)
    vga_dispi_write (vga, vga->dispi_index, (uint16_t)value);
}

const IoOps vga_dispi_ops
    = { .read = dispi_port_read, .write = dispi_port_write, .impl_min = 1, .impl_max = 2, .valid_max = 2 };

/* -- BAR 2 ---------------------------------------------------------------------------------------- */

static uint8_t
mmio_read_byte (Vga *vga, unsigned addr)
{
  if (addr < sizeof vga->edid)
    return vga->edid[addr];
  if (addr < MMIO_PORTS)
    return 0;
  if (addr < MMIO_PORTS + 0x20)
    return vga_port_read (vga, (uint16_t)(0x3c0 + addr - MMIO_PORTS));
  if (addr >= MMIO_DISPI && addr < MMIO_DISPI + 2 * N_DISPI)
    return (uint8_t)(vga_dispi_read (vga, (addr - MMIO_DISPI) / 2) >> (addr & 1 ? 8 : 0));
  if (addr >= MMIO_EXT && addr < MMIO_EXT + 4)
    return addr == MMIO_EXT ? MMIO_EXT_SIZE : 0;
  if (addr >= MMIO_EXT_BYTE_ORDER && addr < MMIO_EXT_BYTE_ORDER + 4)
    return (uint8_t)(vga->big_endian ? BYTE_ORDER_BIG_MARK : BYTE_ORDER_LITTLE_MARK);
  return 0xff;
}

static uint64_t
mmio_read (void *opaque, uint64_t addr, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)mmio_read_byte (opaque, (unsigned)addr + i) << (8 * i);
  return value;
}

static void
mmio_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Vga *vga = opaque;

  if (addr >= MMIO_PORTS && addr + size <= MMIO_PORTS + 0x20)
    for (unsigned i = 0; i < size; i++)
      vga_port_write (vga, (uint16_t)(0x3c0 + addr - MMIO_PORTS + i), (uint8_t)(value >> (8 * i)));
  else if (addr >= MMIO_DISPI && addr + size <= MMIO_DISPI + 2 * N_DISPI && !(addr & 1) && size >= 2)
    for (unsigned i = 0; i < size; i += 2)
      vga_dispi_write (vga, (unsigned)(addr - MMIO_DISPI + i) / 2, (uint16_t)(value >> (8 * i)));
  else if (addr == MMIO_EXT_BYTE_ORDER && size == 4
           && (value == BYTE_ORDER_BIG_MARK || value == BYTE_ORDER_LITTLE_MARK))
    {
      vga->big_endian = value == BYTE_ORDER_BIG_MARK;
      changed (vga);
    }
}

const IoOps vga_mmio_ops = { .read = mmio_read, .write = mmio_write, .impl_min = 1, .impl_max = 4 };

/* -- Reset ---------------------------------------------------------------------------------------- */

void
vga_regs_reset (Vga *vga)
{
  vga->misc = 0;
  vga->feature = 0;
  vga->enable = 1;
  vga->seq_index = vga->gdc_index = vga->crtc_index = vga->attr_index = 0;
  memset (vga->seq, 0, sizeof vga->seq);
  memset (vga->gdc, 0, sizeof vga->gdc);
  memset (vga->crtc, 0, sizeof vga->crtc);
  memset (vga->attr, 0, sizeof vga->attr);
  memset (vga->dac, 0, sizeof vga->dac);
  memset (vga->dac_latch, 0, sizeof vga->dac_latch);
  memset (vga->dispi, 0, sizeof vga->dispi);
  memset (vga->mono_crtc, 0, sizeof vga->mono_crtc);
  vga->mono_index = 0;
  vga->mono_written = 0;
  vga->attr_data = FALSE;
  vga->pel_mask = 0xff;
  vga->dac_state = vga->dac_read = vga->dac_write = vga->dac_phase = 0;
  vga->latch = 0;
  vga->dispi_index = 0;
  vga->dispi[DISPI_ID] = DISPI_ID5;
  vga->big_endian = FALSE;
  vga->poll_time = vga->poll_retrace = -1;
  changed_colors (vga);
}
