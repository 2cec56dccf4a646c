/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What clients are told: the properties that follow the machine, its guest's input and its screens, and signals.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include <unistd.h>

static const char *
state_name (VmState state)
{
  switch (state)
    {
    case VM_STATE_STARTING:
      return "starting";
    case VM_STATE_RUNNING:
      return "running";
    case VM_STATE_PAUSING:
      return "pausing";
    case VM_STATE_PAUSED:
      return "paused";
    case VM_STATE_CRASHED:
      return "crashed";
    case VM_STATE_STOPPED:
      return "stopped";
    }
  return "stopped";
}

void
control_publish_state (ControlService *service)
{
  control_check_readers (service);
  viv_machine1_set_state_reason (service->skeleton, vm_state_reason (service->config.vm));
  viv_machine1_set_state (service->skeleton, state_name (vm_state (service->config.vm)));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (service->skeleton));
}

static void
on_device_error (Vm *vm, const char *path, const char *sentence, void *opaque)
{
  ControlService *service = opaque;
  g_autofree char *text = g_utf8_make_valid (sentence, -1);
  const char *drive = "";

  for (unsigned i = 0; i < service->drives->len; i++)
    {
      const MachineDrive *candidate = service->drives->pdata[i];
      if (g_strcmp0 (candidate->path, path) == 0)
        drive = candidate->id;
    }
  viv_machine1_emit_device_error (service->skeleton, drive, text);
}

static void
on_vm_state (Vm *vm, VmState state, void *opaque)
{
  ControlService *service = opaque;

  if (!control_service_is_live (opaque))
    return;
  /* Whoever types hears of it, instead of waiting for a machine that stands still. */
  if (state != VM_STATE_RUNNING && service->config.router != NULL)
    {
      vm_lock (vm);
      input_router_stop_typing (service->config.router);
      vm_unlock (vm);
    }
  control_publish_state (service);
}

/* -- Input -------------------------------------------------------------------------------------------- */

void
control_publish_input (ControlService *service)
{
  unsigned leds = input_router_leds (service->config.router);
  gboolean absolute = input_router_is_absolute (service->config.router);

  viv_machine1_set_absolute_pointer (service->skeleton, absolute);
  viv_machine1_set_leds (service->skeleton, leds);
  control_vnc_publish_input (service, absolute, leds);
}

static gboolean
on_input_news (gpointer data)
{
  ControlService *service = data;

  control_check_readers (service);
  vm_lock (service->config.vm);
  g_clear_pointer (&service->input_source, g_source_unref);
  control_publish_input (service);
  vm_unlock (service->config.vm);
  return G_SOURCE_REMOVE;
}

/* On a processor's thread, when its guest has set the lights. */
static void
on_router_changed (InputRouter *router, void *opaque)
{
  ControlService *service = opaque;

  if (service->input_source != NULL)
    return;
  service->input_source = g_idle_source_new ();
  g_source_set_callback (service->input_source, on_input_news, service, NULL);
  g_source_attach (service->input_source, service->config.vm->control);
}

/* -- Screens ------------------------------------------------------------------------------------------ */

void
control_publish_screens (ControlService *service)
{
  GVariantBuilder screens;

  g_variant_builder_init (&screens, G_VARIANT_TYPE ("aa{sv}"));
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      const ServiceScreen *screen = &service->screens[i];

      g_variant_builder_open (&screens, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&screens, "{sv}", "id", g_variant_new_uint32 (screen->id));
      g_variant_builder_add (&screens, "{sv}", "name",
                             g_variant_new_string (display_output_name (screen->output)));
      g_variant_builder_add (&screens, "{sv}", "width", g_variant_new_uint32 (screen->width));
      g_variant_builder_add (&screens, "{sv}", "height", g_variant_new_uint32 (screen->height));
      g_variant_builder_add (&screens, "{sv}", "vnc",
                             g_variant_new_string (screen->vnc_address != NULL ? screen->vnc_address : ""));
      g_variant_builder_close (&screens);
    }
  viv_machine1_set_screens (service->skeleton, g_variant_builder_end (&screens));
}

static void
set_size (ServiceScreen *screen, uint32_t width, uint32_t height)
{
  ControlService *service = screen->service;

  screen->width = width;
  screen->height = height;
  if (screen->id == 0)
    {
      viv_machine1_set_width (service->skeleton, width);
      viv_machine1_set_height (service->skeleton, height);
    }
  control_publish_screens (service);
}

static void
on_size_scanout (void *opaque, const Framebuffer *fb)
{
  ServiceScreen *screen = opaque;

  control_check_readers (screen->service);
  set_size (screen, fb != NULL ? fb->width : 0, fb != NULL ? fb->height : 0);
}

void
control_service_update_sizes (ControlService *service)
{
  gboolean changed = FALSE;

  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];
      uint32_t width, height;

      display_output_size (screen->output, &width, &height);
      if (width == screen->width && height == screen->height)
        continue;
      set_size (screen, width, height);
      changed = TRUE;
    }
  if (!changed)
    return;
  control_check_readers (service);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (service->skeleton));
}

static void
on_size_damage (void *opaque, const Damage *damage)
{
}

static void
on_size_cursor (void *opaque, const DisplayCursor *cursor)
{
}

/* -- Life, and signals -------------------------------------------------------------------------------- */

void
control_properties_init (ControlService *service)
{
  static const DisplayViewerFuncs size_funcs
      = { .scanout = on_size_scanout, .damage = on_size_damage, .cursor = on_size_cursor };
  const ControlConfig *config = &service->config;

  service->skeleton = viv_machine1_skeleton_new ();
  viv_machine1_set_name (service->skeleton, config->name);
  viv_machine1_set_uuid (service->skeleton, config->uuid);
  g_autofree char *folder = definition_path_to_text (config->folder);
  viv_machine1_set_folder (service->skeleton, folder != NULL ? folder : "");
  viv_machine1_set_engine (service->skeleton, config->engine);
  viv_machine1_set_engine_reason (service->skeleton, config->engine_reason);
  viv_machine1_set_walls (service->skeleton, config->walls);
  viv_machine1_set_vnc_address (service->skeleton, "");
  viv_machine1_set_pid (service->skeleton, getpid ());
  control_methods_connect (service);
  control_publish_state (service);
  vm_add_state_func (config->vm, on_vm_state, service);
  vm_set_error_func (config->vm, on_device_error, service);
  if (config->router != NULL)
    {
      vm_lock (config->vm);
      input_router_set_changed_func (config->router, on_router_changed, service);
      control_publish_input (service);
      vm_unlock (config->vm);
    }
  for (unsigned i = 0; i < config->n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];

      /* Asleep: hears of mode changes that somebody else's look, or a screenshot, brings to light. */
      screen->size_viewer = display_output_attach (screen->output, &size_funcs, screen);
      display_viewer_set_interval (screen->size_viewer, 0);
    }
  control_publish_screens (service);
}

void
control_properties_free (ControlService *service)
{
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      input_router_set_changed_func (service->config.router, NULL, NULL);
      if (service->input_source != NULL)
        {
          g_source_destroy (service->input_source);
          g_clear_pointer (&service->input_source, g_source_unref);
        }
      vm_unlock (service->config.vm);
    }
  g_object_unref (service->skeleton);
}

void
control_service_media_changed (ControlService *service, const MachineDrive *drive)
{
  g_autofree char *text = definition_path_to_text (machine_drive_medium (drive));

  control_check_readers (service);
  viv_machine1_emit_media_changed (service->skeleton, drive->id, text != NULL ? text : "");
}

void
control_service_notice (ControlService *service, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  viv_machine1_emit_notice (service->skeleton, valid);
}
