/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is the same for all hosts, with one that isn't this computer.
 */
#include "fake-host.h"

#include <string.h>

static void
on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

#define CALL(result, call)                \
  g_autoptr (GAsyncResult) result = NULL; \
  call;                                   \
  while (result == NULL)                  \
  g_main_context_iteration (NULL, TRUE)

static void
test_list (void)
{
  g_autoptr (VivHost) host = fake_host_new ();
  g_autoptr (VivMachine) able = viv_host_find (host, "Able", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (host)), ==, 2);
  g_assert_nonnull (able);
  g_autoptr (VivMachine) same = viv_host_find (host, viv_machine_get_uuid (able), NULL);
  g_assert_true (same == able);
  g_assert_null (viv_host_find (host, "Other", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (viv_host_get_folder (host));
  g_assert_cmpint (viv_host_get_capabilities (host), ==, VIV_HOST_CAN_CREATE);

  g_autofree char *other = viv_host_propose_name (host, "Able");
  g_assert_cmpstr (other, ==, "Able 2");
  g_assert_false (viv_host_check_name (host, "Able", NULL, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_true (viv_host_check_name (host, "Able", able, &error));
  g_assert_false (viv_host_check_name (host, " ", NULL, NULL));
}

/* Two of one name: neither is taken for the other. */
static void
test_twins (void)
{
  g_autoptr (VivHost) host = fake_host_new ();
  g_autoptr (MachineDefinition) twin = definition_new ("Able");
  g_autoptr (GError) error = NULL;

  CALL (result, viv_host_create (host, twin, NULL, 0, NULL, on_result, &result));
  g_autoptr (VivMachine) made = viv_host_create_finish (host, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_name (made), ==, "Able");
  g_assert_null (viv_host_find (host, "Able", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, viv_machine_get_uuid (made)));
}

/* What it leaves out is refused, with words and later. */
static void
test_refusals (void)
{
  g_autoptr (VivHost) host = fake_host_new ();
  g_autoptr (VivMachine) able = viv_host_find (host, "Able", NULL);
  g_autoptr (GError) error = NULL;

  {
    CALL (result, viv_host_rename (host, able, "x", NULL, on_result, &result));
    g_assert_null (viv_host_rename_finish (host, result, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
    g_clear_error (&error);
  }
  {
    CALL (result, viv_host_trash (host, able, NULL, on_result, &result));
    g_assert_null (viv_host_trash_finish (host, result, &error));
    g_clear_error (&error);
  }
  {
    CALL (result, viv_host_restore (host, "x", NULL, on_result, &result));
    g_assert_null (viv_host_restore_finish (host, result, &error));
    g_clear_error (&error);
  }
  {
    CALL (result, viv_host_purge (host, "x", NULL, on_result, &result));
    g_assert_false (viv_host_purge_finish (host, result, &error));
    g_clear_error (&error);
  }
  {
    CALL (result, viv_host_list_trash (host, NULL, on_result, &result));
    g_assert_null (viv_host_list_trash_finish (host, result, &error));
    g_clear_error (&error);
  }
  {
    CALL (result, viv_host_measure_trash (host, "x", NULL, on_result, &result));
    g_assert_cmpint (viv_host_measure_trash_finish (host, result, &error), ==, -1);
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  }
}

/* A machine that is no folder: what can be asked of any. */
static void
test_machine (void)
{
  g_autoptr (VivHost) host = fake_host_new ();
  g_autoptr (VivMachine) able = viv_host_find (host, "Able", NULL),
                         shown = viv_host_find (host, "Shown", NULL);
  const VivChange memory = { "machine.memory", "64M" };
  g_autoptr (GError) error = NULL;

  g_assert_true (viv_machine_can (able, VIV_MACHINE_CAN_START | VIV_MACHINE_CAN_EDIT));
  g_assert_false (viv_machine_can (able, VIV_MACHINE_CAN_EDIT | VIV_MACHINE_HAS_FOLDER));
  g_assert_cmpint (viv_machine_get_capabilities (shown), ==, 0);
  g_assert_cmpstr (viv_machine_get_state (able), ==, "off");
  g_assert_null (viv_machine_get_folder (able));
  g_assert_null (viv_machine_log_path (able));
  g_autofree char *log = viv_machine_log_tail (able, 5);
  g_assert_cmpstr (log, ==, "");
  g_assert_cmpint (viv_machine_get_last_used (able), ==, 0);
  viv_machine_reload (able);
  viv_machine_probe (able);

  g_assert_true (viv_machine_edit (able, &memory, 1, &error));
  g_assert_cmpuint (definition_number (viv_machine_get_definition (able), "machine.memory"), ==, 64u << 20);
  {
    CALL (result, viv_machine_start (able, NULL, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (able, result, &error));
    g_assert_cmpstr (viv_machine_get_state (able), ==, "running");
    g_assert_true (viv_machine_is_busy (able));
  }
  {
    /* Without a connection nothing of what needs one works, and nothing breaks. */
    CALL (result, viv_machine_pause (able, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (able, result, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE);
    g_clear_error (&error);
    CALL (picture, viv_machine_update_thumbnail (able, NULL, on_result, &picture));
    g_assert_false (viv_machine_finish (able, picture, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
    g_clear_error (&error);
  }
  {
    CALL (result, viv_machine_force_off (able, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (able, result, &error));
    g_assert_false (viv_machine_is_busy (able));
  }
  {
    CALL (result, viv_machine_start (shown, NULL, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (shown, result, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
    g_clear_error (&error);
  }
  {
    CALL (result, viv_machine_list_devices (shown, NULL, on_result, &result));
    g_autoptr (GVariant) devices = viv_machine_list_devices_finish (shown, result, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (g_variant_n_children (devices), >, 0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host/list", test_list);
  g_test_add_func ("/host/twins", test_twins);
  g_test_add_func ("/host/refusals", test_refusals);
  g_test_add_func ("/host/machine", test_machine);
  return g_test_run ();
}
