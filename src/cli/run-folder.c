/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/run-folder.h"

#include "machine/folder.h"
#include "machine/local-machine.h"
#include "machine/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define MOST_WAIT_US (10 * G_USEC_PER_SEC)
#define STEP_US      (10 * 1000)

int
run_door_lock (void)
{
  g_autofree char *run = viv_run_dir (NULL);
  int door = run != NULL ? open (run, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  gint64 end = g_get_monotonic_time () + MOST_WAIT_US;

  while (door >= 0 && flock (door, LOCK_EX | LOCK_NB) < 0)
    {
      if ((errno != EWOULDBLOCK && errno != EINTR) || g_get_monotonic_time () > end)
        run_door_open (&door);
      else
        g_usleep (STEP_US);
    }
  return door;
}

void
run_door_open (int *door)
{
  if (*door >= 0)
    close (*door);
  *door = -1;
}

void
run_folder_remove (const char *folder, const char *uuid)
{
  int door = run_door_lock ();
  g_autoptr (VivMachine) now = viv_local_machine_new (folder);

  /* One without a definition is nobody's, as who makes one has the door. */
  if (viv_machine_get_definition (now) == NULL ? door >= 0
                                               : g_strcmp0 (viv_machine_get_uuid (now), uuid) == 0)
    viv_remove_tree (folder, NULL);
  run_door_open (&door);
}
