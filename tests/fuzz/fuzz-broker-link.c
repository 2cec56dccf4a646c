/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What something that is no broker answers to a monitor's questions.
 *
 * Input: pairs of a question and its answer.  A byte for the question, a byte for how the answer is false, its numbers, and a byte for what comes with it.
 */
#include "fuzz.h"

#include "base/host-files.h"
#include "base/message.h"
#include "confine/broker-link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 20 /* any number behind FAMILY_N_FILES */

enum
{
  ASK_OPEN,
  ASK_OPEN_TO_WRITE,
  ASK_OTHER, /* by a name that is not in the table */
  ASK_LOOK,
  ASK_TEMPORARY,
  ASK_EXPLAIN,
  ASK_NUMBER,
  ASK_BLAME,
  ASK_READY,
  ASK_HELPER,
  ASK_NEW,
  ASK_KEEP,
  ASK_DROP,
  ASK_BACKING,
  ASK_END_HELPER,
  N_QUESTIONS,
};

enum
{
  HOW_OP = 1 << 0,     /* of another question */
  HOW_SERIAL = 1 << 1, /* the same */
  HOW_SHORT = 1 << 2,
  HOW_ENDLESS = 1 << 3, /* its text */
  HOW_COUNT = 1 << 4,   /* it says that other descriptors come */
  HOW_GONE = 1 << 5,
};

enum
{
  WITH_NOTHING,
  WITH_MEMORY,
  WITH_PIPE,
  WITH_SOCKET,
  WITH_FOUR,
  N_WITH,
};

static const uint16_t ops[N_QUESTIONS] = { FAMILY_OPEN,   FAMILY_OPEN,      0,
                                           FAMILY_LOOK,   FAMILY_TEMPORARY, FAMILY_EXPLAIN,
                                           FAMILY_OPEN,   FAMILY_BLAME,     FAMILY_READY,
                                           FAMILY_HELPER, FAMILY_NEW,       FAMILY_KEEP,
                                           FAMILY_DROP,   FAMILY_BACKING,   FAMILY_END_HELPER };

static int link_end = -1, memory, pipe_ends[2];
static uint32_t serial;

static void
once (void)
{
  int ends[2];

  if (link_end >= 0)
    return;
  if (!message_pair (ends) || pipe2 (pipe_ends, O_CLOEXEC) != 0)
    abort ();
  close (ends[1]);
  link_end = ends[0];
  memory = memfd_create ("memory", MFD_CLOEXEC);
  if (write (memory, "words", 5) != 5)
    abort ();
  broker_link_begin (link_end);
  broker_link_add_file (FIRST, "/disk", FALSE);
  broker_link_add_file (FIRST + 1, "/disk", TRUE);
}

/* A descriptor or -1 and an errno that means something. */
static void
take (int fd)
{
  if (fd < 0 && (errno <= 0 || errno > 4095))
    abort ();
  if (fd >= 0 && close (fd) != 0)
    abort ();
}

static void
take_code (int code)
{
  if (code < 0 || code > 4095)
    abort ();
}

static void
ask_file (unsigned question)
{
  uint64_t size;
  uint32_t mode;

  switch (question)
    {
    case ASK_OPEN:
      take (host_file_open ("/disk", O_RDONLY));
      break;
    case ASK_OPEN_TO_WRITE:
      take (host_file_open ("/disk", O_RDWR));
      break;
    case ASK_OTHER:
      take (host_file_open ("/etc/passwd", O_RDONLY));
      break;
    case ASK_LOOK:
      take_code (host_file_look ("/disk", &mode, &size) == 0 ? 0 : errno);
      break;
    case ASK_TEMPORARY:
      take (host_file_temporary ());
      break;
    case ASK_EXPLAIN:
      g_free (host_file_explain ("/disk"));
      break;
    default:
      take (broker_link_open (FAMILY_FILE_LISTENER));
      break;
    }
}

static void
ask (unsigned question, unsigned a)
{
  g_autoptr (GError) error = NULL;
  unsigned number;
  int fd;

  switch (question)
    {
    case ASK_BLAME:
      broker_link_blame ("disk0.path");
      break;
    case ASK_READY:
      broker_link_ready ();
      break;
    case ASK_HELPER:
      fd = broker_link_helper (FAMILY_HELPER_VNC, 0, &number, &error);
      if ((fd < 0) != (error != NULL))
        abort ();
      if (fd >= 0)
        close (fd);
      break;
    case ASK_NEW:
      take (broker_link_new_file (FAMILY_NEW_DISK, a, 1, &number));
      break;
    case ASK_KEEP:
      take_code (broker_link_keep_file (a, 1));
      break;
    case ASK_DROP:
      take_code (broker_link_drop_file (a));
      break;
    case ASK_END_HELPER:
      broker_link_end_helper (a);
      break;
    case ASK_BACKING:
      take (broker_link_open_backing (a, 1, "a name that is longer than what a message has room for"));
      break;
    default:
      ask_file (question);
    }
}

static int
lowest_free (void)
{
  int fd = dup (STDERR_FILENO);

  close (fd);
  return fd;
}

/* FALSE: nobody answers any more. */
static gboolean
ask_one (FuzzBytes *bytes, int end)
{
  const unsigned question = fuzz_u8 (bytes) % N_QUESTIONS;
  const uint8_t how = fuzz_u8 (bytes);
  Message answer = { .op = ops[question], .serial = serial + 1 };
  Message asked;
  int other[2], fds[MESSAGE_MAX_FDS];

  answer.a = fuzz_u32 (bytes);
  answer.b = fuzz_u32 (bytes);
  answer.size = fuzz_u64 (bytes);
  answer.result = (int32_t)fuzz_u16 (bytes) - (how & HOW_OP ? 9 : 0);
  const unsigned with = fuzz_u8 (bytes) % N_WITH;
  answer.op += how & HOW_OP ? 1 : 0;
  answer.serial += how & HOW_SERIAL ? 1 : 0;
  if (how & HOW_ENDLESS)
    memset (answer.text, 'x', sizeof answer.text);
  if (!message_pair (other))
    abort ();
  answer.n_fds = with == WITH_NOTHING ? 0 : with == WITH_FOUR ? 4 : 1;
  const int sent[MESSAGE_MAX_FDS] = { with == WITH_PIPE     ? pipe_ends[0]
                                      : with == WITH_SOCKET ? other[0]
                                                            : memory,
                                      memory, memory, memory };
  if (how & HOW_GONE)
    shutdown (end, SHUT_WR);
  else if (how & HOW_SHORT)
    (void)!send (end, &answer, answer.a % sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
  else if (how & HOW_COUNT)
    {
      answer.n_fds = 3;
      (void)!send (end, &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  else
    message_send (end, &answer, sent, 0);
  ask (question, answer.a);
  close (other[0]);
  close (other[1]);
  if (message_receive (end, &asked, fds, 0) == 1)
    {
      if (asked.op != ops[question] || asked.serial != serial + 1 || asked.n_fds != 0)
        abort ();
      serial = asked.serial;
    }
  else if (question != ASK_OTHER && !(how & HOW_GONE))
    abort ();
  return question != ASK_OTHER && !(how & HOW_GONE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  int ends[2], before;

  once ();
  before = lowest_free ();
  if (!message_pair (ends) || dup3 (ends[0], link_end, O_CLOEXEC) < 0)
    abort ();
  close (ends[0]);
  while (bytes.length > 0 && ask_one (&bytes, ends[1]))
    ;
  close (ends[1]);
  if (lowest_free () != before)
    abort ();
  return 0;
}

#define ANSWERED(question, how, result, with) \
  question, how, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, result, 0, with

static void
make (void)
{
  static const uint8_t refused[] = { ANSWERED (ASK_OPEN, 0, ENOENT, 0), ANSWERED (ASK_LOOK, 0, EACCES, 0),
                                     ANSWERED (ASK_HELPER, 0, EAGAIN, 0), ANSWERED (ASK_KEEP, 0, EEXIST, 0),
                                     ANSWERED (ASK_BACKING, 0, ENOENT, 0) };
  static const uint8_t explained[]
      = { ANSWERED (ASK_EXPLAIN, 0, 0, WITH_MEMORY), ANSWERED (ASK_EXPLAIN, 0, 0, WITH_PIPE),
          ANSWERED (ASK_EXPLAIN, 0, 0, WITH_SOCKET) };
  static const uint8_t other[] = { ANSWERED (ASK_OTHER, 0, 0, WITH_MEMORY) };

  /* Each question with a true answer, and with each false one. */
  for (unsigned how = 0; how <= HOW_GONE; how = how == 0 ? 1 : how << 1)
    for (unsigned with = 0; with < N_WITH; with++)
      {
        uint8_t all[N_QUESTIONS][21];

        for (unsigned i = 0; i < N_QUESTIONS; i++)
          {
            const uint8_t one[]
                = { ANSWERED ((uint8_t)(i == ASK_OTHER ? ASK_OPEN : i), (uint8_t)how, 0, (uint8_t)with) };
            memcpy (all[i], one, sizeof one);
          }
        fuzz_seed (all, sizeof all);
      }
  fuzz_seed (refused, sizeof refused);
  fuzz_seed (explained, sizeof explained);
  fuzz_seed (other, sizeof other);
}

const FuzzTarget fuzz_target = { "confine/broker-link.c base/host-files.c base/message.c", 640, make };
