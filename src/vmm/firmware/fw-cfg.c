/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fw_cfg.  See fw-cfg.h.
 */
#define G_LOG_DOMAIN "fw-cfg"

#include "firmware/fw-cfg.h"

#include "core/big-endian.h"

#include <string.h>

enum
{
  PORT_SELECTOR = 0x510,
  PORT_DATA = 1, /* from the selector */
  PORT_DMA = 0x514,
  SELECTOR_MASK = 0x3fff | FW_CFG_ARCH_LOCAL, /* bit 14 was "write" once */

  ID_TRADITIONAL = 1 << 0,
  ID_DMA = 1 << 1,

  DMA_ERROR = 1 << 0,
  DMA_READ = 1 << 1,
  DMA_SKIP = 1 << 2,
  DMA_SELECT = 1 << 3,
  DMA_WRITE = 1 << 4,
  DMA_DESCRIPTOR = 16, /* bytes: control, length, address, all big endian */
  DMA_CONTROL = 0,
  DMA_LENGTH = 4,
  DMA_ADDRESS = 8,
};
static const char signature[] = "QEMU CFG";

#define N_ITEMS         FW_CFG_FILE_FIRST
#define N_ARCH_ITEMS    0x60
#define DIRECTORY_ENTRY 64
/* What one turn of the main loop copies for a DMA read: a kernel or its RAM disk may have gigabytes, and the lock is held. */
#define DMA_PIECE   (256u * 1024)
#define DMA_STEP_NS 1000
/* Behind an item there are zeros, for integers and structures that an older item doesn't fill.  What a guest asks for beyond that
 * isn't written. */
#define ZEROS_MAX 4096u
/* All writable files together; they are few and small (addresses that firmware tells us). */
#define WRITABLE_SIZE 4096

typedef struct
{
  uint8_t *data;
  size_t length;
} Item;

typedef struct
{
  char name[FW_CFG_NAME_SIZE];
  Item item;
  FwCfgSelectFunc select;
  FwCfgWrittenFunc written;
  void *opaque;
  size_t arena_offset; /* writable: data is there */
} File;

typedef struct
{
  Device device;
  Item item[N_ITEMS], arch_item[N_ARCH_ITEMS];
  GPtrArray *files; /* File *, sorted by name */
  uint8_t writable[WRITABLE_SIZE];
  uint8_t initial[WRITABLE_SIZE]; /* of those, until somebody writes */
  size_t writable_used;
  uint16_t selector;
  uint32_t offset;
  uint32_t dma_high; /* address of the descriptor, upper half */
  /* A read under way: to where, how much is left; `reading` FALSE: none. */
  gboolean reading;
  uint64_t read_descriptor, read_address;
  uint32_t read_left;
  VmTimer read_timer;
  Dma dma;
  Mapping *mapping[2];
} FwCfg;

static const StateField fw_cfg_state[] = {
  STATE_U16 (FwCfg, selector),
  STATE_U32 (FwCfg, offset),
  STATE_U32 (FwCfg, dma_high),
  STATE_U8_ARRAY (FwCfg, writable),
  STATE_ADDED,
  STATE_BOOL (FwCfg, reading),
  STATE_U64 (FwCfg, read_descriptor),
  STATE_U64 (FwCfg, read_address),
  STATE_U32 (FwCfg, read_left),
  STATE_TIMER (FwCfg, read_timer),
  STATE_END,
};

/* -- Items --------------------------------------------------------------------------------------------- */

static void
set_item (Item *item, const void *data, size_t length)
{
  g_free (item->data);
  item->data = g_memdup2 (data, length);
  item->length = length;
}

static File *
selected_file (FwCfg *fw_cfg)
{
  unsigned n = fw_cfg->selector - FW_CFG_FILE_FIRST;

  return fw_cfg->selector >= FW_CFG_FILE_FIRST && n < fw_cfg->files->len
             ? g_ptr_array_index (fw_cfg->files, n)
             : NULL;
}

/* NULL if nothing has this selector. */
static const Item *
selected_item (FwCfg *fw_cfg)
{
  File *file = selected_file (fw_cfg);

  if (file != NULL)
    return &file->item;
  if (fw_cfg->selector < N_ITEMS)
    return &fw_cfg->item[fw_cfg->selector];
  if (fw_cfg->selector >= FW_CFG_ARCH_LOCAL && fw_cfg->selector < FW_CFG_ARCH_LOCAL + N_ARCH_ITEMS)
    return &fw_cfg->arch_item[fw_cfg->selector - FW_CFG_ARCH_LOCAL];
  return NULL;
}

static void
make_directory (FwCfg *fw_cfg)
{
  unsigned n = fw_cfg->files->len;
  size_t length = 4 + (size_t)n * DIRECTORY_ENTRY;
  g_autofree uint8_t *directory = g_malloc0 (length);

  put_be32 (directory, n);
  for (unsigned i = 0; i < n; i++)
    {
      const File *file = g_ptr_array_index (fw_cfg->files, i);
      uint8_t *entry = directory + 4 + (size_t)i * DIRECTORY_ENTRY;

      put_be32 (entry, (uint32_t)file->item.length);
      entry[4] = (uint8_t)((FW_CFG_FILE_FIRST + i) >> 8);
      entry[5] = (uint8_t)(FW_CFG_FILE_FIRST + i);
      memcpy (entry + 8, file->name, FW_CFG_NAME_SIZE);
    }
  set_item (&fw_cfg->item[FW_CFG_FILE_DIR], directory, length);
}

static File *
find_file (FwCfg *fw_cfg, const char *name)
{
  for (unsigned i = 0; i < fw_cfg->files->len; i++)
    {
      File *file = g_ptr_array_index (fw_cfg->files, i);

      if (strcmp (file->name, name) == 0)
        return file;
    }
  return NULL;
}

static void
file_free (gpointer data)
{
  File *file = data;

  if (file->written == NULL)
    g_free (file->item.data);
  g_free (file);
}

void
fw_cfg_add_item (Device *device, uint16_t selector, const void *data, size_t length)
{
  FwCfg *fw_cfg = (FwCfg *)device;

  if (selector < N_ITEMS)
    set_item (&fw_cfg->item[selector], data, length);
  else if (selector >= FW_CFG_ARCH_LOCAL && selector < FW_CFG_ARCH_LOCAL + N_ARCH_ITEMS)
    set_item (&fw_cfg->arch_item[selector - FW_CFG_ARCH_LOCAL], data, length);
  else
    g_critical ("fw_cfg item 0x%x is outside of what items may be", selector);
}

void
fw_cfg_add_u16 (Device *device, uint16_t selector, uint16_t value)
{
  uint16_t le = GUINT16_TO_LE (value);

  fw_cfg_add_item (device, selector, &le, sizeof le);
}

void
fw_cfg_add_u32 (Device *device, uint16_t selector, uint32_t value)
{
  uint32_t le = GUINT32_TO_LE (value);

  fw_cfg_add_item (device, selector, &le, sizeof le);
}

void
fw_cfg_add_u64 (Device *device, uint16_t selector, uint64_t value)
{
  uint64_t le = GUINT64_TO_LE (value);

  fw_cfg_add_item (device, selector, &le, sizeof le);
}

void
fw_cfg_add_string (Device *device, uint16_t selector, const char *value)
{
  fw_cfg_add_item (device, selector, value, strlen (value) + 1);
}

void
fw_cfg_add_file_callback (Device *device, const char *name, const void *data, size_t length,
                          FwCfgSelectFunc select, FwCfgWrittenFunc written, void *opaque)
{
  FwCfg *fw_cfg = (FwCfg *)device;
  File *file = find_file (fw_cfg, name);
  unsigned at = 0;

  g_return_if_fail (strlen (name) < FW_CFG_NAME_SIZE && length <= G_MAXUINT32);
  if (file == NULL)
    {
      g_return_if_fail (fw_cfg->files->len < FW_CFG_MAX_FILES);
      g_return_if_fail (written == NULL || length <= WRITABLE_SIZE - fw_cfg->writable_used);
      file = g_new0 (File, 1);
      g_strlcpy (file->name, name, sizeof file->name);
      file->select = select;
      file->written = written;
      file->opaque = opaque;
      if (written != NULL)
        {
          file->arena_offset = fw_cfg->writable_used;
          file->item.data = fw_cfg->writable + file->arena_offset;
          file->item.length = length;
          fw_cfg->writable_used += length;
        }
      while (at < fw_cfg->files->len
             && strcmp (((File *)g_ptr_array_index (fw_cfg->files, at))->name, name) < 0)
        at++;
      g_ptr_array_insert (fw_cfg->files, (gint)at, file);
    }
  if (file->written != NULL)
    {
      g_return_if_fail (length == file->item.length);
      if (length > 0)
        {
          memcpy (file->item.data, data, length);
          memcpy (fw_cfg->initial + file->arena_offset, data, length);
        }
    }
  else
    {
      set_item (&file->item, data, length);
    }
  make_directory (fw_cfg);
}

void
fw_cfg_add_file (Device *device, const char *name, const void *data, size_t length)
{
  fw_cfg_add_file_callback (device, name, data, length, NULL, NULL, NULL);
}

const uint8_t *
fw_cfg_file (Device *device, const char *name, size_t *length)
{
  const File *file = find_file ((FwCfg *)device, name);

  if (file == NULL)
    return NULL;
  if (length != NULL)
    *length = file->item.length;
  return file->item.data;
}

/* -- What the guest does --------------------------------------------------------------------------------- */

static void
select_item (FwCfg *fw_cfg, uint16_t selector)
{
  File *file;

  fw_cfg->selector = selector & SELECTOR_MASK;
  fw_cfg->offset = 0;
  file = selected_file (fw_cfg);
  if (file != NULL && file->select != NULL)
    file->select (file->opaque);
}

/* Bytes of the item from the present offset on. */
static size_t
rest (FwCfg *fw_cfg, const Item *item)
{
  return item != NULL && item->data != NULL && fw_cfg->offset < item->length ? item->length - fw_cfg->offset
                                                                             : 0;
}

static uint8_t
next_byte (FwCfg *fw_cfg)
{
  const Item *item = selected_item (fw_cfg);

  return rest (fw_cfg, item) > 0 ? item->data[fw_cfg->offset++] : 0;
}

static void
answer (FwCfg *fw_cfg, uint64_t descriptor, gboolean ok)
{
  uint8_t control[4];

  put_be32 (control, ok ? 0 : DMA_ERROR);
  dma_write (&fw_cfg->dma, descriptor + DMA_CONTROL, control, sizeof control);
}

/* The next piece of the read; the last one answers.  The guest polls the descriptor meanwhile. */
static void
read_on (FwCfg *fw_cfg)
{
  static const uint8_t zeros[ZEROS_MAX];
  const Item *item = selected_item (fw_cfg);
  uint32_t n = (uint32_t)MIN (MIN (fw_cfg->read_left, DMA_PIECE), rest (fw_cfg, item));
  gboolean ok = n == 0 || dma_write (&fw_cfg->dma, fw_cfg->read_address, item->data + fw_cfg->offset, n);

  fw_cfg->offset += n;
  fw_cfg->read_address += n;
  fw_cfg->read_left -= n;
  if (ok && fw_cfg->read_left > 0 && rest (fw_cfg, item) > 0)
    {
      vm_timer_arm (&fw_cfg->read_timer, vm_clock_now (fw_cfg->device.vm->clock) + DMA_STEP_NS);
      return;
    }
  if (ok && fw_cfg->read_left > 0)
    ok = dma_write (&fw_cfg->dma, fw_cfg->read_address, zeros, MIN (fw_cfg->read_left, ZEROS_MAX));
  fw_cfg->reading = FALSE;
  fw_cfg->read_left = 0;
  answer (fw_cfg, fw_cfg->read_descriptor, ok);
}

static void
on_read_timer (void *opaque)
{
  FwCfg *fw_cfg = opaque;

  if (fw_cfg->reading)
    read_on (fw_cfg);
}

static gboolean
transfer_write (FwCfg *fw_cfg, uint64_t address, uint32_t length)
{
  File *file = selected_file (fw_cfg);
  size_t offset = fw_cfg->offset;

  if (file == NULL || file->written == NULL || length > rest (fw_cfg, &file->item))
    return FALSE;
  if (length > 0 && !dma_read (&fw_cfg->dma, address, file->item.data + offset, length))
    return FALSE;
  fw_cfg->offset += length;
  file->written (file->opaque, file->item.data, file->item.length, offset, length);
  return TRUE;
}

static void
run_descriptor (FwCfg *fw_cfg, uint64_t at)
{
  uint8_t descriptor[DMA_DESCRIPTOR];
  uint32_t control, length;
  uint64_t address;
  gboolean ok = TRUE;

  if (!dma_read (&fw_cfg->dma, at, descriptor, sizeof descriptor))
    {
      device_log (&fw_cfg->device, "a DMA descriptor lies outside of memory");
      return;
    }
  control = get_be32 (descriptor + DMA_CONTROL);
  length = get_be32 (descriptor + DMA_LENGTH);
  address = (uint64_t)get_be32 (descriptor + DMA_ADDRESS) << 32 | get_be32 (descriptor + DMA_ADDRESS + 4);

  if (fw_cfg->reading)
    {
      device_log (&fw_cfg->device, "a DMA descriptor came while another was at work");
      answer (fw_cfg, at, FALSE);
      return;
    }
  if (control & DMA_SELECT)
    select_item (fw_cfg, (uint16_t)(control >> 16));
  if (control & DMA_READ)
    {
      fw_cfg->reading = TRUE;
      fw_cfg->read_descriptor = at;
      fw_cfg->read_address = address;
      fw_cfg->read_left = length;
      read_on (fw_cfg);
      return;
    }
  if (control & DMA_WRITE)
    ok = transfer_write (fw_cfg, address, length);
  else if (control & DMA_SKIP)
    fw_cfg->offset += (uint32_t)MIN (length, rest (fw_cfg, selected_item (fw_cfg)));

  answer (fw_cfg, at, ok);
}

static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  FwCfg *fw_cfg = opaque;

  return addr == PORT_DATA ? next_byte (fw_cfg) : 0;
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  FwCfg *fw_cfg = opaque;

  if (addr == 0 && size == 2)
    select_item (fw_cfg, (uint16_t)value);
}

static uint64_t
dma_port_read (void *opaque, uint64_t addr, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)(uint8_t)signature[(addr + i) & 7] << (8 * i);
  return value;
}

static void
dma_port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  FwCfg *fw_cfg = opaque;
  uint32_t half = GUINT32_SWAP_LE_BE ((uint32_t)value);

  if (size == 4 && addr == 0)
    {
      fw_cfg->dma_high = half;
    }
  else if (size == 4 && addr == 4)
    {
      uint64_t at = (uint64_t)fw_cfg->dma_high << 32 | half;

      fw_cfg->dma_high = 0;
      run_descriptor (fw_cfg, at);
    }
}

static const IoOps ports_ops = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 2 };
static const IoOps dma_ops = { .read = dma_port_read, .write = dma_port_write, .impl_min = 1, .impl_max = 4 };

/* -- Life -------------------------------------------------------------------------------------------------- */

static void
fw_cfg_reset (Device *device)
{
  FwCfg *fw_cfg = (FwCfg *)device;

  fw_cfg->selector = 0;
  fw_cfg->offset = 0;
  fw_cfg->dma_high = 0;
  fw_cfg->reading = FALSE;
  vm_timer_cancel (&fw_cfg->read_timer);
  /* Whoever comes now says it anew. */
  memcpy (fw_cfg->writable, fw_cfg->initial, sizeof fw_cfg->writable);
}

static gboolean
fw_cfg_post_load (Device *device, GError **error)
{
  FwCfg *fw_cfg = (FwCfg *)device;

  fw_cfg->selector &= SELECTOR_MASK;
  fw_cfg->reading = vm_timer_armed (&fw_cfg->read_timer);
  return TRUE;
}

static Mapping *
map_ports (FwCfg *fw_cfg, const char *name, uint64_t base, uint64_t size, const IoOps *ops)
{
  g_autoptr (Region) region = region_new_io (name, size, ops, fw_cfg);

  return address_space_map (fw_cfg->device.vm->ports, region, base, 0, size, 0);
}

static gboolean
fw_cfg_realize (Device *device, GError **error)
{
  FwCfg *fw_cfg = (FwCfg *)device;

  fw_cfg->files = g_ptr_array_new_with_free_func (file_free);
  vm_timer_init (&fw_cfg->read_timer, device->vm->clock, on_read_timer, fw_cfg);
  dma_init (&fw_cfg->dma, device->vm->memory);
  dma_enable (&fw_cfg->dma, TRUE);
  fw_cfg_add_item (device, FW_CFG_SIGNATURE, "QEMU", 4);
  fw_cfg_add_u32 (device, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
  make_directory (fw_cfg);
  fw_cfg->mapping[0] = map_ports (fw_cfg, "fw-cfg", PORT_SELECTOR, 2, &ports_ops);
  fw_cfg->mapping[1] = map_ports (fw_cfg, "fw-cfg-dma", PORT_DMA, 8, &dma_ops);
  return TRUE;
}

static void
fw_cfg_unrealize (Device *device)
{
  FwCfg *fw_cfg = (FwCfg *)device;

  vm_timer_cancel (&fw_cfg->read_timer);
  for (unsigned i = 0; i < G_N_ELEMENTS (fw_cfg->mapping); i++)
    g_clear_pointer (&fw_cfg->mapping[i], mapping_remove);
  for (unsigned i = 0; i < N_ITEMS; i++)
    g_clear_pointer (&fw_cfg->item[i].data, g_free);
  for (unsigned i = 0; i < N_ARCH_ITEMS; i++)
    g_clear_pointer (&fw_cfg->arch_item[i].data, g_free);
  g_clear_pointer (&fw_cfg->files, g_ptr_array_unref);
  dma_clear (&fw_cfg->dma);
}

/* The identity that guests' drivers look for; a part of the board, which nobody configures. */
static void
fw_cfg_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "FWCF");
  aml_name_string (aml, "_HID", "QEMU0002");
  aml_name_number (aml, "_STA", 0x0b);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, PORT_SELECTOR, PORT_DMA + 8 - PORT_SELECTOR);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass fw_cfg_class = {
  .name = "fw-cfg",
  .instance_size = sizeof (FwCfg),
  .state = fw_cfg_state,
  .version = 1,
  .realize = fw_cfg_realize,
  .reset = fw_cfg_reset,
  .post_load = fw_cfg_post_load,
  .unrealize = fw_cfg_unrealize,
  .acpi = fw_cfg_acpi,
};

Device *
fw_cfg_new (Vm *vm, GError **error)
{
  FwCfg *fw_cfg = device_new (vm, &fw_cfg_class, "fw-cfg");

  if (device_realize (&fw_cfg->device, error))
    return &fw_cfg->device;
  device_free (&fw_cfg->device);
  return NULL;
}
