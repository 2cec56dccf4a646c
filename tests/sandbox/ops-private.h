/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the two files of operations share.
 */
#pragma once

#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct
{
  const char *name;
  OpFunc func;
} Op;

#define OP(name) static int op_##name (const Prey *prey)
#define NAMED(name)  \
  {                  \
#name, op_##name \
  }
#define RESULT(call) ((call) == -1 ? errno : 0)

extern const Op more_ops[];
