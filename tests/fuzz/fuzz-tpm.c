/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What swtpm may answer, on both of its channels, while a driver uses the TPM's registers: neither side is to be trusted.
 * Input: the model, then steps {what, address low, address high, value, bytes}; the other side is in this thread, and answers in advance.
 */
#include "fuzz.h"

#include "chipset/tpm.h"
#include "core/big-endian.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  int control, data;
} Other;

static void
pump (void)
{
  for (unsigned i = 0; i < 16 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

static void
say (int fd, const void *bytes, size_t n)
{
  if (fd >= 0 && send (fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return;
}

/* Takes what came on the control channel, and the stream's end out of it. */
static void
listen_to (Other *other)
{
  union
  {
    char bytes[CMSG_SPACE (sizeof (int))];
    struct cmsghdr header;
  } ancillary;
  uint8_t bytes[4096];
  struct iovec iov = { bytes, sizeof bytes };
  struct msghdr message
      = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary };

  while (recvmsg (other->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) > 0)
    {
      struct cmsghdr *header = CMSG_FIRSTHDR (&message);
      if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        {
          if (other->data >= 0)
            close (other->data);
          memcpy (&other->data, CMSG_DATA (header), sizeof other->data);
        }
      message.msg_controllen = sizeof ancillary;
    }
}

/* The answers of a start: stop, buffer's size, init, established. */
static void
answer_start (const Other *other)
{
  uint8_t answers[4 + 16 + 4 + 8] = { 0 };

  put_be32 (answers + 4 + 4, 3968);
  say (other->control, answers, sizeof answers);
}

static void
reload (Vm *vm, Device *tpm, unsigned at, uint8_t value)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();

  vm_lock (vm);
  state_save (tpm->klass->state, tpm, state);
  state->data[(at * 7u) % MIN (state->len, 4400u)] ^= value;
  if (state_load (tpm->klass->state, tpm, state->data, state->len, NULL))
    tpm->klass->post_load (tpm, NULL);
  vm_unlock (vm);
}

static size_t
step (Vm *vm, AccessCache *cache, Device *tpm, Other *other, const uint8_t *s, size_t left)
{
  const uint32_t at = (s[1] | (uint32_t)s[2] << 8) % 0x5000;
  const unsigned size = 1u << (s[0] >> 6);
  const size_t n = MIN (s[3], left - 4);
  static const uint8_t zeros[4];

  switch (s[0] & 15)
    {
    case 0 ... 4:
      say (other->control, zeros, sizeof zeros); /* of a locality's change, should it ask */
      address_space_store (vm->memory, cache, TPM_BASE + at, s[3] * 0x01010101u, size, FALSE);
      break;
    case 5 ... 6: /* a whole command */
      for (size_t i = 0; i < n; i++)
        address_space_store (vm->memory, cache, TPM_BASE + (at & 0x4000) + ((s[0] & 0x80) ? 0x80 + i : 0x24),
                             s[4 + i], 1, FALSE);
      return 4 + n;
    case 7 ... 8:
      address_space_load (vm->memory, cache, TPM_BASE + at, size, FALSE);
      break;
    case 9:
      listen_to (other);
      say (other->data, s + 4, n);
      pump ();
      return 4 + n;
    case 10:
      say (other->control, s + 4, n);
      return 4 + n;
    case 11:
      answer_start (other);
      vm_lock (vm);
      tpm->klass->reset (tpm);
      vm_unlock (vm);
      break;
    case 12:
      answer_start (other);
      reload (vm, tpm, at, s[3]);
      break;
    case 13:
      vm_lock (vm);
      tpm->klass->drained (tpm);
      vm_unlock (vm);
      break;
    case 14: /* it ends; no request waits for its answer from here on */
      if (other->control >= 0)
        shutdown (other->control, SHUT_RDWR);
      break;
    default:
      pump ();
      break;
    }
  return 4;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  AccessCache cache = { 0 };
  Other other = { -1, -1 };
  uint8_t answer[4] = { 0 };
  int ends[2];

  if (length < 1 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return 0;
  other.control = ends[1];
  /* What it has said is all there is: a request behind that finds the channel closed, and doesn't wait. */
  say (other.control, answer, sizeof answer);
  answer_start (&other);
  Vm *vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  Device *tpm = tpm_new (vm, "tpm0", data[0] & 1 ? TPM_CRB : TPM_TIS, NULL);
  if (tpm == NULL || !tpm_connect (tpm, ends[0], NULL))
    abort ();
  vm_unlock (vm);
  vm_start (vm, FALSE);
  listen_to (&other);
  shutdown (other.control, (data[0] & 2) ? SHUT_WR : SHUT_RD);
  for (size_t at = 1; at + 4 <= length;)
    at += step (vm, &cache, tpm, &other, data + at, length - at);
  shutdown (other.control, SHUT_RDWR);
  if (other.data >= 0)
    close (other.data);
  vm_stop (vm, "done");
  for (unsigned i = 0; i < 100 && vm_state (vm) != VM_STATE_STOPPED; i++)
    pump ();
  access_cache_clear (&cache);
  vm_free (vm);
  pump ();
  close (other.control);
  return 0;
}

static void
make (void)
{
  /* CRB: a locality, ready, a command, its start, its answer. */
  static const uint8_t crb[]
      = { 1, 0x80, 0x08, 0, 1,  0x80, 0x40, 0, 1,    0x85, 0,    0, 12, 0x80, 1, 0,  0,
          0, 12,   0,    0, 1,  0x44, 0,    0, 0x80, 0x4c, 0,    1, 9,  0,    0, 10, 0x80,
          1, 0,    0,    0, 10, 0,    0,    0, 0,    7,    0x8a, 0, 0,  11,   0, 0,  0 };
  /* FIFO: the same. */
  static const uint8_t tis[]
      = { 0, 0,  0, 0, 2,  0,    0x18, 0, 0x40, 5,    0,    0,    12, 0x80, 1,    0,  0,
          0, 12, 0, 0, 1,  0x44, 0,    0, 0,    0x18, 0,    0x20, 9,  0,    0,    10, 0x80,
          1, 0,  0, 0, 10, 0,    0,    0, 0,    0x87, 0x18, 0,    0,  7,    0x24, 0,  0 };
  static const uint8_t saved[] = { 3, 13, 0, 0, 0, 12, 0, 0, 1, 14, 0, 0, 0, 7, 0, 0, 0 };

  fuzz_seed (crb, sizeof crb);
  fuzz_seed (tis, sizeof tis);
  fuzz_seed (saved, sizeof saved);
}

const FuzzTarget fuzz_target
    = { "vmm/chipset/tpm-crb.c vmm/chipset/tpm-tis.c vmm/chipset/tpm-link.c vmm/chipset/tpm.c", 1024, make };
