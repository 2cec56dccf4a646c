/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/questions.h"

#include "base/host-files.h"
#include "base/message.h"
#include "machine/serial-outside.h"

#include <errno.h>
#include <unistd.h>

void
broker_questions_begin (BrokerQuestions *questions, BrokerFiles *files, BrokerSnapshots *snapshots,
                        const BrokerQuestionFuncs *funcs, void *opaque)
{
  *questions = (BrokerQuestions){ .files = files, .snapshots = snapshots, .funcs = funcs, .opaque = opaque };
}

/* So many before the machine runs; a number at once and a rate behind it. */
static gboolean
may_ask (BrokerQuestions *questions)
{
  const gint64 now = g_get_monotonic_time ();

  if (!questions->ready)
    return ++questions->asked <= FAMILY_MOST_QUESTIONS;
  questions->budget += (double)(now - questions->filled) * FAMILY_QUESTIONS_PER_SECOND / G_USEC_PER_SEC;
  questions->budget = MIN (questions->budget, FAMILY_QUESTIONS_AT_ONCE);
  questions->filled = now;
  if (questions->budget < 1)
    return FALSE;
  questions->budget -= 1;
  return TRUE;
}

static void
blame (BrokerQuestions *questions, const char *key)
{
  g_autofree char *line = g_strdup_printf ("blame %s\n", key);

  /* Who started us reads one line of it. */
  if (questions->blamed)
    return;
  questions->blamed = TRUE;
  questions->funcs->tell (questions->opaque, line);
}

/* Before the machine runs: what its definition names.  As carry_out(). */
static int
carry_out_early (BrokerQuestions *questions, const Message *question, Message *answer, int *fd)
{
  switch ((FamilyOp)question->op)
    {
    case FAMILY_OPEN:
      if (question->a > FAMILY_FILE_VNC && question->a <= FAMILY_FILE_VNC_LAST)
        return questions->funcs->listen_beside (questions->opaque, question->a - FAMILY_FILE_VNC, fd);
      return broker_files_open (questions->files, question->a, (question->b & FAMILY_WRITE) != 0, fd);
    case FAMILY_LOOK:
      return broker_files_look (questions->files, question->a, &answer->a, &answer->size);
    case FAMILY_TEMPORARY:
      *fd = host_file_temporary ();
      return *fd >= 0 ? 0 : errno;
    case FAMILY_EXPLAIN:
      return broker_files_explain (questions->files, question->a, fd);
    case FAMILY_BLAME:
      blame (questions, question->text);
      return 0;
    case FAMILY_READY:
      questions->ready = TRUE;
      questions->budget = FAMILY_QUESTIONS_AT_ONCE;
      questions->filled = g_get_monotonic_time ();
      questions->funcs->tell (questions->opaque, "ready\n");
      return 0;
    default:
      return -1;
    }
}

/* The answer's `result` and what goes with it; -1: no such question. */
static int
carry_out (BrokerQuestions *questions, const Message *question, Message *answer, int *fd)
{
  switch ((FamilyOp)question->op)
    {
    case FAMILY_HELPER:
      return questions->funcs->start_helper (questions->opaque, question->a, question->b, &answer->a, fd);
    case FAMILY_END_HELPER:
      return questions->funcs->end_helper (questions->opaque, question->a);
    case FAMILY_CONNECT:
      return questions->funcs->connect (questions->opaque, question->a, fd);
    case FAMILY_SERIAL:
      {
        char name[SERIAL_OUTSIDE_NAME] = "";
        const int code
            = questions->funcs->serial (questions->opaque, question->a, questions->ready, fd, name);
        message_set_text (answer, name);
        return code;
      }
    case FAMILY_NEW:
      return broker_snapshots_add (questions->snapshots, question->a, question->b, question->size, &answer->a,
                                   fd);
    case FAMILY_KEEP:
      return broker_snapshots_keep (questions->snapshots, question->a, question->b);
    case FAMILY_DROP:
      return broker_snapshots_drop (questions->snapshots, question->a);
    case FAMILY_BACKING:
      return broker_files_open_backing (questions->files, question->a, question->b, question->text, fd);
    default:
      return questions->ready ? -1 : carry_out_early (questions, question, answer, fd);
    }
}

BrokerAnswer
broker_questions_answer (BrokerQuestions *questions, int socket, unsigned *op)
{
  Message question, answer = { 0 };
  int fds[MESSAGE_MAX_FDS], fd = -1;
  int code = message_receive (socket, &question, fds, 0);

  *op = 0;
  if (code == -ETIMEDOUT)
    return BROKER_ANSWERED;
  if (code == 0)
    return BROKER_GONE;
  if (code < 0)
    return BROKER_LIED;
  *op = question.op;
  questions->heard = TRUE;
  code = question.n_fds == 0 && may_ask (questions) ? carry_out (questions, &question, &answer, &fd) : -1;
  message_close_fds (fds);
  if (code < 0)
    return BROKER_LIED;
  answer.op = question.op;
  answer.serial = question.serial;
  answer.result = code;
  answer.n_fds = fd >= 0;
  /* It waits for this one, so there is room. */
  code = message_send (socket, &answer, &fd, 0);
  if (fd >= 0)
    close (fd);
  return code == 0 || code == -EPIPE ? BROKER_ANSWERED : BROKER_LIED;
}
