/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Advice that helps: nobody is sent into a group that may not open the node either.
 */
#include "base/device-access.h"

static void
test_advice (void)
{
  static const struct
  {
    mode_t mode;
    gid_t gid;
    const char *group, *says, *not ;
  } cases[] = {
    { 0660, 104, "kvm", "usermod -aG kvm ", "chmod" }, { 0666, 104, "kvm", "usermod -aG kvm ", "chmod" },
    { 0600, 0, "root", "mode 0600", "usermod" },       { 0660, 0, "root", "chmod 0666 /dev/kvm", "usermod" },
    { 0600, 104, "kvm", "mode 0600", "usermod" },      { 0640, 104, "kvm", "mode 0640", "usermod" },
    { 0660, 104, NULL, "mode 0660", "usermod" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      struct stat info = { .st_mode = S_IFCHR | cases[i].mode, .st_gid = cases[i].gid };
      g_autofree char *text = device_access_advice ("/dev/kvm", &info, cases[i].group);

      g_test_message ("%s", text);
      g_assert_nonnull (g_strstr_len (text, -1, cases[i].says));
      g_assert_null (g_strstr_len (text, -1, cases[i].not ));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device-access/advice", test_advice);
  return g_test_run ();
}
