/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor that its guest has taken over says to its broker.
 *
 * Input: messages of a byte for the kind, a byte for how it goes, three numbers and a length of text that follows.
 */
#include "fuzz.h"

#include "base/message.h"
#include "broker/questions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  HOW_FD = 3,         /* so many descriptors come with it */
  HOW_SAYS = 1 << 2,  /* and it says so */
  HOW_SHORT = 1 << 3, /* not all of it */
  HOW_OPEN = 1 << 4,  /* its text has no end */
  HOW_TEXT = 1 << 5,
};

#define KEPT "00000007-disk0"

static char *ini, *state, *snapshots, *kept;
static ino_t may_write;
static unsigned n_told_ready;

static char *
make_file (const char *name, const char *text)
{
  char *path = g_build_filename (fuzz_folder (), name, NULL);

  if (!g_file_set_contents (path, text, -1, NULL))
    abort ();
  return path;
}

/* The log, which has a size that it may have. */
static void
write_nothing (const char *text)
{
}

static void
once (void)
{
  static const char *const others[] = { "readonly.img", "discard.img", "cd.iso", "kernel" };
  struct stat info;

  if (ini != NULL)
    return;
  g_set_printerr_handler (write_nothing);
  ini = make_file ("machine.ini",
                   "[machine]\nuuid=c6e2e2b0-6f38-4f0e-9d55-2f6a3c1b0a77\nname=fuzz\nkernel=kernel\n"
                   "[disk0]\npath=disk.img\n[disk1]\npath=readonly.img\nreadonly=true\n"
                   "[disk2]\npath=discard.img\ndiscard=true\n[cdrom0]\npath=cd.iso\n"
                   "[disk3]\npath=folder\n[floppy0]\npath=none.img\n");
  state = make_file ("state", "s");
  g_autofree char *disk = make_file ("disk.img", "d");
  if (stat (disk, &info) != 0)
    abort ();
  may_write = info.st_ino;
  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    g_free (make_file (others[i], "x"));
  g_autofree char *folder = g_build_filename (fuzz_folder (), "folder", NULL);
  snapshots = g_build_filename (fuzz_folder (), "snapshots", NULL);
  if (mkdir (folder, 0700) != 0 || mkdir (snapshots, 0700) != 0)
    abort ();
  kept = make_file ("snapshots/" KEPT, "the past");
}

static void
tell (void *opaque, const char *line)
{
  if (g_str_equal (line, "ready\n"))
    n_told_ready++;
  else if (!g_str_has_prefix (line, "blame ") || strlen (line) > 6 + MESSAGE_TEXT)
    abort ();
}

static int
start_helper (void *opaque, unsigned helper, unsigned index, unsigned *number, int *fd)
{
  *number = 1;
  if (helper >= FAMILY_N_HELPERS)
    return EINVAL;
  *fd = dup (STDERR_FILENO);
  return 0;
}

static int
end_helper (void *opaque, unsigned number)
{
  return number == 1 ? 0 : ESRCH;
}

static int
connect_port (void *opaque, unsigned port, int *fd)
{
  return ECONNREFUSED;
}

static int
open_serial (void *opaque, unsigned number, gboolean again, int *fd, char *name)
{
  if (number > 3 || again)
    return number > 3 ? ENOENT : EPERM;
  strcpy (name, "/dev/pts/4294967295");
  *fd = dup (STDERR_FILENO);
  return 0;
}

static int
listen_beside (void *opaque, unsigned screen, int *fd)
{
  if (screen < 1 || screen > FAMILY_FILE_VNC_LAST - FAMILY_FILE_VNC)
    abort ();
  *fd = dup (STDERR_FILENO);
  return 0;
}

/* What may be written is what the definition says. */
static void
check_descriptor (const Message *question, int fd)
{
  const int flags = fcntl (fd, F_GETFL);
  struct stat info;

  if (fstat (fd, &info) != 0)
    abort ();
  if (question->op == FAMILY_TEMPORARY || question->op == FAMILY_NEW)
    {
      if (info.st_nlink != 0 || info.st_size != 0)
        abort ();
      return;
    }
  if (question->op != FAMILY_OPEN || (flags & O_ACCMODE) == O_RDONLY || !S_ISREG (info.st_mode))
    return;
  /* What the broker had open before. */
  if (question->a >= FAMILY_FILE_LISTENER && question->a < FAMILY_N_FILES)
    return;
  /* The definition itself is memory that nobody can change. */
  if (question->a == FAMILY_FILE_DEFINITION ? pwrite (fd, "x", 1, 0) >= 0 : info.st_ino != may_write)
    abort ();
}

static void
check_answer (int socket, const Message *question, gboolean was_ready)
{
  int fds[MESSAGE_MAX_FDS];
  Message answer;

  if (message_receive (socket, &answer, fds, 0) != 1 || answer.op != question->op
      || answer.serial != question->serial || answer.result < 0 || answer.result > 4095
      || (answer.n_fds != 0 && answer.result != 0) || answer.n_fds > 1)
    abort ();
  if (was_ready && question->op < FAMILY_HELPER)
    abort ();
  if (fds[0] >= 0)
    check_descriptor (question, fds[0]);
  message_close_fds (fds);
}

/* Nothing stays without a name, what was there is as it was, and what is new goes. */
static void
check_snapshots (void)
{
  g_autofree char *text = NULL;
  DIR *entries = opendir (snapshots);
  struct dirent *entry;

  if (!g_file_get_contents (kept, &text, NULL, NULL) || !g_str_equal (text, "the past") || entries == NULL)
    abort ();
  while ((entry = readdir (entries)) != NULL)
    {
      if (entry->d_name[0] == '.' && entry->d_name[1] != '\0' && entry->d_name[1] != '.')
        abort ();
      if (entry->d_name[0] != '.' && !g_str_equal (entry->d_name, KEPT)
          && unlinkat (dirfd (entries), entry->d_name, 0) != 0)
        abort ();
    }
  closedir (entries);
}

/* FALSE: the family has ended. */
static gboolean
say_one (BrokerQuestions *questions, FuzzBytes *bytes, const int ends[2], uint32_t serial)
{
  Message message = { .op = fuzz_u8 (bytes), .serial = serial };
  const uint8_t how = fuzz_u8 (bytes);
  const int two[] = { STDERR_FILENO, ends[0], STDOUT_FILENO };
  const gboolean was_ready = questions->ready;
  unsigned op;

  message.a = fuzz_u32 (bytes);
  message.b = fuzz_u32 (bytes);
  message.size = fuzz_u64 (bytes);
  if (how & HOW_TEXT)
    {
      g_autofree char *text = fuzz_text (bytes, fuzz_u8 (bytes));
      message_set_text (&message, text);
    }
  if (how & HOW_OPEN)
    memset (message.text, 'x', sizeof message.text);
  if (how & HOW_SHORT)
    (void)!send (ends[1], &message, message.a % sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
  else if (how & HOW_SAYS)
    {
      message.n_fds = how & HOW_FD;
      message_send (ends[1], &message, two, 0);
    }
  else
    {
      message.n_fds = (how & HOW_FD) != 0 ? 0xffff : 0;
      (void)!send (ends[1], &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  switch (broker_questions_answer (questions, ends[0], &op))
    {
    case BROKER_ANSWERED:
      if (how & (HOW_FD | HOW_SHORT | HOW_OPEN))
        abort ();
      check_answer (ends[1], &message, was_ready);
      return TRUE;
    case BROKER_GONE: /* an empty message looks the same */
      if (!(how & HOW_SHORT))
        abort ();
      return FALSE;
    case BROKER_LIED:
      return FALSE;
    }
  abort ();
}

static int
lowest_free (void)
{
  int fd = dup (STDERR_FILENO);

  close (fd);
  return fd;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const BrokerQuestionFuncs funcs
      = { tell, start_helper, end_helper, listen_beside, connect_port, open_serial };
  FuzzBytes bytes = { data, length };
  BrokerQuestions questions;
  int ends[2], files_before;
  uint32_t serial = 0;

  once ();
  n_told_ready = 0;
  files_before = lowest_free ();
  BrokerFiles *files = broker_files_new (ini, NULL, state, NULL);
  BrokerSnapshots *new_files = broker_snapshots_new (fuzz_folder ());
  if (files == NULL || !message_pair (ends))
    abort ();
  broker_files_add (files, FAMILY_FILE_LISTENER, dup (STDERR_FILENO));
  broker_files_add (files, FAMILY_FILE_VNC, dup (STDERR_FILENO));
  broker_questions_begin (&questions, files, new_files, &funcs, NULL);
  while (bytes.length > 0 && say_one (&questions, &bytes, ends, serial))
    serial++;
  if (n_told_ready > 1 || (n_told_ready == 1) != questions.ready)
    abort ();
  close (ends[0]);
  close (ends[1]);
  broker_snapshots_free (new_files);
  broker_files_free (files);
  check_snapshots ();
  if (lowest_free () != files_before)
    abort ();
  return 0;
}

#define ASKED(op, how, a, b, size) op, how, a, 0, 0, 0, b, 0, 0, 0, size, 0, 0, 0, 0, 0, 0, 0

static void
make (void)
{
  uint8_t all[FAMILY_N_FILES + 40][18] = { 0 };
  static const uint8_t start[] = { ASKED (FAMILY_OPEN, 0, FAMILY_FILE_DEFINITION, 0, 0),
                                   ASKED (FAMILY_OPEN, 0, FAMILY_FILE_STATE, 0, 0),
                                   ASKED (FAMILY_LOOK, 0, FAMILY_FILE_STATE, 0, 0),
                                   ASKED (FAMILY_OPEN, 0, FAMILY_FILE_LISTENER, 0, 0),
                                   ASKED (FAMILY_OPEN, 0, FAMILY_FILE_VNC, 0, 0),
                                   ASKED (FAMILY_OPEN, 0, FAMILY_FILE_VNC + 1, 0, 0),
                                   ASKED (FAMILY_OPEN, 0, FAMILY_FILE_KVM, 1, 0),
                                   ASKED (FAMILY_EXPLAIN, 0, FAMILY_FILE_KVM, 0, 0),
                                   ASKED (FAMILY_TEMPORARY, 0, 0, 0, 0),
                                   ASKED (FAMILY_READY, 0, 0, 0, 0),
                                   ASKED (FAMILY_HELPER, 0, FAMILY_HELPER_VNC, 0, 0),
                                   ASKED (FAMILY_HELPER, 0, FAMILY_N_HELPERS, 0, 0) };
  static const uint8_t snapshot[] = { ASKED (FAMILY_READY, 0, 0, 0, 0),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_DISK, 0, 9),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_MEMORY, 0, 1),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_PICTURE, 0, 1),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_PICTURE, 1, 1),
                                      ASKED (FAMILY_KEEP, 0, 1, 7, 0),
                                      ASKED (FAMILY_KEEP, 0, 0, 7, 0),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_DISK, 0, 1),
                                      ASKED (FAMILY_KEEP, 0, 0, 7, 0), /* it is there */
                                      ASKED (FAMILY_KEEP, 0, 0, 8, 0),
                                      ASKED (FAMILY_END_HELPER, 0, 1, 0, 0),
                                      ASKED (FAMILY_DROP, 0, 2, 0, 0),
                                      ASKED (FAMILY_DROP, 0, 2, 0, 0),
                                      ASKED (FAMILY_NEW, 0, FAMILY_NEW_DISK, 3, 0),
                                      ASKED (FAMILY_KEEP, 0, 200, 0, 0) };
  static const uint8_t huge[]
      = { FAMILY_NEW, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
          FAMILY_NEW, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  static const uint8_t words[] = { ASKED (FAMILY_BLAME, HOW_TEXT, 0, 0, 0),
                                   10,
                                   'd',
                                   'i',
                                   's',
                                   'k',
                                   '0',
                                   '.',
                                   'p',
                                   'a',
                                   't',
                                   'h',
                                   ASKED (FAMILY_BACKING, HOW_TEXT, 0, 1, 0),
                                   5,
                                   '/',
                                   27,
                                   '[',
                                   'c',
                                   '"',
                                   ASKED (FAMILY_BACKING, 0, 1, 0, 0) };
  static const uint8_t late[]
      = { ASKED (FAMILY_READY, 0, 0, 0, 0), ASKED (FAMILY_OPEN, 0, FAMILY_FILE_STATE, 0, 0) };
  static const uint8_t brings[] = { ASKED (FAMILY_LOOK, HOW_SAYS | 2, 1, 0, 0) };
  static const uint8_t says[] = { ASKED (FAMILY_LOOK, 1, 1, 0, 0) };
  static const uint8_t cut[] = { ASKED (FAMILY_LOOK, HOW_SHORT, 40, 0, 0) };
  static const uint8_t endless[] = { ASKED (FAMILY_BLAME, HOW_OPEN, 0, 0, 0) };
  static const uint8_t unknown[] = { ASKED (99, 0, 0, 0, 0) };

  fuzz_seed (start, sizeof start);
  fuzz_seed (snapshot, sizeof snapshot);
  fuzz_seed (huge, sizeof huge);
  fuzz_seed (words, sizeof words);
  fuzz_seed (late, sizeof late);
  fuzz_seed (brings, sizeof brings);
  fuzz_seed (says, sizeof says);
  fuzz_seed (cut, sizeof cut);
  fuzz_seed (endless, sizeof endless);
  fuzz_seed (unknown, sizeof unknown);
  /* Every file of the table, to read, to write, to look at, to explain. */
  for (unsigned way = 0; way < 4; way++)
    {
      for (unsigned i = 0; i < G_N_ELEMENTS (all); i++)
        {
          all[i][0] = way < 2 ? FAMILY_OPEN : way == 2 ? FAMILY_LOOK : FAMILY_EXPLAIN;
          all[i][2] = (uint8_t)i;
          all[i][6] = way == 1;
        }
      fuzz_seed (all, sizeof all);
    }
}

const FuzzTarget fuzz_target
    = { "broker/questions.c broker/files.c broker/snapshots.c base/message.c", 1200, make };
