/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's state as a function of what is known.  Whoever is nearest to the machine is believed first: its monitor, then what we do
 * ourselves, then the file, then who else has it, then how it ended.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/machine-state.h"

VivMonitorWord
viv_monitor_word (const char *text)
{
  static const struct
  {
    const char *text;
    VivMonitorWord word;
  } words[] = {
    { "", VIV_WORD_NONE },           { "starting", VIV_WORD_STARTING }, { "running", VIV_WORD_RUNNING },
    { "pausing", VIV_WORD_PAUSED },  { "paused", VIV_WORD_PAUSED },     { "crashed", VIV_WORD_CRASHED },
    { "stopped", VIV_WORD_STOPPED },
  };

  if (text == NULL)
    return VIV_WORD_NONE;
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (text, words[i].text))
      return words[i].word;
  return VIV_WORD_RUNNING;
}

static const char *
word_state (VivMonitorWord word)
{
  switch (word)
    {
    case VIV_WORD_RUNNING:
      return "running";
    case VIV_WORD_PAUSED:
      return "paused";
    case VIV_WORD_CRASHED:
      return "crashed";
    case VIV_WORD_NONE:
    case VIV_WORD_STARTING:
    case VIV_WORD_STOPPED: /* nothing else was said before: it comes and goes */
      break;
    }
  return "starting";
}

gboolean
viv_machine_state_is_busy (const VivMachineFacts *facts)
{
  return facts->link == VIV_LINK_UP || facts->start || facts->process || facts->leaving || facts->held;
}

const char *
viv_machine_state (const VivMachineFacts *facts, const char **reason)
{
  const char *state, *why = NULL;

  if (facts->link != VIV_LINK_UP && facts->start)
    state = "starting";
  else if (facts->silent && (facts->link == VIV_LINK_UP || facts->process || facts->leaving))
    {
      state = "unresponsive";
      why = facts->silent_why;
    }
  else if (facts->link == VIV_LINK_UP || facts->process || facts->leaving)
    {
      /* Until the process is gone it is as it was: a new start would find its disks taken. */
      state = word_state (facts->word);
      why = facts->word_why;
    }
  else if (facts->broken != NULL)
    {
      state = "broken";
      why = facts->broken;
    }
  else if (facts->held)
    {
      state = facts->late ? "unresponsive" : "starting";
      why = facts->late ? facts->silent_why : NULL;
    }
  else
    {
      state = facts->crashed ? "crashed" : "off";
      why = facts->end_why;
    }
  *reason = why != NULL ? why : "";
  return state;
}
