/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a machine's processors lie in packages: "SOCKETS,CORES,THREADS".
 *
 * Local APIC ids are counted without gaps, as the tables and saved machines have them, and a package's must begin at a power of two: so with several
 * sockets the cores of one are a power of two, and threads are one or two.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  unsigned sockets, cores, threads;
} CpuTopology;

/* FALSE: it is none, or one of more than 64 processors. */
gboolean cpu_topology_parse (const char *text, CpuTopology *topology);

G_END_DECLS
