/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Registers and their descriptions.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/gdb-registers.h"

#include <string.h>

enum
{
  CR0_PE = 1u << 0,
  RFLAGS_VM = 1u << 17,
  EFER_LMA = 1u << 10,
  SEGMENT_DB = 1u << 10,
  SEGMENT_L = 1u << 9,
  MSR_KERNEL_GS_BASE = 0xc0000102u,
  XCR0_AVX = 1u << 2, /* and the component's bit in XSAVE_BV */
};

/* The XSAVE area's legacy part (SDM volume 1, 10.5.1 and 13.4.1). */
enum
{
  XSAVE_FCW = 0,
  XSAVE_FSW = 2,
  XSAVE_FTW = 4,
  XSAVE_FOP = 6,
  XSAVE_FIP = 8,
  XSAVE_FCS = 12,
  XSAVE_FDP = 16,
  XSAVE_FDS = 20,
  XSAVE_MXCSR = 24,
  XSAVE_ST = 32,
  XSAVE_XMM = 160,
  XSAVE_BV = 512,
  XSAVE_YMM = 576, /* upper halves; 13.4.3, and where CPUID leaf 0xd has put them on all processors so far */
};

typedef enum
{
  KIND_GPR,
  KIND_PC,
  KIND_FLAGS,
  KIND_SELECTOR,
  KIND_ST,
  KIND_XSAVE_16, /* two bytes of the area, shown as four */
  KIND_XSAVE_32,
  KIND_TAGS,
  KIND_XMM,
  KIND_YMM, /* its upper half */
  KIND_BASE,
  KIND_FIELD,  /* of CpuState, at `index`; eight bytes */
  KIND_SHOWN,  /* the same, and can't be set */
  KIND_LIMIT,  /* the same, four bytes */
  KIND_MSR,    /* shown */
  KIND_OFFSET, /* RIP as it is */
} Kind;

typedef struct
{
  const char *name, *type;
  Kind kind;
  unsigned index;
  uint8_t bytes;
  const char *feature; /* begins here; NULL: goes on */
} Register;

#define CORE     "org.gnu.gdb.i386.core"
#define SSE      "org.gnu.gdb.i386.sse"
#define AVX      "org.gnu.gdb.i386.avx"
#define SEGMENTS "org.gnu.gdb.i386.segments"
#define SYSTEM   "org.vivarium.i386.system"

#define GPR(name, n, bytes, type)        \
  {                                      \
    name, type, KIND_GPR, n, bytes, NULL \
  }
#define SELECTORS                                                                                           \
  { "cs", "int32", KIND_SELECTOR, CPU_CS, 4, NULL }, { "ss", "int32", KIND_SELECTOR, CPU_SS, 4, NULL },     \
      { "ds", "int32", KIND_SELECTOR, CPU_DS, 4, NULL }, { "es", "int32", KIND_SELECTOR, CPU_ES, 4, NULL }, \
      { "fs", "int32", KIND_SELECTOR, CPU_FS, 4, NULL },                                                    \
  {                                                                                                         \
    "gs", "int32", KIND_SELECTOR, CPU_GS, 4, NULL                                                           \
  }
#define ST(n)                                 \
  {                                           \
    "st" #n, "i387_ext", KIND_ST, n, 10, NULL \
  }
#define X87                                                                                            \
  ST (0), ST (1), ST (2), ST (3), ST (4), ST (5), ST (6), ST (7),                                      \
      { "fctrl", "int", KIND_XSAVE_16, XSAVE_FCW, 4, NULL },                                           \
      { "fstat", "int", KIND_XSAVE_16, XSAVE_FSW, 4, NULL }, { "ftag", "int", KIND_TAGS, 0, 4, NULL }, \
      { "fiseg", "int", KIND_XSAVE_16, XSAVE_FCS, 4, NULL },                                           \
      { "fioff", "int", KIND_XSAVE_32, XSAVE_FIP, 4, NULL },                                           \
      { "foseg", "int", KIND_XSAVE_16, XSAVE_FDS, 4, NULL },                                           \
      { "fooff", "int", KIND_XSAVE_32, XSAVE_FDP, 4, NULL },                                           \
  {                                                                                                    \
    "fop", "int", KIND_XSAVE_16, XSAVE_FOP, 4, NULL                                                    \
  }
#define XMM(n)                                \
  {                                           \
    "xmm" #n, "vec128", KIND_XMM, n, 16, NULL \
  }
#define XMM_LOW \
  { "xmm0", "vec128", KIND_XMM, 0, 16, SSE }, XMM (1), XMM (2), XMM (3), XMM (4), XMM (5), XMM (6), XMM (7)
#define XMM_HIGH XMM (8), XMM (9), XMM (10), XMM (11), XMM (12), XMM (13), XMM (14), XMM (15)
#define MXCSR                                                 \
  {                                                           \
    "mxcsr", "x86_mxcsr", KIND_XSAVE_32, XSAVE_MXCSR, 4, NULL \
  }
#define YMM(n)                                     \
  {                                                \
    "ymm" #n "h", "uint128", KIND_YMM, n, 16, NULL \
  }
#define YMM_LOW \
  { "ymm0h", "uint128", KIND_YMM, 0, 16, AVX }, YMM (1), YMM (2), YMM (3), YMM (4), YMM (5), YMM (6), YMM (7)
#define YMM_HIGH YMM (8), YMM (9), YMM (10), YMM (11), YMM (12), YMM (13), YMM (14), YMM (15)
#define FIELD(name, field)                                          \
  {                                                                 \
    name, "uint64", KIND_FIELD, offsetof (CpuState, field), 8, NULL \
  }
#define SHOWN(name, field)                                          \
  {                                                                 \
    name, "uint64", KIND_SHOWN, offsetof (CpuState, field), 8, NULL \
  }
#define SYSTEM_REGISTERS                                                                                     \
  { "ip", "uint64", KIND_OFFSET, 0, 8, SYSTEM }, FIELD ("cr0", cr0), FIELD ("cr2", cr2), FIELD ("cr3", cr3), \
      FIELD ("cr4", cr4), FIELD ("cr8", cr8), FIELD ("efer", efer),                                          \
      { "k_gs_base", "uint64", KIND_MSR, MSR_KERNEL_GS_BASE, 8, NULL }, SHOWN ("gdt_base", gdt_base),        \
      { "gdt_limit", "uint32", KIND_LIMIT, offsetof (CpuState, gdt_limit), 4, NULL },                        \
      SHOWN ("idt_base", idt_base),                                                                          \
  {                                                                                                          \
    "idt_limit", "uint32", KIND_LIMIT, offsetof (CpuState, idt_limit), 4, NULL                               \
  }

/* The first ones in GDB's order, which its descriptions go by name anyway. */
static const Register registers_64[] = {
  { "rax", "int64", KIND_GPR, CPU_RAX, 8, CORE },
  GPR ("rbx", CPU_RBX, 8, "int64"),
  GPR ("rcx", CPU_RCX, 8, "int64"),
  GPR ("rdx", CPU_RDX, 8, "int64"),
  GPR ("rsi", CPU_RSI, 8, "int64"),
  GPR ("rdi", CPU_RDI, 8, "int64"),
  GPR ("rbp", CPU_RBP, 8, "data_ptr"),
  GPR ("rsp", CPU_RSP, 8, "data_ptr"),
  GPR ("r8", CPU_R8, 8, "int64"),
  GPR ("r9", CPU_R9, 8, "int64"),
  GPR ("r10", CPU_R10, 8, "int64"),
  GPR ("r11", CPU_R11, 8, "int64"),
  GPR ("r12", CPU_R12, 8, "int64"),
  GPR ("r13", CPU_R13, 8, "int64"),
  GPR ("r14", CPU_R14, 8, "int64"),
  GPR ("r15", CPU_R15, 8, "int64"),
  { "rip", "code_ptr", KIND_PC, 0, 8, NULL },
  { "eflags", "x86_eflags", KIND_FLAGS, 0, 4, NULL },
  SELECTORS,
  X87,
  XMM_LOW,
  XMM_HIGH,
  MXCSR,
  YMM_LOW,
  YMM_HIGH,
  { "fs_base", "int64", KIND_BASE, CPU_FS, 8, SEGMENTS },
  { "gs_base", "int64", KIND_BASE, CPU_GS, 8, NULL },
  SYSTEM_REGISTERS,
};
#define PC_64 16

static const Register registers_32[] = {
  { "eax", "int32", KIND_GPR, CPU_RAX, 4, CORE },
  GPR ("ecx", CPU_RCX, 4, "int32"),
  GPR ("edx", CPU_RDX, 4, "int32"),
  GPR ("ebx", CPU_RBX, 4, "int32"),
  GPR ("esp", CPU_RSP, 4, "data_ptr"),
  GPR ("ebp", CPU_RBP, 4, "data_ptr"),
  GPR ("esi", CPU_RSI, 4, "int32"),
  GPR ("edi", CPU_RDI, 4, "int32"),
  { "eip", "code_ptr", KIND_PC, 0, 4, NULL },
  { "eflags", "x86_eflags", KIND_FLAGS, 0, 4, NULL },
  SELECTORS,
  X87,
  XMM_LOW,
  MXCSR,
  YMM_LOW,
  SYSTEM_REGISTERS,
};
#define PC_32 8

static const Register *
table (GdbBits bits, unsigned *n)
{
  *n = bits == GDB_BITS_64 ? G_N_ELEMENTS (registers_64) : G_N_ELEMENTS (registers_32);
  return bits == GDB_BITS_64 ? registers_64 : registers_32;
}

unsigned
gdb_registers_count (GdbBits bits)
{
  unsigned n;

  table (bits, &n);
  return n;
}

unsigned
gdb_register_pc (GdbBits bits)
{
  return bits == GDB_BITS_64 ? PC_64 : PC_32;
}

/* -- Description ---------------------------------------------------------------------------------- */

static void
append_types (GString *out, const char *feature)
{
  static const char *const flags[][2] = {
    { "CF", "0" },  { "PF", "2" },   { "AF", "4" },   { "ZF", "6" },  { "SF", "7" },  { "TF", "8" },
    { "IF", "9" },  { "DF", "10" },  { "OF", "11" },  { "NT", "14" }, { "RF", "16" }, { "VM", "17" },
    { "AC", "18" }, { "VIF", "19" }, { "VIP", "20" }, { "ID", "21" },
  };
  static const char *const controls[][2] = {
    { "IE", "0" },  { "DE", "1" },  { "ZE", "2" },  { "OE", "3" },  { "UE", "4" },
    { "PE", "5" },  { "DAZ", "6" }, { "IM", "7" },  { "DM", "8" },  { "ZM", "9" },
    { "OM", "10" }, { "UM", "11" }, { "PM", "12" }, { "FZ", "15" },
  };

  if (g_str_equal (feature, CORE))
    {
      g_string_append (out, "<flags id=\"x86_eflags\" size=\"4\">");
      for (unsigned i = 0; i < G_N_ELEMENTS (flags); i++)
        g_string_append_printf (out, "<field name=\"%s\" start=\"%s\" end=\"%s\"/>", flags[i][0], flags[i][1],
                                flags[i][1]);
      g_string_append (out, "</flags>\n");
    }
  else if (g_str_equal (feature, SSE))
    {
      g_string_append (
          out,
          "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
          "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
          "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
          "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
          "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
          "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
          "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
          "<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
          "<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
          "<field name=\"uint128\" type=\"uint128\"/></union>\n<flags id=\"x86_mxcsr\" size=\"4\">");
      for (unsigned i = 0; i < G_N_ELEMENTS (controls); i++)
        g_string_append_printf (out, "<field name=\"%s\" start=\"%s\" end=\"%s\"/>", controls[i][0],
                                controls[i][1], controls[i][1]);
      g_string_append (out, "</flags>\n");
    }
}

static char *
make_xml (GdbBits bits)
{
  GString *out
      = g_string_new ("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");
  unsigned n;
  const Register *registers = table (bits, &n);

  g_string_append_printf (out, "<architecture>%s</architecture>\n",
                          bits == GDB_BITS_64 ? "i386:x86-64" : "i386");
  for (unsigned i = 0; i < n; i++)
    {
      const Register *r = &registers[i];

      if (r->feature != NULL)
        {
          g_string_append_printf (out, "%s<feature name=\"%s\">\n", i > 0 ? "</feature>\n" : "", r->feature);
          append_types (out, r->feature);
        }
      g_string_append_printf (out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"%s/>\n", r->name,
                              8u * r->bytes, r->type, i, r->kind >= KIND_FIELD ? " group=\"system\"" : "");
    }
  g_string_append (out, "</feature>\n</target>\n");
  return g_string_free (out, FALSE);
}

const char *
gdb_registers_xml (GdbBits bits)
{
  static char *made[2];
  char **xml = &made[bits == GDB_BITS_64];

  if (g_once_init_enter (xml))
    g_once_init_leave (xml, make_xml (bits));
  return *xml;
}

/* -- Values --------------------------------------------------------------------------------------- */

static gboolean
in_64 (const CpuState *state)
{
  return (state->efer & EFER_LMA) != 0 && (state->segment[CPU_CS].attributes & SEGMENT_L) != 0;
}

uint64_t
gdb_linear_pc (const CpuState *state)
{
  return in_64 (state) ? state->rip : (state->segment[CPU_CS].base + state->rip) & 0xffffffff;
}

static void
set_pc (CpuState *state, uint64_t linear)
{
  const CpuSegment *cs = &state->segment[CPU_CS];

  if (in_64 (state))
    state->rip = linear;
  else
    state->rip = (linear - cs->base) & ((cs->attributes & SEGMENT_DB) != 0 ? 0xffffffff : 0xffff);
}

/* The tag word of FSAVE from the area's one bit a register: 0 valid, 1 zero, 2 special, 3 empty (SDM volume 1, 8.1.7). */
static uint32_t
full_tags (const uint8_t *xsave)
{
  const unsigned top = (xsave[XSAVE_FSW + 1] >> 3) & 7;
  uint32_t tags = 0;

  for (unsigned i = 0; i < 8; i++)
    {
      const uint8_t *st = xsave + XSAVE_ST + 16 * ((i - top) & 7);
      unsigned exponent = (st[8] | (unsigned)st[9] << 8) & 0x7fff;
      uint64_t significand;
      unsigned tag = 0;

      memcpy (&significand, st, 8);
      if ((xsave[XSAVE_FTW] >> i & 1) == 0)
        tag = 3;
      else if (exponent == 0 && significand == 0)
        tag = 1;
      else if (exponent == 0x7fff || (significand >> 63) == 0)
        tag = 2;
      tags |= tag << (2 * i);
    }
  return tags;
}

unsigned
gdb_register_get (GdbBits bits, unsigned n, const CpuState *state, uint8_t *out)
{
  unsigned count;
  const Register *registers = table (bits, &count), *r;
  uint64_t value = 0;

  if (n >= count)
    return 0;
  r = &registers[n];
  switch (r->kind)
    {
    case KIND_GPR:
      value = state->gpr[r->index];
      break;
    case KIND_PC:
      value = gdb_linear_pc (state);
      break;
    case KIND_OFFSET:
      value = state->rip;
      break;
    case KIND_FLAGS:
      value = state->rflags;
      break;
    case KIND_SELECTOR:
      value = state->segment[r->index].selector;
      break;
    case KIND_BASE:
      value = state->segment[r->index].base;
      break;
    case KIND_ST:
      memcpy (out, state->xsave + XSAVE_ST + 16 * r->index, 10);
      return 10;
    case KIND_XMM:
      memcpy (out, state->xsave + XSAVE_XMM + 16 * r->index, 16);
      return 16;
    case KIND_YMM:
      /* In its initial state, whatever the area has there: zero. */
      memset (out, 0, 16);
      if ((state->xsave[XSAVE_BV] & XCR0_AVX) != 0)
        memcpy (out, state->xsave + XSAVE_YMM + 16 * r->index, 16);
      return 16;
    case KIND_XSAVE_16:
      memcpy (&value, state->xsave + r->index, 2);
      break;
    case KIND_XSAVE_32:
      memcpy (&value, state->xsave + r->index, 4);
      break;
    case KIND_TAGS:
      value = full_tags (state->xsave);
      break;
    case KIND_FIELD:
    case KIND_SHOWN:
      memcpy (&value, (const uint8_t *)state + r->index, 8);
      break;
    case KIND_LIMIT:
      memcpy (&value, (const uint8_t *)state + r->index, 4);
      break;
    case KIND_MSR:
      for (unsigned i = 0; i < MIN (state->n_msrs, CPU_MAX_MSRS); i++)
        if (state->msr[i].index == r->index)
          value = state->msr[i].value;
      break;
    }
  memcpy (out, &value, r->bytes);
  return r->bytes;
}

static gboolean
set_selector (CpuState *state, unsigned n, uint64_t value)
{
  gboolean real = (state->cr0 & CR0_PE) == 0 || (state->rflags & RFLAGS_VM) != 0;

  /* Elsewhere it would come with a descriptor of the guest's tables, and checks: that is the guest's work. */
  if (!real)
    return value == state->segment[n].selector;
  if (state->segment[n].selector != (uint16_t)value)
    {
      state->segment[n].selector = (uint16_t)value;
      state->segment[n].base = (value & 0xffff) << 4;
    }
  return TRUE;
}

static void
set_tags (uint8_t *xsave, uint64_t tags)
{
  xsave[XSAVE_FTW] = 0;
  for (unsigned i = 0; i < 8; i++)
    if ((tags >> (2 * i) & 3) != 3)
      xsave[XSAVE_FTW] |= (uint8_t)(1u << i);
}

/* The area says in a bit a component that there is something else than its initial state: x87 in bit 0, SSE in bit 1. */
static void
put_area (CpuState *state, unsigned at, const void *data, unsigned length)
{
  memcpy (state->xsave + at, data, length);
  state->xsave[XSAVE_BV] |= at >= XSAVE_XMM || at == XSAVE_MXCSR ? 2 : 1;
}

/* A guest that hasn't switched AVX on has no upper halves: they are zero, and stay so. */
static gboolean
set_ymm (CpuState *state, unsigned n, const uint8_t *data)
{
  static const uint8_t zero[16];
  uint8_t *area = state->xsave + XSAVE_YMM;

  if ((state->xcr0 & XCR0_AVX) == 0)
    return memcmp (data, zero, sizeof zero) == 0;
  if ((state->xsave[XSAVE_BV] & XCR0_AVX) == 0 && memcmp (data, zero, sizeof zero) == 0)
    return TRUE;
  if ((state->xsave[XSAVE_BV] & XCR0_AVX) == 0)
    memset (area, 0, 16 * 16);
  memcpy (area + 16 * n, data, 16);
  state->xsave[XSAVE_BV] |= XCR0_AVX;
  return TRUE;
}

gboolean
gdb_register_set (GdbBits bits, unsigned n, CpuState *state, const uint8_t *data, unsigned length)
{
  unsigned count;
  const Register *registers = table (bits, &count), *r;
  uint8_t before[GDB_REGISTER_MOST];
  uint64_t value = 0;

  if (n >= count || registers[n].bytes != length)
    return FALSE;
  r = &registers[n];
  gdb_register_get (bits, n, state, before);
  memcpy (&value, data, MIN (length, 8));
  switch (r->kind)
    {
    case KIND_GPR:
      memcpy (&state->gpr[r->index], data, length);
      return TRUE;
    case KIND_PC:
      if (memcmp (before, data, length) != 0)
        set_pc (state, value);
      return TRUE;
    case KIND_OFFSET:
      state->rip = value;
      return TRUE;
    case KIND_FLAGS:
      state->rflags = (value & 0x3f7fd5) | 2;
      return TRUE;
    case KIND_SELECTOR:
      return set_selector (state, r->index, value);
    case KIND_BASE:
      state->segment[r->index].base = value;
      return TRUE;
    case KIND_ST:
      put_area (state, XSAVE_ST + 16 * r->index, data, 10);
      return TRUE;
    case KIND_XMM:
      put_area (state, XSAVE_XMM + 16 * r->index, data, 16);
      return TRUE;
    case KIND_YMM:
      return set_ymm (state, r->index, data);
    case KIND_XSAVE_16:
      put_area (state, r->index, data, 2);
      return TRUE;
    case KIND_XSAVE_32:
      if (r->index == XSAVE_MXCSR && (value & ~(uint64_t)0xffff) != 0)
        return FALSE;
      put_area (state, r->index, data, 4);
      return TRUE;
    case KIND_TAGS:
      set_tags (state->xsave, value);
      state->xsave[XSAVE_BV] |= 1;
      return TRUE;
    case KIND_FIELD:
      memcpy ((uint8_t *)state + r->index, &value, 8);
      return TRUE;
    default:
      /* GDB writes all of them back when it knows of no other way. */
      return memcmp (before, data, length) == 0;
    }
}
