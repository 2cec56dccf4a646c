/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/helpers.h"

#include "base/message.h"
#include "machine/paths.h"
#include "machine/usb-outside.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many that each is watched. */
static gboolean
may_start (BrokerHelpers *helpers)
{
  const gint64 now = g_get_monotonic_time ();

  while (!g_queue_is_empty (&helpers->starts)
         && *(gint64 *)g_queue_peek_head (&helpers->starts) < now - 60 * G_USEC_PER_SEC)
    g_free (g_queue_pop_head (&helpers->starts));
  if (g_queue_get_length (&helpers->starts) >= FAMILY_MOST_HELPERS
      || helpers->living->len >= FAMILY_MOST_HELPERS)
    return FALSE;
  g_queue_push_tail (&helpers->starts, g_memdup2 (&now, sizeof now));
  return TRUE;
}

/* Ours gets a socket to the monitor and `options`, behind what says how it is confined.  An errno, or 0, its number and, unless `fd` is NULL, the other end. */
static int
start_program (BrokerHelpers *helpers, const char *name, gboolean foreign, GPtrArray *options, int extra,
               unsigned *number, int *fd)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *program = foreign ? g_find_program_in_path (name) : viv_find_program (name, &error);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  const ChildFiles files = { helpers->log, helpers->log, extra };
  FamilyProcess process;

  if (!may_start (helpers))
    return EAGAIN;
  g_ptr_array_add (argv, program);
  if (!foreign)
    {
      g_ptr_array_add (argv, (char *)"--socket");
      g_ptr_array_add (argv, (char *)"3");
    }
  if (!foreign && helpers->no_namespaces)
    g_ptr_array_add (argv, (char *)"--no-namespaces");
  for (guint i = 0; options != NULL && i < options->len; i++)
    g_ptr_array_add (argv, options->pdata[i]);
  g_ptr_array_add (argv, NULL);
  if (program == NULL || !family_start (&process, (char *const *)argv->pdata, &files, &error))
    {
      g_printerr ("%s\n", error != NULL ? error->message : name);
      return ENOENT;
    }
  if (fd != NULL)
    *fd = process.socket;
  else
    close (process.socket);
  process.socket = -1;
  *number = process.number = ++helpers->n_started;
  g_array_append_val (helpers->living, process);
  return 0;
}

/* What a network's process gets by name is the definition's. */
static int
start_network (BrokerHelpers *helpers, unsigned index, unsigned *number, int *fd)
{
  NetworkPlan plan;
  unsigned other;
  int code = broker_networks_plan (helpers->networks, helpers->definition, index, &plan);

  *number = 0;
  if (code == 0 && plan.wire >= 0)
    {
      *fd = plan.wire;
      plan.wire = -1;
    }
  for (unsigned i = 0; code == 0 && i < G_N_ELEMENTS (plan.programs) && plan.programs[i].name != NULL; i++)
    code = start_program (helpers, plan.programs[i].name, plan.programs[i].foreign, plan.programs[i].options,
                          plan.programs[i].extra, i == 0 ? number : &other, i == 0 ? fd : NULL);
  /* The first one ends by itself when the other isn't there. */
  if (code != 0 && *fd >= 0)
    {
      close (*fd);
      *fd = -1;
    }
  network_plan_clear (&plan);
  return code;
}

/* A folder's: what its process gets by name is the definition's. */
static int
start_share (BrokerHelpers *helpers, unsigned index, unsigned *number, int *fd)
{
  const MachineDefinition *definition = helpers->definition;
  g_autofree char *id = g_strdup_printf ("share%u", index);
  const MachineDevice *share = definition_find (definition, id);
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  char *folder = share != NULL ? definition_resolve (definition, machine_device_text (share, "path")) : NULL;

  if (folder == NULL)
    return ENOENT;
  g_ptr_array_add (options, g_strdup ("--folder"));
  g_ptr_array_add (options, folder);
  if (machine_device_flag (share, "readonly"))
    g_ptr_array_add (options, g_strdup ("--readonly"));
  return start_program (helpers, "vivarium-share", FALSE, options, -1, number, fd);
}

/* It gives the device back when it ends, which it does by itself. */
#define GIVE_BACK_MS 3000

/* What is opened for it is the definition's. */
static int
start_usb (BrokerHelpers *helpers, unsigned index, unsigned *number, int *fd)
{
  const MachineDefinition *definition = helpers->definition;
  g_autofree char *id = g_strdup_printf ("usb%u", index);
  const MachineDevice *usb = definition_find (definition, id);
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  int node = -1, code = 0;

  if (index > 0)
    {
      code = usb != NULL ? usb_outside_open (machine_device_text (usb, "host"), &node) : ENOENT;
      g_ptr_array_add (options, g_strdup ("--node"));
    }
  if (code == 0)
    code = start_program (helpers, "vivarium-usb", FALSE, options, node, number, fd);
  if (code == 0)
    g_array_index (helpers->living, FamilyProcess, helpers->living->len - 1).patience_ms = GIVE_BACK_MS;
  if (node >= 0)
    close (node);
  return code;
}

/* Ours is its control channel.  It has a list of system calls of its own. */
static int
start_tpm (BrokerHelpers *helpers, unsigned *number, int *fd)
{
  const MachineDefinition *definition = helpers->definition;
  g_autofree char *folder = definition_resolve (definition, "tpm");
  g_autoptr (GPtrArray) options = g_ptr_array_new_with_free_func (g_free);
  int ends[2], code;

  if (definition_find (definition, "tpm0") == NULL || folder == NULL)
    return ENOENT;
  if (strchr (folder, ',') != NULL)
    return EINVAL; /* swtpm's options have no way to write one */
  if (mkdir (folder, 0700) != 0 && errno != EEXIST)
    return errno;
  if (!message_stream_pair (ends))
    return errno;
  g_ptr_array_add (options, g_strdup ("socket"));
  g_ptr_array_add (options, g_strdup ("--tpm2"));
  g_ptr_array_add (options, g_strdup ("--tpmstate"));
  g_ptr_array_add (options, g_strdup_printf ("dir=%s,mode=0600", folder));
  g_ptr_array_add (options, g_strdup ("--ctrl"));
  g_ptr_array_add (options, g_strdup_printf ("type=unixio,clientfd=%d", CHILD_EXTRA));
  g_ptr_array_add (options, g_strdup ("--terminate"));
  code = start_program (helpers, "swtpm", TRUE, options, ends[1], number, NULL);
  close (ends[1]);
  if (code == 0)
    *fd = ends[0];
  else
    close (ends[0]);
  return code;
}

void
broker_helpers_begin (BrokerHelpers *helpers)
{
  helpers->living = g_array_new (FALSE, FALSE, sizeof (FamilyProcess));
  g_queue_init (&helpers->starts);
}

static void
end_one (BrokerHelpers *helpers, guint i)
{
  family_end (&g_array_index (helpers->living, FamilyProcess, i));
  g_array_remove_index (helpers->living, i);
}

void
broker_helpers_clear (BrokerHelpers *helpers)
{
  while (helpers->living->len > 0)
    end_one (helpers, helpers->living->len - 1);
  g_array_unref (helpers->living);
  g_queue_clear_full (&helpers->starts, g_free);
}

int
broker_helpers_start (BrokerHelpers *helpers, unsigned helper, unsigned index, unsigned *number, int *fd)
{
  switch ((FamilyHelper)helper)
    {
    case FAMILY_HELPER_VNC:
      return start_program (helpers, "vivarium-vnc", FALSE, NULL, -1, number, fd);
    case FAMILY_HELPER_NET:
      return start_network (helpers, index, number, fd);
    case FAMILY_HELPER_SHARE:
      return start_share (helpers, index, number, fd);
    case FAMILY_HELPER_USB:
      return start_usb (helpers, index, number, fd);
    case FAMILY_HELPER_TPM:
      return start_tpm (helpers, number, fd);
    default:
      return EINVAL;
    }
}

int
broker_helpers_end (BrokerHelpers *helpers, unsigned number)
{
  for (guint i = 0; i < helpers->living->len; i++)
    if (g_array_index (helpers->living, FamilyProcess, i).number == number)
      {
        end_one (helpers, i);
        return 0;
      }
  return ESRCH;
}

unsigned
broker_helpers_wait (const BrokerHelpers *helpers, struct pollfd *waits)
{
  const unsigned n = MIN (helpers->living->len, FAMILY_MOST_HELPERS);

  for (unsigned i = 0; i < n; i++)
    waits[i] = (struct pollfd){ g_array_index (helpers->living, FamilyProcess, i).pid_fd, POLLIN, 0 };
  return n;
}

void
broker_helpers_bury (BrokerHelpers *helpers)
{
  for (guint i = helpers->living->len; i-- > 0;)
    {
      struct pollfd wait = { g_array_index (helpers->living, FamilyProcess, i).pid_fd, POLLIN, 0 };

      if (poll (&wait, 1, 0) > 0)
        end_one (helpers, i);
    }
}
