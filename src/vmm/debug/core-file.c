/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing the core file.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/core-file.h"

#include "debug/memory.h"

#include <elf.h>
#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

/* Ranges of mapped memory: a header has room for 65535, and what comes then is left out. */
#define MOST_SEGMENTS 8192u
#define MOST_PAGES    (1u << 24)
#define FILE_ALIGN    4096u
#define MOST_NOTE     65536u /* bytes; Linux has a page */
#define KERNEL_HALF   0xffff800000000000ULL

/* What a kernel writes of a thread: struct elf_prstatus of x86-64. */
typedef struct
{
  uint32_t signal_number, signal_code, signal_errno;
  uint16_t current_signal, pad;
  uint64_t pending, held;
  uint32_t pid, parent, group, session;
  uint64_t times[8];
  uint64_t registers
      [27]; /* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs */
  uint32_t fp_valid, pad2;
} PrStatus;
G_STATIC_ASSERT (sizeof (PrStatus) == 336);

typedef struct
{
  Region *region;                  /* referenced */
  uint64_t physical, size, offset; /* `offset`: in the region */
  uint64_t at;                     /* in the file */
} Part;

typedef struct
{
  SaveSink parent;
  Vm *vm;
  Engine *engine;
  int fd;
  char *name;
  CoreNoteFunc note;
  void *note_opaque;
  gboolean begun;
  GArray *parts;    /* Part */
  GArray *segments; /* Elf64_Phdr */
} CoreFile;

static gboolean
put (CoreFile *core, const void *data, size_t length, uint64_t at, GError **error)
{
  const uint8_t *bytes = data;

  while (length > 0)
    {
      ssize_t n = pwrite (core->fd, bytes, length, (off_t)at);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't write to %s: %s",
                       core->name, g_strerror (errno));
          return FALSE;
        }
      bytes += n;
      length -= (size_t)n;
      at += (uint64_t)n;
    }
  return TRUE;
}

/* -- What is where -------------------------------------------------------------------------------- */

static void
find_parts (CoreFile *core)
{
  FlatView *view = address_space_ref_view (core->vm->memory);

  for (unsigned i = 0; i < view->n_ranges; i++)
    {
      const FlatRange *range = &view->ranges[i];

      if (region_is_ram (range->region) && !region_is_rom (range->region))
        {
          const Part part = { region_ref (range->region), range->start, range->size, range->offset, 0 };
          g_array_append_val (core->parts, part);
        }
    }
  flat_view_unref (view);
}

/* The part that has this physical address. */
static const Part *
part_at (const CoreFile *core, uint64_t physical)
{
  for (guint i = 0; i < core->parts->len; i++)
    {
      const Part *part = &g_array_index (core->parts, Part, i);

      if (physical - part->physical < part->size)
        return part;
    }
  return NULL;
}

static void
add_segment (CoreFile *core, uint64_t linear, uint64_t physical, uint64_t size, uint64_t at)
{
  const Elf64_Phdr header = { .p_type = PT_LOAD,
                              .p_flags = PF_R | PF_W | PF_X,
                              .p_offset = at,
                              .p_vaddr = linear,
                              .p_paddr = physical,
                              .p_filesz = size,
                              .p_memsz = size,
                              .p_align = 0 };

  if (core->segments->len < MOST_SEGMENTS)
    g_array_append_val (core->segments, header);
}

/* One mapped page, joined to the last segment where it goes on there. */
static void
add_page (CoreFile *core, guint first, uint64_t linear, uint64_t physical, uint64_t size)
{
  while (size > 0)
    {
      const Part *part = part_at (core, physical);
      uint64_t length
          = part != NULL ? MIN (size, part->physical + part->size - physical) : MIN (size, FILE_ALIGN);
      Elf64_Phdr *last = core->segments->len > first
                             ? &g_array_index (core->segments, Elf64_Phdr, core->segments->len - 1)
                             : NULL;

      if (part != NULL && last != NULL && last->p_vaddr + last->p_memsz == linear
          && last->p_paddr + last->p_memsz == physical && part_at (core, last->p_paddr) == part)
        {
          last->p_memsz += length;
          last->p_filesz += length;
        }
      else if (part != NULL)
        add_segment (core, linear, physical, length, part->at + (physical - part->physical));
      linear += length;
      physical += length;
      size -= length;
    }
}

/* Four-level tables: the upper half. */
static void
add_mapped (CoreFile *core, const CpuState *state)
{
  static const unsigned shifts[] = { 39, 30, 21, 12 };
  const guint first = core->segments->len;
  uint64_t linear = KERNEL_HALF;

  for (unsigned pages = 0; pages < MOST_PAGES && core->segments->len < MOST_SEGMENTS; pages++)
    {
      CpuWalkStep steps[CPU_WALK_MOST];
      unsigned n;
      uint64_t physical, size = 0, next;

      if (cpu_state_walk (core->vm, state, linear, steps, &n, &physical, &size))
        {
          physical -= linear & (size - 1);
          add_page (core, first, linear & ~(size - 1), physical, size);
        }
      else
        size = (uint64_t)1 << shifts[MIN (MAX (n, 1u) - 1, 3)];
      next = (linear & ~(size - 1)) + size;
      if (next <= linear)
        break;
      linear = next;
    }
}

/* -- Notes ---------------------------------------------------------------------------------------- */

static void
append_note (GByteArray *out, uint32_t type, const void *data, uint32_t length)
{
  const Elf64_Nhdr head = { .n_namesz = 5, .n_descsz = length, .n_type = type };

  g_byte_array_append (out, (const uint8_t *)&head, sizeof head);
  g_byte_array_append (out, (const uint8_t *)"CORE\0\0\0", 8);
  g_byte_array_append (out, data, length);
  while (out->len % 4 != 0)
    g_byte_array_append (out, (const uint8_t *)"", 1);
}

static void
append_status (GByteArray *out, const CpuState *s, unsigned n)
{
  const uint64_t *g = s->gpr;
  const PrStatus status = {
    .pid = n + 1,
    .registers = { g[CPU_R15],
                   g[CPU_R14],
                   g[CPU_R13],
                   g[CPU_R12],
                   g[CPU_RBP],
                   g[CPU_RBX],
                   g[CPU_R11],
                   g[CPU_R10],
                   g[CPU_R9],
                   g[CPU_R8],
                   g[CPU_RAX],
                   g[CPU_RCX],
                   g[CPU_RDX],
                   g[CPU_RSI],
                   g[CPU_RDI],
                   ~(uint64_t)0,
                   s->rip,
                   s->segment[CPU_CS].selector,
                   s->rflags,
                   g[CPU_RSP],
                   s->segment[CPU_SS].selector,
                   s->segment[CPU_FS].base,
                   s->segment[CPU_GS].base,
                   s->segment[CPU_DS].selector,
                   s->segment[CPU_ES].selector,
                   s->segment[CPU_FS].selector,
                   s->segment[CPU_GS].selector },
  };

  append_note (out, NT_PRSTATUS, &status, sizeof status);
}

/* "VMCOREINFO", with lines of text.  It is the guest's: a note of another kind or shape is left out. */
static void
append_guest_note (const CoreFile *core, GByteArray *out)
{
  static const char name[12] = "VMCOREINFO"; /* with what fills it up */
  struct
  {
    Elf64_Nhdr head;
    char name[sizeof name];
  } note;
  g_autofree uint8_t *text = NULL;
  uint64_t address;
  uint32_t size;

  if (core->note == NULL || !core->note (core->note_opaque, &address, &size)
      || debug_read_memory (core->vm, NULL, address, &note, sizeof note) != sizeof note
      || note.head.n_namesz != strlen (name) + 1 || memcmp (note.name, name, strlen (name) + 1) != 0
      || size < sizeof note || note.head.n_descsz > MIN (size - sizeof note, MOST_NOTE))
    return;
  text = g_malloc (note.head.n_descsz);
  if (debug_read_memory (core->vm, NULL, address + sizeof note, text, note.head.n_descsz)
      != note.head.n_descsz)
    return;
  g_byte_array_append (out, (const uint8_t *)&note, sizeof note);
  g_byte_array_append (out, text, note.head.n_descsz);
  while (out->len % 4 != 0)
    g_byte_array_append (out, (const uint8_t *)"", 1);
}

/* -- The file ------------------------------------------------------------------------------------- */

static gboolean
begin (CoreFile *core, GError **error)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1), *first = NULL;
  g_autoptr (GByteArray) notes = g_byte_array_new (), head = g_byte_array_new ();
  Elf64_Ehdr elf = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                     .e_type = ET_CORE,
                     .e_machine = EM_X86_64,
                     .e_version = EV_CURRENT,
                     .e_phoff = sizeof (Elf64_Ehdr),
                     .e_ehsize = sizeof (Elf64_Ehdr),
                     .e_phentsize = sizeof (Elf64_Phdr) };
  Elf64_Phdr note = { .p_type = PT_NOTE };
  uint64_t at;

  core->begun = TRUE;
  find_parts (core);
  for (unsigned i = 0; i < core->vm->n_cpus && core->engine->klass->get_state != NULL; i++)
    if (core->engine->klass->get_state (core->engine, i, state))
      {
        append_status (notes, state, i);
        if (i == 0)
          first = g_memdup2 (state, sizeof *state);
      }
  append_guest_note (core, notes);
  /* Where memory begins doesn't depend on how many segments there will be. */
  at = sizeof elf + (MOST_SEGMENTS + 1) * sizeof note + notes->len;
  at = (at + FILE_ALIGN - 1) & ~(uint64_t)(FILE_ALIGN - 1);
  for (guint i = 0; i < core->parts->len; i++)
    {
      Part *part = &g_array_index (core->parts, Part, i);

      part->at = at;
      at += part->size;
      add_segment (core, part->physical, part->physical, part->size, part->at);
    }
  if (first != NULL && (first->efer & 1u << 10) != 0 && (first->cr4 & 1u << 12) == 0)
    add_mapped (core, first);
  elf.e_phnum = (uint16_t)(core->segments->len + 1);
  note.p_offset = sizeof elf + (core->segments->len + 1) * sizeof note;
  note.p_filesz = note.p_memsz = notes->len;
  g_byte_array_append (head, (const uint8_t *)&elf, sizeof elf);
  g_byte_array_append (head, (const uint8_t *)&note, sizeof note);
  g_byte_array_append (head, (const uint8_t *)core->segments->data, core->segments->len * sizeof note);
  g_byte_array_append (head, notes->data, notes->len);
  if (ftruncate (core->fd, (off_t)at) != 0)
    {
      g_set_error (error, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "Can't write to %s: %s",
                   core->name, g_strerror (errno));
      return FALSE;
    }
  return put (core, head->data, head->len, 0, error);
}

static gboolean
core_section (SaveSink *sink, char kind, const char *name, unsigned version, const void *data, size_t length,
              GError **error)
{
  CoreFile *core = (CoreFile *)sink;

  return core->begun || begin (core, error);
}

static gboolean
core_page (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error)
{
  CoreFile *core = (CoreFile *)sink;
  const uint64_t offset = n * GUEST_PAGE_SIZE;
  uint8_t page[GUEST_PAGE_SIZE];

  if (!core->begun && !begin (core, error))
    return FALSE;
  memcpy (page, data, sizeof page);
  /* Zeroes are a hole. */
  if (page[0] == 0 && memcmp (page, page + 1, sizeof page - 1) == 0)
    return TRUE;
  for (guint i = 0; i < core->parts->len; i++)
    {
      const Part *part = &g_array_index (core->parts, Part, i);

      if (part->region == region && offset - part->offset < part->size
          && !put (core, page, sizeof page, part->at + (offset - part->offset), error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
core_end (SaveSink *sink, GError **error)
{
  CoreFile *core = (CoreFile *)sink;

  return core->begun || begin (core, error);
}

static void
core_free (SaveSink *sink)
{
  CoreFile *core = (CoreFile *)sink;

  for (guint i = 0; i < core->parts->len; i++)
    region_unref (g_array_index (core->parts, Part, i).region);
  g_array_unref (core->parts);
  g_array_unref (core->segments);
  g_free (core->name);
  g_free (core);
}

SaveSink *
core_file_sink_new (Vm *vm, Engine *engine, int fd, const char *name, CoreNoteFunc note, void *opaque)
{
  CoreFile *core = g_new0 (CoreFile, 1);

  core->parent = (SaveSink){ .section = core_section, .page = core_page, .end = core_end, .free = core_free };
  core->vm = vm;
  core->engine = engine;
  core->fd = fd;
  core->name = g_strdup (name);
  core->note = note;
  core->note_opaque = opaque;
  core->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  core->segments = g_array_new (FALSE, FALSE, sizeof (Elf64_Phdr));
  return &core->parent;
}
