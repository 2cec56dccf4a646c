/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Choice of an engine.
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/engine.h"

#include <gio/gio.h>

const EngineClass *
engine_choose (const char *wanted, char **why, GError **error)
{
  const KvmProbe *probe;

  if (wanted == NULL || wanted[0] == '\0')
    wanted = "auto";
  if (g_str_equal (wanted, "none"))
    {
      *why = g_strdup ("No processor, as asked for.");
      return &none_engine_class;
    }
  if (g_str_equal (wanted, "software") || g_str_equal (wanted, "soft"))
    {
      *why = g_strdup ("The software processor, as asked for.");
      return &soft_engine_class;
    }
  if (g_str_equal (wanted, "kvm"))
    {
      *why = g_strdup ("KVM, as asked for.");
      return &kvm_engine_class;
    }
  if (!g_str_equal (wanted, "auto"))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "There is no engine “%s”; choose auto, kvm, software or none", wanted);
      return NULL;
    }
  probe = kvm_probe ();
  if (probe->usable && probe->fast)
    {
      *why = g_strdup_printf ("KVM: %s", probe->detail);
      return &kvm_engine_class;
    }
  *why = g_strdup_printf ("The software processor: %s", probe->detail);
  return &soft_engine_class;
}
