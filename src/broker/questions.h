/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor asks its broker, one question and one answer at a time, and when it has said what no monitor says.
 */
#pragma once

#include "broker/files.h"
#include "broker/snapshots.h"

G_BEGIN_DECLS

typedef struct
{
  /* A line to who started the machine, with its end: "ready\n", "blame KEY\n". */
  void (*tell) (void *opaque, const char *line);
  /* 0 and a descriptor, or an errno; the numbers are the monitor's. */
  int (*start_helper) (void *opaque, unsigned helper, unsigned index, unsigned *number, int *fd);
  int (*end_helper) (void *opaque, unsigned number);
  int (*listen_beside) (void *opaque, unsigned screen, int *fd);
  int (*connect) (void *opaque, unsigned port, int *fd);
  /* `name` has SERIAL_OUTSIDE_NAME bytes; `again`: the machine runs. */
  int (*serial) (void *opaque, unsigned number, gboolean again, int *fd, char *name);
} BrokerQuestionFuncs;

typedef struct
{
  BrokerFiles *files;
  BrokerSnapshots *snapshots;
  const BrokerQuestionFuncs *funcs;
  void *opaque;
  gboolean heard; /* it has asked something */
  gboolean blamed;
  gboolean ready; /* its machine runs */
  unsigned asked; /* before that */
  double budget;  /* of questions behind it */
  gint64 filled;  /* when, µs */
} BrokerQuestions;

typedef enum
{
  BROKER_ANSWERED, /* or nothing was asked */
  BROKER_GONE,     /* nobody asks any more */
  BROKER_LIED,     /* whoever asks this is no monitor; `op` is what it asked, 0 if it was no message */
} BrokerAnswer;

void broker_questions_begin (BrokerQuestions *questions, BrokerFiles *files, BrokerSnapshots *snapshots,
                             const BrokerQuestionFuncs *funcs, void *opaque);
/* Never waits, whatever the other end does. */
BrokerAnswer broker_questions_answer (BrokerQuestions *questions, int socket, unsigned *op);

G_END_DECLS
