/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Attention by fault: a processor's poll pointer is set to a page that may not be read, so its next poll faults, and goes on at the way out that
 * belongs to it.  Registers and EFLAGS stay as they are.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/translate/translate.h"

#include <signal.h>
#include <ucontext.h>

static GMutex mutex;
static unsigned n_users;
static struct sigaction before;

static gboolean
poll_fault (SoftTranslator *translator, greg_t *rip)
{
  uint64_t offset = (uint64_t)*rip - (uintptr_t)translator->execute;
  const SoftUnit *unit;

  if (offset >= SOFT_UNIT_BUFFER_SIZE)
    return FALSE;
  unit = soft_translator_unit_at (translator, (uint32_t)offset);
  if (unit == NULL)
    return FALSE;
  for (unsigned i = 0; i < unit->n_polls; i++)
    if (unit->polls[i].load == offset)
      {
        *rip = (greg_t)((uintptr_t)translator->execute + unit->polls[i].stub);
        return TRUE;
      }
  return FALSE;
}

static void
on_fault (int number, siginfo_t *info, void *context)
{
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

  /* A processor runs its own code only. */
  const SoftCpu *cpu = soft_running;

  if (cpu != NULL && cpu->translator != NULL && info->si_addr == cpu->translator->stop_page
      && poll_fault (cpu->translator, &registers[REG_RIP]))
    return;
  /* Somebody else's: as if we weren't here. */
  if ((before.sa_flags & SA_SIGINFO) != 0)
    before.sa_sigaction (number, info, context);
  else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    before.sa_handler (number);
  else
    /* It faults again, and that is the end. */
    sigaction (SIGSEGV, &before, NULL);
}

void
soft_signal_add (void)
{
  g_mutex_lock (&mutex);
  if (n_users++ == 0)
    {
      struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

      sigemptyset (&action.sa_mask);
      sigaction (SIGSEGV, &action, &before);
    }
  g_mutex_unlock (&mutex);
}

void
soft_signal_remove (void)
{
  g_mutex_lock (&mutex);
  if (--n_users == 0)
    sigaction (SIGSEGV, &before, NULL);
  g_mutex_unlock (&mutex);
}
