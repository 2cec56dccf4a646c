/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A shared folder between a driver that does as it likes (fuzz-virtio.h) and a virtiofsd that does, too: a step of 0x80 and more is the latter's.
 */
#include "fuzz-virtio.h"

#include "../unit/virtio/false-virtiofsd.h"
#include "virtio/fs.h"

#define N_QUEUES 2

static FalseVirtiofsd other = { .helper = -1, .socket = -1 };
static unsigned next_result; /* of the next start */

static int
start (void *opaque, const char *id, unsigned *number, GError **error)
{
  if (next_result % 4 == 1)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "nothing is there");
      return -1;
    }
  other.features = next_result % 4 == 2 ? 0 : 1ull << 32;
  const int socket = false_start (&other, id, number, error);
  if (next_result % 4 == 3)
    message_send (other.helper, &(Message){ .result = 2 }, NULL, 0);
  return socket;
}

static void
notice (void *opaque, const char *sentence)
{
}

enum
{
  OTHER_HEAR = 0x80,
  OTHER_ANSWER, /* small: which queue, middle: how many bytes it says */
  OTHER_LIE,    /* a used entry of any kind */
  OTHER_WRITE,  /* anywhere in its window */
  OTHER_SPEAK,
  OTHER_LEAVE,
  OTHER_START, /* what becomes of the next start */
};

static void
answer (unsigned n, unsigned length)
{
  const int head = false_take (&other, n);

  if (head >= 0)
    false_give (&other, n, (uint32_t)head, length);
}

static void
others_turn (FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes), small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const unsigned n = small % N_QUEUES;

  if (what == OTHER_START)
    next_result = small;
  else if (what == OTHER_LEAVE)
    false_close (&other);
  else if (what == OTHER_SPEAK && other.socket >= 0)
    (void)!send (other.socket, &value, sizeof value, MSG_DONTWAIT | MSG_NOSIGNAL);
  else if (other.window == NULL || what == OTHER_HEAR)
    while (false_hear (&other))
      ;
  else if (what == OTHER_ANSWER)
    answer (n, middle);
  else if (what == OTHER_LIE)
    false_give (&other, n, middle, value);
  else if (what == OTHER_WRITE)
    memcpy (other.window + (small & 0x80 ? other.rings[n][1] + middle % 0x200 : middle), &value,
            sizeof value);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const VirtFsConfig config = { "files", TRUE, start, false_end, notice, NULL };
  FuzzBytes bytes = { data, length };
  Driver d;

  next_result = 0;
  driver_open (&d);
  vm_lock (d.vm);
  Device *fs = virt_fs_new (d.vm, "share0", pci_root_bus (d.root), DRIVER_DEVFN, &config, NULL);
  fs->klass->reset (fs);
  vm_unlock (d.vm);
  driver_map (&d);
  while (bytes.length > 0)
    if (*bytes.data >= 0x80)
      others_turn (&bytes);
    else
      virt_step (&d, fs, 0, N_QUEUES, &bytes);
  driver_pump ();
  driver_close (&d);
  false_close (&other);
  return 0;
}

#define QUEUE(n) ((n)*4)
/* A request of `op`, with `more` bytes behind its header and room for an answer. */
#define ASK(n, op, more, room)                                                                      \
  STEP (WHAT_BYTES, 0, 0, 40 + (more)), STEP (WHAT_BYTES, 0, 4, op), STEP (WHAT_BYTES, 0, 8, 77),   \
      STEP (WHAT_DESCRIBE, QUEUE (n), 0 | ((room) > 0 ? DESC_NEXT : 0) << 8 | 1 << 4, 40 + (more)), \
      STEP (WHAT_DESCRIBE, QUEUE (n), 1 | DESC_WRITE << 8, 1u << 29 | (room)),                      \
      STEP (WHAT_PUT, 0x80 | QUEUE (n), 0, 0), STEP (WHAT_PUMP, 0, 0, 0)
#define OTHER(what, small, middle, value) STEP (what, small, middle, value), STEP (WHAT_PUMP, 0, 0, 0)
#define MOUNT                                                                    \
  ASK (1, 26, 24, 80), OTHER (OTHER_HEAR, 0, 0, 0), OTHER (OTHER_HEAR, 0, 0, 0), \
      OTHER (OTHER_ANSWER, 1, 80, 0)

static void
make (void)
{
  static const uint8_t session[] = { STEP (WHAT_START, 0, 0, 0),
                                     MOUNT,
                                     ASK (1, 3, 16, 120),
                                     OTHER (OTHER_ANSWER, 1, 120, 0),
                                     ASK (1, 16, 200, 24),
                                     OTHER (OTHER_ANSWER, 1, 24, 0),
                                     ASK (0, 2, 8, 0),
                                     OTHER (OTHER_ANSWER, 0, 0, 0),
                                     ASK (1, 15, 40, 0xffff),
                                     STEP (WHAT_PAUSE, 1, 0, 0),
                                     OTHER (OTHER_ANSWER, 1, 0xffff, 0),
                                     ASK (1, 3, 16, 120),
                                     MOUNT,
                                     ASK (1, 38, 0, 16),
                                     OTHER (OTHER_ANSWER, 1, 16, 0),
                                     MOUNT };
  static const uint8_t lies[] = { STEP (WHAT_START, 0, 0, 0),
                                  MOUNT,
                                  ASK (1, 3, 16, 120),
                                  OTHER (OTHER_WRITE, 0, 0, 77),
                                  OTHER (OTHER_WRITE, 0x81, 2, 0x10001),
                                  OTHER (OTHER_LIE, 1, 3, 77),
                                  MOUNT,
                                  ASK (1, 3, 16, 120),
                                  OTHER (OTHER_SPEAK, 0, 0, 1),
                                  MOUNT,
                                  OTHER (OTHER_LEAVE, 0, 0, 0),
                                  MOUNT };
  static const uint8_t starts[] = { STEP (OTHER_START, 1, 0, 0),
                                    STEP (WHAT_START, 0, 0, 0),
                                    MOUNT,
                                    STEP (OTHER_START, 2, 0, 0),
                                    MOUNT,
                                    STEP (OTHER_START, 3, 0, 0),
                                    MOUNT,
                                    STEP (OTHER_START, 0, 0, 0),
                                    MOUNT,
                                    ASK (1, 3, 16, 120),
                                    STEP (WHAT_REGISTER, 0, 0x14, 0),
                                    OTHER (OTHER_ANSWER, 1, 10, 0),
                                    STEP (WHAT_START, 3, 0, 0),
                                    MOUNT,
                                    ASK (1, 3, 16, 120),
                                    STEP (WHAT_CONFIG, 1, 4, 0),
                                    OTHER (OTHER_ANSWER, 1, 10, 0),
                                    STEP (WHAT_RESET, 0, 0, 0) };

  virt_seed (session, sizeof session, 0);
  virt_seed (lies, sizeof lies, 0);
  virt_seed (starts, sizeof starts, 0);
}

const FuzzTarget fuzz_target = { "vmm/virtio/fs.c vmm/virtio/vhost-user.c", 1600, make };
