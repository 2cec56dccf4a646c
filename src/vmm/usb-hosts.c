/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "usb"

#include "usb-hosts.h"

#include "base/child.h"
#include "board/usb-hosts.h"
#include "confine/broker-link.h"
#include "machine/paths.h"
#include "machine/usb-outside.h"

#include <errno.h>
#include <gio/gio.h>
#include <unistd.h>

typedef struct
{
  Vm *vm;
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
} Hosts;

static Hosts hosts; /* as long as the process, as its board */

/* -- Notices -------------------------------------------------------------------------------------------- */

static void
tell (Vm *vm, void *data)
{
  hosts.notice (hosts.opaque, data);
}

/* Device loop. */
static void
on_notice (void *opaque, const char *sentence)
{
  vm_tell_control (hosts.vm, tell, g_strdup (sentence), g_free);
}

/* -- Processes ------------------------------------------------------------------------------------------- */

static void
on_ended (GPid pid, int status, gpointer data)
{
}

/* Without a broker, for who debugs. */
static int
start_by_hand (const char *host, GError **error)
{
  g_autofree char *program = viv_find_program ("vivarium-usb", error);
  char socket_option[] = "--socket", number[] = { '0' + CHILD_SOCKET, '\0' }, option[] = "--node";
  char *const arguments[] = { program, socket_option, number, host != NULL ? option : NULL, NULL };
  int node = -1, socket, code = program != NULL && host != NULL ? usb_outside_open (host, &node) : 0;
  const ChildFiles files = { -1, -1, node };
  pid_t pid;

  if (code != 0)
    {
      g_autofree char *words = usb_outside_explain (host, code);
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (code), words);
      return -1;
    }
  socket = program != NULL ? child_start (arguments, &files, &pid, error) : -1;
  if (node >= 0)
    close (node);
  if (socket >= 0)
    g_child_watch_add (pid, on_ended, NULL); /* nobody else waits for it */
  return socket;
}

/* `index`: of the definition's; 0: of none, and the node goes there by the socket. */
static int
start (unsigned index, const char *host, GError **error)
{
  g_autoptr (GError) cause = NULL;
  unsigned number;
  int socket;

  if (!broker_link_is_up ())
    return start_by_hand (host, error);
  socket = broker_link_helper (FAMILY_HELPER_USB, index, &number, &cause);
  if (socket >= 0)
    return socket;
  /* What the broker couldn't open, and else that there is no program. */
  if (host != NULL && (errno == ENODEV || errno == EACCES))
    {
      g_autofree char *words = usb_outside_explain (host, errno);
      g_set_error_literal (error, cause->domain, cause->code, words);
    }
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return -1;
}

char *
usb_hosts_connect (Board *board, const char *id, const char *name, int node, GError **error)
{
  const MachineDevice *device = id != NULL ? definition_find (board->definition, id) : NULL;
  const char *found = board_usb_host_find (board, id, error);
  int socket;

  if (found == NULL)
    return NULL;
  if (node < 0 && device == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "the device's node is to come with the call");
      return NULL;
    }
  socket
      = start (node < 0 ? device->number : 0, node < 0 ? machine_device_text (device, "host") : NULL, error);
  if (socket < 0)
    return NULL;
  board_usb_host_connect (board, found, name, socket, node);
  return g_strdup (found);
}

void
usb_hosts_init (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque)
{
  hosts = (Hosts){ board->vm, notice, opaque };
  board->usb_notice = on_notice;
  for (guint i = 0; i < board->definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (board->definition->devices, i);
      g_autoptr (GError) error = NULL;
      g_autofree char *id = NULL;

      if (!g_str_equal (device->kind->name, "usb") || device->number == 0)
        continue;
      /* It may be plugged in later. */
      id = usb_hosts_connect (board, device->id, machine_device_text (device, "host"), -1, &error);
      if (id != NULL)
        continue;
      g_autofree char *sentence = g_strdup_printf ("%s: %s", device->id, error->message);
      g_message ("%s", sentence);
      notice (opaque, sentence);
    }
}
