/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VGA's inside, shared by its files: registers (vga-regs.c), memory window (vga-memory.c), what mode the registers
 * make (vga-mode.c), pictures (vga-render.c, vga-text.c).
 *
 * Video memory.  The adapter's 256 KiB are 65536 offsets of four planes.  The four bytes of an offset lie together as one
 * word, which is what a latch holds; word number of offset o is o rotated right by two bits (vga_word()).  With that a
 * chain-4 access to address A (plane A & 3, offset A & ~3) meets byte A: the window of mode 13h is plain memory that the
 * guest can have mapped, and programs that mix chained and planar access see what the real adapter shows them.
 * Each further 64 Ki offsets (4 bit DISPI modes) follow in the next 256 KiB.
 */
#pragma once

#include "display/output.h"
#include "pci/pci.h"
#include "video/vga.h"

G_BEGIN_DECLS

enum
{
  SEQ_RESET = 0,
  SEQ_CLOCKING = 1,
  SEQ_MAP_MASK = 2,
  SEQ_CHARACTER_MAP = 3,
  SEQ_MEMORY_MODE = 4,

  SEQ_CLOCKING_8_DOTS = 1 << 0,
  SEQ_CLOCKING_HALF = 1 << 3,
  SEQ_CLOCKING_SCREEN_OFF = 1 << 5,
  SEQ_MEMORY_SEQUENTIAL = 1 << 2, /* odd/even off */
  SEQ_MEMORY_CHAIN4 = 1 << 3,
};

enum
{
  GDC_SET_RESET = 0,
  GDC_ENABLE_SET_RESET = 1,
  GDC_COLOR_COMPARE = 2,
  GDC_ROTATE = 3,
  GDC_READ_MAP = 4,
  GDC_MODE = 5,
  GDC_MISC = 6,
  GDC_COLOR_DONT_CARE = 7,
  GDC_BIT_MASK = 8,

  GDC_MODE_WRITE = 3 << 0,
  GDC_MODE_READ_COMPARE = 1 << 3,
  GDC_MODE_ODD_EVEN = 1 << 4,
  GDC_MODE_INTERLEAVE = 1 << 5,
  GDC_MODE_256_COLORS = 1 << 6,
  GDC_MISC_GRAPHICS = 1 << 0,
  GDC_MISC_CHAIN_ODD_EVEN = 1 << 1,
};

enum
{
  CRTC_H_TOTAL = 0x00,
  CRTC_H_DISPLAY_END = 0x01,
  CRTC_V_TOTAL = 0x06,
  CRTC_OVERFLOW = 0x07,
  CRTC_PRESET_ROW_SCAN = 0x08,
  CRTC_MAX_SCAN_LINE = 0x09,
  CRTC_CURSOR_START = 0x0a,
  CRTC_CURSOR_END = 0x0b,
  CRTC_START_HIGH = 0x0c,
  CRTC_START_LOW = 0x0d,
  CRTC_CURSOR_HIGH = 0x0e,
  CRTC_CURSOR_LOW = 0x0f,
  CRTC_V_RETRACE_START = 0x10,
  CRTC_V_RETRACE_END = 0x11,
  CRTC_V_DISPLAY_END = 0x12,
  CRTC_OFFSET = 0x13,
  CRTC_UNDERLINE = 0x14,
  CRTC_MODE = 0x17,
  CRTC_LINE_COMPARE = 0x18,

  CRTC_MAX_SCAN_DOUBLE = 1 << 7,
  CRTC_CURSOR_OFF = 1 << 5,
  CRTC_V_RETRACE_PROTECT = 1 << 7,
  CRTC_UNDERLINE_DWORD = 1 << 6,
  CRTC_MODE_NOT_ROW_SCAN_13 = 1 << 0,
  CRTC_MODE_NOT_ROW_SCAN_14 = 1 << 1,
  CRTC_MODE_WRAP_15 = 1 << 5,
  CRTC_MODE_BYTE = 1 << 6,
};

enum
{
  ATTR_MODE = 0x10,
  ATTR_OVERSCAN = 0x11,
  ATTR_PLANE_ENABLE = 0x12,
  ATTR_PANNING = 0x13,
  ATTR_COLOR_SELECT = 0x14,

  ATTR_INDEX_DISPLAY = 1 << 5, /* palette address source: the screen shows */
  ATTR_MODE_MONO = 1 << 1,
  ATTR_MODE_LINE_GRAPHICS = 1 << 2,
  ATTR_MODE_BLINK = 1 << 3,
  ATTR_MODE_PAN_TOP_ONLY = 1 << 5,
  ATTR_MODE_8_BIT = 1 << 6,
  ATTR_MODE_P54 = 1 << 7,
};

enum
{
  MISC_COLOR = 1 << 0, /* CRTC at 0x3d4, not 0x3b4 */
  MISC_RAM = 1 << 1,
  MISC_CLOCK_28 = 1 << 2,
};

/* Bochs display interface. */
enum
{
  DISPI_ID = 0,
  DISPI_XRES = 1,
  DISPI_YRES = 2,
  DISPI_BPP = 3,
  DISPI_ENABLE = 4,
  DISPI_BANK = 5,
  DISPI_VIRT_WIDTH = 6,
  DISPI_VIRT_HEIGHT = 7,
  DISPI_X_OFFSET = 8,
  DISPI_Y_OFFSET = 9,
  DISPI_MEMORY_64K = 10,
  N_DISPI,

  DISPI_ENABLED = 1 << 0,
  DISPI_GETCAPS = 1 << 1,
  DISPI_8BIT_DAC = 1 << 5,
  DISPI_LFB = 1 << 6,
  DISPI_NOCLEARMEM = 1 << 7,

  DISPI_ID0 = 0xb0c0,
  DISPI_ID5 = 0xb0c5,
};

#define VGA_LEGACY_SIZE 0x40000u /* bytes of the adapter proper */
#define VGA_WINDOW_BASE 0xa0000u
#define VGA_WINDOW_SIZE 0x20000u
#define VGA_MAX_ROWS    1024 /* scan lines that the CRTC can count */
#define VGA_MAX_COLUMNS 256  /* characters of a line, likewise */
#define VGA_MAX_LINE    (DISPLAY_MAX_SIZE + 64)
#define VGA_MAX_PAGES   65536 /* 256 MiB */
#define VGA_FONT_SIZE   8192

typedef enum
{
  VGA_KIND_OFF,
  VGA_KIND_TEXT,
  VGA_KIND_PLANAR, /* 4 planes, one bit each */
  VGA_KIND_CGA,    /* shift register interleaved: two bits from each of two planes */
  VGA_KIND_256,    /* the four bytes of a word are four pixels */
  VGA_KIND_LINEAR, /* DISPI, 8 to 32 bits */
} VgaKind;

/* What the registers say, with every number in bounds.  Compared byte by byte: zero it first. */
typedef struct
{
  VgaKind kind;
  uint32_t width, height; /* of the picture, pixels */
  uint32_t bpp;           /* LINEAR: 8, 15, 16, 24, 32 */
  uint32_t stride;        /* LINEAR: bytes */
  uint32_t start;         /* LINEAR: byte; else counter */
  uint32_t big_endian;
  /* The CRTC's modes */
  uint32_t columns;  /* characters */
  uint32_t dots;     /* of a character, 8 or 9 */
  uint32_t hscale;   /* 2: dot clock halved */
  uint32_t max_scan; /* last row scan of a character row */
  uint32_t double_scan;
  uint32_t preset; /* first row scan */
  uint32_t offset; /* counter from row to row */
  uint32_t line_compare;
  uint32_t pan; /* pixels */
  uint32_t pan_top_only;
  uint32_t shift;    /* counter to offset: 0 byte, 1 word, 2 double word */
  uint32_t wrap_bit; /* word: the counter's bit that comes in at the bottom */
  uint32_t row_scan_13, row_scan_14;
  uint32_t wide;    /* offsets pass 65535 (DISPI, 4 bit) */
  uint32_t font[2]; /* offsets of the two character maps, [1] for attribute bit 3 */
  uint32_t attr_mode, underline;
} VgaMode;

/* Scan lines [y, y + lines) of the screen show one character row. */
typedef struct
{
  uint32_t y, lines;
  uint32_t row_scan; /* of the first */
  uint32_t counter;  /* changes without a change of layout */
  uint32_t pan;
} VgaTextRow;

/* What of the registers, beside the mode, shows in a picture: copied under the VM lock, drawn from without it. */
typedef struct
{
  uint8_t attr[32], dac[768], pel_mask;
  gboolean wide_dac;                /* 8 bits a colour */
  uint8_t cursor_start, cursor_end; /* CRTC registers */
  uint32_t cursor;                  /* counter */
  int64_t frames;                   /* since power-on, for blinking */
} VgaLook;

typedef struct
{
  PciDevice pci;
  /* Properties */
  uint32_t vram_mib, xres, yres;
  char *romfile;
  PciBus *bus;
  unsigned devfn;

  Region *vram, *window, *mmio, *rom;
  Region *ports[4];
  Mapping *port_mapping[4];
  Mapping *window_mapping; /* register functions */
  Mapping *linear_mapping; /* VRAM itself, over them */
  gboolean linear_on;
  uint64_t linear_offset;
  uint8_t *memory; /* of vram */
  uint32_t mask;   /* size of vram - 1 */
  DisplayOutput *output;
  uint8_t edid[128];

  /* Registers */
  uint8_t misc, feature, enable;
  uint8_t seq_index, seq[8];
  uint8_t gdc_index, gdc[16];
  uint8_t crtc_index, crtc[256];
  /* Written to 0x3b4 in a colour mode; a bit a register. */
  uint8_t mono_index, mono_crtc[32];
  uint32_t mono_written;
  uint8_t attr_index, attr[32];
  gboolean attr_data; /* the flip-flop: next write to 0x3c0 is data */
  uint8_t pel_mask, dac_state, dac_read, dac_write, dac_phase;
  uint8_t dac_latch[3];
  uint8_t dac[768];
  uint32_t latch;
  uint16_t dispi_index, dispi[N_DISPI];
  gboolean big_endian;

  /* Not saved: what polling has seen of the retrace */
  int64_t poll_time, poll_retrace;

  /* Not saved: what the picture waits for, under the VM lock as all above */
  gboolean watched;
  gboolean stale;  /* registers changed since `mode` was made */
  gboolean redraw; /* draw all, whatever the dirty log says */

  /* Picture.  Not saved; the display's thread alone, without the lock.  It reads video memory while the guest writes there: what is caught
   * half done is in the dirty log again and comes right with the next frame. */
  VgaMode mode;
  VgaLook look;
  gboolean scanout_on;
  Framebuffer surface; /* where pictures are drawn; pixels NULL: the scanout isn't drawn */
  uint32_t palette[256];
  uint32_t color16[16];
  uint32_t half[2][256]; /* 15 and 16 bits: what the low and the high byte give */
  uint32_t line[VGA_MAX_LINE];
  uint8_t wrapped[DISPLAY_MAX_SIZE * 4]; /* a line that goes over the end of memory, in one piece */
  uint64_t dirty[VGA_MAX_PAGES / 64];
  /* Text */
  unsigned n_rows;
  VgaTextRow row[VGA_MAX_ROWS];
  uint32_t cell[VGA_MAX_ROWS][VGA_MAX_COLUMNS + 1]; /* as drawn */
  uint8_t font[2][VGA_FONT_SIZE];
  int64_t blink_phase;
} Vga;

static inline uint32_t
vga_word (uint32_t offset)
{
  return (offset & ~0xffffu) | (offset & 3) << 14 | (offset & 0xffff) >> 2;
}

/* Byte index of an offset's word, within video memory. */
static inline uint32_t
vga_word_address (const Vga *vga, uint32_t offset)
{
  return vga_word (offset) * 4 & vga->mask;
}

static inline uint32_t
vga_load_word (const Vga *vga, uint32_t offset)
{
  uint32_t value;

  __builtin_memcpy (&value, vga->memory + vga_word_address (vga, offset), 4);
  return GUINT32_FROM_LE (value);
}

static inline gboolean
vga_dispi_on (const Vga *vga)
{
  return (vga->dispi[DISPI_ENABLE] & DISPI_ENABLED) != 0;
}

/* vga-regs.c */
void vga_regs_reset (Vga *vga);
uint8_t vga_port_read (Vga *vga, uint16_t port);
void vga_port_write (Vga *vga, uint16_t port, uint8_t value);
uint16_t vga_dispi_read (Vga *vga, unsigned index);
void vga_dispi_write (Vga *vga, unsigned index, uint16_t value);
/* Ranges of the port regions, and their functions. */
extern const IoOps vga_port_ops, vga_dispi_ops, vga_mmio_ops;
#define VGA_PORT_BASE  0x3b0
#define VGA_PORT_SIZE  0x30
#define VGA_DISPI_BASE 0x1ce
#define VGA_DISPI_SIZE 4
/* Nanoseconds of a frame, for blinking. */
int64_t vga_frame_ns (const Vga *vga);

/* vga-memory.c */
extern const IoOps vga_window_ops;
/* Maps video memory into the legacy window, or not, as the registers now ask. */
void vga_memory_update (Vga *vga);

/* vga-mode.c */
void vga_mode_make (const Vga *vga, VgaMode *mode);
void vga_dispi_geometry (const Vga *vga, uint32_t *width, uint32_t *height, uint32_t *bpp, uint32_t *stride,
                         uint32_t *start);
/* Offset of a counter value in the planes. */
static inline uint32_t
vga_mode_offset (const VgaMode *mode, uint32_t counter, uint32_t row_scan)
{
  uint32_t offset;

  if (mode->wide)
    return counter;
  counter &= 0xffff;
  offset = counter;
  if (mode->shift == 1)
    offset = counter << 1 | (counter >> mode->wrap_bit & 1);
  else if (mode->shift == 2)
    offset = counter << 2 | counter >> 14;
  if (mode->row_scan_13)
    offset = (offset & ~0x2000u) | (row_scan & 1) << 13;
  if (mode->row_scan_14)
    offset = (offset & ~0x4000u) | (row_scan & 2) << 13;
  return offset & 0xffff;
}

/* vga-render.c */
extern const DisplaySource vga_display_source;
/* Scan line `y`: the counter at its first character, its row scan and its panning. */
void vga_line_address (const VgaMode *mode, uint32_t y, uint32_t *counter, uint32_t *row_scan, uint32_t *pan);

/* vga-text.c */
/* Draws the cells that changed, or all.  `dirty`: memory or registers may have changed. */
void vga_text_render (Vga *vga, gboolean dirty, gboolean all);
char *vga_text_utf8 (const Vga *vga, const VgaMode *mode);

/* vga-edid.c */
void vga_edid_make (uint8_t edid[128], uint32_t width, uint32_t height);

G_END_DECLS
