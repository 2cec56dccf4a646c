/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a guest in trouble leads to.
 */
#define G_LOG_DOMAIN "chipset"

#include "chipset/guest-action.h"

GuestAction
guest_action_parse (const char *text)
{
  static const char *const names[] = { "none", "reset", "poweroff", "pause", "nmi" };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_strcmp0 (text, names[i]) == 0)
      return (GuestAction)i;
  return GUEST_ACTION_NONE;
}

void
guest_action_do (Vm *vm, GuestAction action, const char *sentence)
{
  switch (action)
    {
    case GUEST_ACTION_RESET:
      vm_request (vm, VM_REQUEST_RESET, sentence);
      break;
    case GUEST_ACTION_POWER_OFF:
      vm_request (vm, VM_REQUEST_POWER_OFF, sentence);
      break;
    case GUEST_ACTION_PAUSE:
      vm_request (vm, VM_REQUEST_PAUSE, sentence);
      break;
    case GUEST_ACTION_NMI:
      if (vm->processor != NULL)
        vm->processor->nmi (vm->processor_opaque);
      break;
    case GUEST_ACTION_NONE:
      break;
    }
}
