/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A helper, taken over: its own main(), and where it would begin to serve, behind its walls, operations of ops.c.  The linker gives us the call by which each begins
 * (--wrap): vivarium-net's nat_helper_serve(), vivarium-switch's switch_new(), vivarium-usb's usb_helper_serve(), vivarium-decode's cs_malloc(), and the execv() by which
 * vivarium-share becomes virtiofsd, which then adds walls of its own.
 */
#include "attack.h"
#include "ops.h"

#include <stdlib.h>

int __wrap_nat_helper_serve (int socket, const char *tftp);
void *__wrap_switch_new (const void *config);
int __wrap_usb_helper_serve (int socket, int node, const void *backend);
void *__wrap_cs_malloc (size_t handle);
int __wrap_execv (const char *program, char *const *arguments);

int
__wrap_nat_helper_serve (int socket, const char *tftp)
{
  attack_run ();
}

void *
__wrap_switch_new (const void *config)
{
  attack_run ();
}

int
__wrap_usb_helper_serve (int socket, int node, const void *backend)
{
  attack_run ();
}

void *
__wrap_cs_malloc (size_t handle)
{
  attack_run ();
}

int
__wrap_execv (const char *program, char *const *arguments)
{
  attack_run ();
}

/* Before main(), which is the helper's own. */
__attribute__ ((constructor)) static void
begin (void)
{
  const char *what = getenv ("VIVARIUM_ATTACK");

  if (what == NULL)
    {
      op_list ();
      exit (0);
    }
  attack_read (what);
}
