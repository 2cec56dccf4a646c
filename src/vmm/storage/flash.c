/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The flash memory's commands.  See flash.h.
 */
#define G_LOG_DOMAIN "storage"

#include "storage/flash.h"

#include "storage/storage-port.h"

#include <gio/gio.h>
#include <string.h>

/* J3 data sheet, table 18. */
enum
{
  READ_ARRAY = 0xff,
  READ_ID = 0x90,
  READ_QUERY = 0x98,
  READ_STATUS = 0x70,
  CLEAR_STATUS = 0x50,
  PROGRAM = 0x40,
  PROGRAM_ALTERNATE = 0x10,
  BUFFERED_PROGRAM = 0xe8,
  BLOCK_ERASE = 0x20,
  SUSPEND = 0xb0,
  CONFIRM = 0xd0, /* also goes on with what is suspended, and unlocks */
  LOCK_SETUP = 0x60,
  LOCK_BLOCK = 0x01,
};

enum
{
  STATUS_LOCKED = 1 << 1,
  STATUS_PROGRAM = 1 << 4,
  STATUS_ERASE = 1 << 5,
  STATUS_SEQUENCE = STATUS_PROGRAM | STATUS_ERASE,
  STATUS_READY = 1 << 7,
};

/* What a read shows. */
enum
{
  MODE_ARRAY,
  MODE_STATUS,
  MODE_ID,
  MODE_QUERY,
  MODE_LAST = MODE_QUERY,
};

/* Which cycle comes next. */
enum
{
  CYCLE_COMMAND,
  CYCLE_PROGRAM,       /* the byte */
  CYCLE_ERASE,         /* CONFIRM */
  CYCLE_LOCK,          /* LOCK_BLOCK or CONFIRM */
  CYCLE_BUFFER_COUNT,  /* bytes less one */
  CYCLE_BUFFER_DATA,   /* `left` bytes */
  CYCLE_BUFFER_COMMIT, /* CONFIRM */
  CYCLE_LAST = CYCLE_BUFFER_COMMIT,
};

enum
{
  ID_MAKER = 0x89, /* Intel */
  ID_DEVICE = 0x16,
  BUFFER = 32, /* bytes of the write buffer: J3 */
  MOST_BLOCKS = 0x1000,
  QUERY_SIZE = 0x40,
};

enum
{
  GUARD_OFF,
  GUARD_ON,
  GUARD_UNKNOWN, /* a file of before this was said */
};

typedef struct
{
  Device device;
  FlashConfig config;
  unsigned n_blocks;
  Region *array, *registers;
  Mapping *array_mapping, *register_mapping;
  uint8_t *content; /* the array's */
  uint8_t query[QUERY_SIZE];

  uint8_t mode, cycle, status;
  uint32_t block; /* that the command began in */
  uint8_t buffer[BUFFER], left;
  uint8_t buffered[BUFFER]; /* these are set */
  uint32_t buffer_start;    /* what buffer[0] is for */
  gboolean buffer_has_start;
  uint8_t guard; /* what goes into a file: whether it was secure */
  uint8_t locked[MOST_BLOCKS / 8];

  /* On the way to the image. */
  StoragePort port;
  uint8_t *outgoing; /* a block */
  uint8_t unsaved[MOST_BLOCKS / 8];
  int writing; /* which block is in flight; -1: none */
  gboolean unflushed, failed;
  gboolean loaded; /* the content is a saved machine's, and the image gets it as soon as that goes on */
} Flash;

#define FLASH_STATE                                                                                          \
  STATE_U8_MAX (Flash, mode, MODE_LAST), STATE_U8_MAX (Flash, cycle, CYCLE_LAST), STATE_U8 (Flash, status),  \
      STATE_U32_MAX (Flash, block, MOST_BLOCKS - 1), STATE_U8_ARRAY (Flash, buffer),                         \
      STATE_U8_ARRAY (Flash, buffered), STATE_U8_MAX (Flash, left, BUFFER), STATE_U32 (Flash, buffer_start), \
      STATE_BOOL (Flash, buffer_has_start), STATE_U8_ARRAY (Flash, locked)

static const StateField code_state[] = { FLASH_STATE, STATE_END };
static const StateField variables_state[]
    = { FLASH_STATE, STATE_BUFFER (Flash, content, FLASH_MOST_WRITABLE), STATE_SINCE (1, GUARD_UNKNOWN),
        STATE_U8_MAX (Flash, guard, GUARD_UNKNOWN), STATE_END };

static gboolean
get_bit (const uint8_t *bits, unsigned n)
{
  return (bits[n / 8] >> (n % 8) & 1) != 0;
}

static void
set_bit (uint8_t *bits, unsigned n, gboolean on)
{
  bits[n / 8] = (uint8_t)((bits[n / 8] & ~(1u << (n % 8))) | (on ? 1u : 0u) << (n % 8));
}

/* -- The image ------------------------------------------------------------------------------------------- */

static int
next_unsaved (const Flash *flash)
{
  for (unsigned i = 0; i < flash->n_blocks; i++)
    if (get_bit (flash->unsaved, i))
      return (int)i;
  return -1;
}

static void
save_some (Flash *flash)
{
  if (flash->port.block == NULL || storage_port_busy (&flash->port))
    return;
  int block = next_unsaved (flash);
  if (block >= 0)
    {
      memcpy (flash->outgoing, flash->content + (size_t)block * FLASH_BLOCK_SIZE, FLASH_BLOCK_SIZE);
      set_bit (flash->unsaved, (unsigned)block, FALSE);
      flash->writing = block;
      flash->unflushed = TRUE;
      storage_port_submit (&flash->port, BLOCK_OP_WRITE, (uint64_t)block * FLASH_BLOCK_SIZE, flash->outgoing,
                           FLASH_BLOCK_SIZE);
    }
  else if (flash->unflushed)
    {
      flash->unflushed = FALSE;
      storage_port_submit (&flash->port, BLOCK_OP_FLUSH, 0, NULL, 0);
    }
}

static void
on_done (void *opaque, int error)
{
  Flash *flash = opaque;

  if (error != 0)
    {
      /* Kept in memory, and tried again with the next change and at the end. */
      device_log (&flash->device,
                  "%s can't be written: %s. What the firmware keeps there is lost when the machine ends.",
                  block_path (flash->port.block), g_strerror (error));
      if (flash->writing >= 0)
        set_bit (flash->unsaved, (unsigned)flash->writing, TRUE);
      flash->unflushed = FALSE;
      flash->writing = -1;
      flash->failed = TRUE;
      return;
    }
  flash->writing = -1;
  flash->failed = FALSE;
  save_some (flash);
}

static void
on_idle (void *opaque)
{
  save_some (opaque);
}

static void
changed (Flash *flash, uint32_t at, uint32_t length)
{
  region_mark_dirty (flash->array, at, length);
  if (flash->port.block == NULL)
    return;
  set_bit (flash->unsaved, at / FLASH_BLOCK_SIZE, TRUE);
  save_some (flash);
}

/* -- Commands -------------------------------------------------------------------------------------------- */

static void
set_mode (Flash *flash, uint8_t mode)
{
  if ((mode == MODE_ARRAY) != (flash->mode == MODE_ARRAY))
    mapping_set_enabled (flash->register_mapping, mode != MODE_ARRAY);
  flash->mode = mode;
}

static void
sequence_error (Flash *flash)
{
  flash->status |= STATUS_READY | STATUS_SEQUENCE;
  flash->cycle = CYCLE_COMMAND;
}

static gboolean
is_protected (const Flash *flash, uint32_t block)
{
  return flash->config.image == NULL || get_bit (flash->locked, block);
}

/* The bytes lie within a block; `skip` are those that nothing was said of. */
static void
program (Flash *flash, uint32_t at, const uint8_t *bytes, const uint8_t *said, unsigned n)
{
  uint8_t *array = flash->content + at;

  flash->status |= STATUS_READY;
  if (is_protected (flash, at / FLASH_BLOCK_SIZE))
    {
      flash->status |= STATUS_PROGRAM | STATUS_LOCKED;
      return;
    }
  for (unsigned i = 0; i < n; i++)
    if (said[i])
      {
        if ((bytes[i] & ~array[i]) != 0)
          flash->status |= STATUS_PROGRAM;
        array[i] &= bytes[i];
      }
  changed (flash, at, n);
}

static void
erase (Flash *flash)
{
  const uint32_t at = flash->block * FLASH_BLOCK_SIZE;

  flash->status |= STATUS_READY;
  if (is_protected (flash, flash->block))
    {
      flash->status |= STATUS_ERASE | STATUS_LOCKED;
      return;
    }
  memset (flash->content + at, 0xff, FLASH_BLOCK_SIZE);
  changed (flash, at, FLASH_BLOCK_SIZE);
}

static void
begin_command (Flash *flash, uint32_t at, uint8_t command)
{
  flash->block = at / FLASH_BLOCK_SIZE;
  switch (command)
    {
    case READ_ID:
      set_mode (flash, MODE_ID);
      break;
    case READ_QUERY:
      set_mode (flash, MODE_QUERY);
      break;
    case READ_STATUS:
      set_mode (flash, MODE_STATUS);
      break;
    case CLEAR_STATUS:
      /* SR.7, too, until the next operation: UEFI's driver tells a flash from RAM and ROM by a status of zero here. */
      flash->status = 0;
      set_mode (flash, MODE_ARRAY);
      break;
    case PROGRAM:
    case PROGRAM_ALTERNATE:
      flash->cycle = CYCLE_PROGRAM;
      set_mode (flash, MODE_STATUS);
      break;
    case BUFFERED_PROGRAM:
      flash->status |= STATUS_READY; /* XSR.7: the buffer is free */
      flash->cycle = CYCLE_BUFFER_COUNT;
      set_mode (flash, MODE_STATUS);
      break;
    case BLOCK_ERASE:
      flash->cycle = CYCLE_ERASE;
      set_mode (flash, MODE_STATUS);
      break;
    case LOCK_SETUP:
      flash->cycle = CYCLE_LOCK;
      set_mode (flash, MODE_STATUS);
      break;
    case SUSPEND:
    case CONFIRM:
      /* Everything ends at once, so nothing is ever suspended. */
      flash->status |= STATUS_READY;
      set_mode (flash, MODE_STATUS);
      break;
    case READ_ARRAY:
    default: /* reserved ones do nothing but that */
      set_mode (flash, MODE_ARRAY);
      break;
    }
}

static void
begin_buffer (Flash *flash, uint32_t at, uint8_t count)
{
  if (at / FLASH_BLOCK_SIZE != flash->block || count >= BUFFER)
    {
      sequence_error (flash);
      return;
    }
  flash->left = (uint8_t)(count + 1);
  flash->buffer_has_start = FALSE;
  memset (flash->buffer, 0xff, BUFFER);
  memset (flash->buffered, 0, BUFFER);
  flash->cycle = CYCLE_BUFFER_DATA;
}

/* The first address says which part of the array the buffer is for: the others lie within the next 32 bytes and the same block. */
static void
fill_buffer (Flash *flash, uint32_t at, uint8_t value)
{
  if (!flash->buffer_has_start)
    flash->buffer_start = at;
  flash->buffer_has_start = TRUE;
  if (at / FLASH_BLOCK_SIZE != flash->block || at < flash->buffer_start || at - flash->buffer_start >= BUFFER)
    {
      sequence_error (flash);
      return;
    }
  flash->buffer[at - flash->buffer_start] = value;
  flash->buffered[at - flash->buffer_start] = TRUE;
  if (--flash->left == 0)
    flash->cycle = CYCLE_BUFFER_COMMIT;
}

static void
lock_blocks (Flash *flash, uint32_t at, uint8_t command)
{
  flash->cycle = CYCLE_COMMAND;
  if (command == LOCK_BLOCK)
    set_bit (flash->locked, at / FLASH_BLOCK_SIZE, TRUE);
  else if (command == CONFIRM)
    memset (flash->locked, 0, sizeof flash->locked); /* all of them: J3, 11.5 */
  else
    {
      sequence_error (flash);
      return;
    }
  flash->status |= STATUS_READY;
}

static void
flash_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Flash *flash = opaque;
  const uint32_t at = (uint32_t)addr;
  const uint8_t byte = (uint8_t)value;

  if (addr >= flash->config.size || (flash->config.secure && !vm_in_smm (flash->device.vm)))
    return;
  switch (flash->cycle)
    {
    case CYCLE_PROGRAM:
      flash->cycle = CYCLE_COMMAND;
      program (flash, at, &byte, &(uint8_t){ TRUE }, 1);
      break;
    case CYCLE_ERASE:
      flash->cycle = CYCLE_COMMAND;
      if (byte == CONFIRM)
        erase (flash);
      else
        sequence_error (flash);
      break;
    case CYCLE_LOCK:
      lock_blocks (flash, at, byte);
      break;
    case CYCLE_BUFFER_COUNT:
      begin_buffer (flash, at, byte);
      break;
    case CYCLE_BUFFER_DATA:
      fill_buffer (flash, at, byte);
      break;
    case CYCLE_BUFFER_COMMIT:
      flash->cycle = CYCLE_COMMAND;
      if (byte == CONFIRM && at / FLASH_BLOCK_SIZE == flash->block)
        program (flash, flash->buffer_start, flash->buffer, flash->buffered,
                 MIN (BUFFER, (flash->block + 1) * FLASH_BLOCK_SIZE - flash->buffer_start));
      else
        sequence_error (flash);
      break;
    default:
      begin_command (flash, at, byte);
      break;
    }
}

static uint64_t
flash_read (void *opaque, uint64_t addr, unsigned size)
{
  const Flash *flash = opaque;

  if (addr >= flash->config.size)
    return 0xff;
  switch (flash->mode)
    {
    case MODE_STATUS:
      return flash->status;
    case MODE_ID:
      switch (addr % FLASH_BLOCK_SIZE)
        {
        case 0:
          return ID_MAKER;
        case 1:
          return ID_DEVICE;
        case 2:
          return is_protected (flash, (uint32_t)addr / FLASH_BLOCK_SIZE);
        default:
          return 0;
        }
    case MODE_QUERY:
      return addr < QUERY_SIZE ? flash->query[addr] : 0;
    default:
      return flash->content[addr];
    }
}

static const IoOps flash_ops = { .read = flash_read, .write = flash_write, .impl_min = 1, .impl_max = 1 };

/* CFI 1.4, tables 1 to 4. */
static void
make_query (Flash *flash)
{
  enum
  {
    MILLIVOLT_MIN = 0x27, /* 2.7 V, 3.6 V */
    MILLIVOLT_MAX = 0x36,
    EXTENDED = 0x31,
  };
  uint8_t *q = flash->query;
  unsigned log = 0;

  while ((1ULL << log) < flash->config.size)
    log++;
  memcpy (q + 0x10, "QRY", 3);
  q[0x13] = 0x01; /* Intel's extended command set */
  q[0x15] = EXTENDED;
  q[0x1b] = MILLIVOLT_MIN;
  q[0x1c] = MILLIVOLT_MAX;
  q[0x1f] = q[0x20] = 7; /* 2^n us a byte, a buffer */
  q[0x21] = 10;          /* 2^n ms an erase */
  q[0x23] = q[0x24] = q[0x25] = 4;
  q[0x27] = (uint8_t)log;
  q[0x2a] = 5; /* 2^5 = BUFFER */
  q[0x2c] = 1; /* kind of block */
  q[0x2d] = (uint8_t)(flash->n_blocks - 1);
  q[0x2e] = (uint8_t)((flash->n_blocks - 1) >> 8);
  q[0x2f] = (uint8_t)(FLASH_BLOCK_SIZE / 256);
  q[0x30] = (uint8_t)(FLASH_BLOCK_SIZE / 256 >> 8);
  memcpy (q + EXTENDED, "PRI11", 5);
  q[EXTENDED + 5] = 1 << 3; /* blocks can be locked, and unlocked all together */
}

/* -- Life ------------------------------------------------------------------------------------------------ */

static void
flash_reset (Device *device)
{
  Flash *flash = (Flash *)device;

  set_mode (flash, MODE_ARRAY);
  flash->cycle = CYCLE_COMMAND;
  flash->status = 0;
  flash->left = 0;
  flash->block = flash->buffer_start = 0;
  flash->buffer_has_start = FALSE;
  memset (flash->locked, 0, sizeof flash->locked);
}

static gboolean
flash_drained (Device *device)
{
  Flash *flash = (Flash *)device;

  return storage_port_drained (&flash->port)
         && (flash->port.parked || flash->failed || (next_unsaved (flash) < 0 && !flash->unflushed));
}

static void
flash_resume (Device *device)
{
  Flash *flash = (Flash *)device;

  if (flash->loaded)
    for (unsigned i = 0; i < flash->n_blocks; i++)
      set_bit (flash->unsaved, i, TRUE);
  storage_port_resume (&flash->port);
  if (flash->loaded)
    save_some (flash);
  flash->loaded = FALSE;
}

static gboolean
flash_post_load (Device *device, GError **error)
{
  Flash *flash = (Flash *)device;

  mapping_set_enabled (flash->register_mapping, flash->mode != MODE_ARRAY);
  /* The firmware that runs there asks for a mode that isn't here, or keeps what is closed to it here. */
  if (flash->guard != GUARD_UNKNOWN && flash->guard != (flash->config.secure ? GUARD_ON : GUARD_OFF))
    {
      flash->guard = flash->config.secure ? GUARD_ON : GUARD_OFF;
      g_set_error_literal (
          error, STATE_ERROR, STATE_ERROR_HOST,
          flash->config.secure
              ? "The machine was saved without system-management mode for Secure Boot: load it "
                "where it has none (machine.engine=kvm)."
              : "The machine was saved with system-management mode for Secure Boot, which only the "
                "software processor has: load it with machine.engine=software.");
      return FALSE;
    }
  flash->guard = flash->config.secure ? GUARD_ON : GUARD_OFF;
  if (flash->block >= flash->n_blocks || flash->buffer_start >= flash->config.size
      || (flash->cycle >= CYCLE_BUFFER_DATA && flash->buffer_has_start
          && flash->buffer_start / FLASH_BLOCK_SIZE != flash->block)
      || (flash->cycle == CYCLE_BUFFER_DATA && flash->left == 0)
      || (flash->cycle == CYCLE_BUFFER_COMMIT && !flash->buffer_has_start))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "%s: a command outside of the flash memory",
                   device->id);
      return FALSE;
    }
  if (flash->config.image == NULL)
    return TRUE;
  region_mark_dirty (flash->array, 0, flash->config.size);
  flash->loaded = TRUE;
  return TRUE;
}

static gboolean
flash_realize (Device *device, GError **error)
{
  Flash *flash = (Flash *)device;
  const FlashConfig *config = &flash->config;
  AddressSpace *memory = device->vm->memory;

  flash->n_blocks = (unsigned)(config->size / FLASH_BLOCK_SIZE);
  flash->writing = -1;
  flash->guard = config->secure ? GUARD_ON : GUARD_OFF;
  storage_port_init (&flash->port, device->vm, on_done, on_idle, flash);
  if (config->image != NULL)
    storage_port_set_block (&flash->port, config->image);
  g_return_val_if_fail (flash->n_blocks > 0 && flash->n_blocks <= MOST_BLOCKS, FALSE);
  g_return_val_if_fail (config->image == NULL || config->size <= FLASH_MOST_WRITABLE, FALSE);
  flash->array = region_new_ram (device->id, config->image != NULL ? FLASH_MOST_WRITABLE : config->size,
                                 RAM_ROM, error);
  if (flash->array == NULL)
    return FALSE;
  flash->content = region_host (flash->array);
  if (config->content != NULL)
    memcpy (flash->content, config->content, config->size);
  else if (!block_read_sync (config->image, 0, flash->content, config->size, error))
    return FALSE;
  flash->outgoing = g_malloc (FLASH_BLOCK_SIZE);
  make_query (flash);
  region_set_rom_write (flash->array, &flash_ops, flash);
  flash->registers = region_new_io (device->id, config->size, &flash_ops, flash);
  flash->array_mapping = address_space_map (memory, flash->array, config->base, 0, config->size, 0);
  flash->register_mapping = address_space_map (memory, flash->registers, config->base, 0, config->size, 1);
  mapping_set_enabled (flash->register_mapping, FALSE);
  return TRUE;
}

/* What is still on its way. */
static void
save_rest (Flash *flash)
{
  Block *image = flash->port.block;
  g_autoptr (GError) error = NULL;
  gboolean ok = TRUE;

  storage_port_settle (&flash->port);
  storage_port_cancel (&flash->port, &flash->outgoing, FLASH_BLOCK_SIZE);
  storage_port_set_block (&flash->port, NULL);
  if (flash->writing >= 0)
    set_bit (flash->unsaved, (unsigned)flash->writing, TRUE);
  for (int i; ok && (i = next_unsaved (flash)) >= 0; set_bit (flash->unsaved, (unsigned)i, FALSE))
    ok = block_write_sync (image, (uint64_t)i * FLASH_BLOCK_SIZE,
                           flash->content + (size_t)i * FLASH_BLOCK_SIZE, FLASH_BLOCK_SIZE, &error);
  /* block_close() flushes. */
  if (!ok)
    device_log (&flash->device, "%s; what the firmware kept there last is lost", error->message);
  block_close (image);
}

static void
flash_unrealize (Device *device)
{
  Flash *flash = (Flash *)device;

  if (flash->port.block != NULL)
    save_rest (flash);
  storage_port_clear (&flash->port);
  g_clear_pointer (&flash->register_mapping, mapping_remove);
  g_clear_pointer (&flash->array_mapping, mapping_remove);
  g_clear_pointer (&flash->registers, region_unref);
  g_clear_pointer (&flash->array, region_unref);
  g_clear_pointer (&flash->outgoing, g_free);
}

#define FLASH_FUNCTIONS                                                                             \
  .name = "flash", .instance_size = sizeof (Flash), .realize = flash_realize, .reset = flash_reset, \
  .drained = flash_drained, .resume = flash_resume, .post_load = flash_post_load,                   \
  .unrealize = flash_unrealize

static const DeviceClass code_class = { FLASH_FUNCTIONS, .state = code_state };
static const DeviceClass variables_class = { FLASH_FUNCTIONS, .state = variables_state, .version = 1 };

Device *
flash_new (Vm *vm, const char *id, const FlashConfig *config, GError **error)
{
  Flash *flash = device_new (vm, config->image != NULL ? &variables_class : &code_class, id);

  flash->config = *config;
  if (device_realize (&flash->device, error))
    return &flash->device;
  flash_unrealize (&flash->device);
  device_free (&flash->device);
  return NULL;
}
