/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "storage"

#include "storage/host-error.h"

#include <errno.h>

static const struct
{
  int error;
  const char *what; /* … “IMAGE”: … */
  const char *advice;
} host_errors[] = {
  { ENOSPC, "There is no room left for what the machine writes to", "Make room on that disk" },
  { EDQUOT, "There is no room left for what the machine writes to", "Make room within your quota" },
  { ENOMEM, "The host has no memory left to work on", "End other programs" },
  { ESTALE, "The host can't reach", "Connect its server again" },
  { ENOTCONN, "The host can't reach", "Connect its server again" },
  { ETIMEDOUT, "The host can't reach", "See to its server" },
  { EHOSTDOWN, "The host can't reach", "See to its server" },
  { EHOSTUNREACH, "The host can't reach", "See to its server" },
  { ENETUNREACH, "The host can't reach", "See to the network" },
  { ENETDOWN, "The host can't reach", "See to the network" },
};

/* NULL: the error is the guest's. */
static char *
sentence_of (const char *path, int error)
{
  g_autofree char *name = g_filename_display_name (path);

  for (unsigned i = 0; i < G_N_ELEMENTS (host_errors); i++)
    if (host_errors[i].error == error)
      return g_strdup_printf ("%s “%s”: %s. %s, then let the machine go on: it tries again.",
                              host_errors[i].what, name, g_strerror (error), host_errors[i].advice);
  return NULL;
}

gboolean
host_error_pauses (Vm *vm, const char *path, int error)
{
  g_autofree char *sentence = sentence_of (path, error);

  if (sentence == NULL)
    return FALSE;
  vm_report_error (vm, path, sentence);
  vm_request (vm, VM_REQUEST_PAUSE, sentence);
  return TRUE;
}
