/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screens over VNC: a server for each, at which address, and the input that comes by it.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include "display/vnc-address.h"

#include <string.h>

static void
on_vnc_input (void *opaque, const InputEvent *event)
{
  ControlService *service = opaque;

  if (service->config.router == NULL)
    return;
  vm_lock (service->config.vm);
  gboolean taken = input_router_send (service->config.router, event);
  vm_unlock (service->config.vm);
  /* RFB has no answer for it. */
  if (!taken && !service->refused_told)
    g_message ("the guest doesn't read its keyboard or mouse; what a VNC client types is lost from here on");
  service->refused_told = !taken;
}

static gboolean
on_vnc_absolute (void *opaque)
{
  ControlService *service = opaque;
  gboolean absolute;

  if (service->config.router == NULL)
    return FALSE;
  vm_lock (service->config.vm);
  absolute = input_router_is_absolute (service->config.router);
  vm_unlock (service->config.vm);
  return absolute;
}

static VncServer *
serve_screen (ServiceScreen *screen, const char *address, const char *password_file, GError **error)
{
  static const VncServerFuncs funcs = { .input = on_vnc_input, .absolute = on_vnc_absolute };
  g_autofree char *name = screen->id == 0
                              ? g_strdup (screen->service->config.name)
                              : g_strdup_printf ("%s (%u)", screen->service->config.name, screen->id + 1);
  VncServerConfig config
      = { .address = address, .password_file = password_file, .name = name, .screen = screen->id };

  return vnc_server_new (screen->output, &config, &funcs, screen->service, error);
}

/* The ports where people look for VNC first, then any. */
static VncServer *
serve_somewhere (ServiceScreen *screen, const char *password_file, GError **error)
{
  VncServer *server = NULL;

  for (unsigned port = 5900; server == NULL && port <= 5964; port++)
    {
      g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port < 5964 ? port : 0);
      server = serve_screen (screen, address, password_file, port < 5964 ? NULL : error);
    }
  return server;
}

/* Another screen, near to where the first one is: "127.0.0.1:5901" and 1 give "127.0.0.1:5902". */
static VncServer *
serve_beside (ServiceScreen *screen, const char *first, const char *password_file, GError **error)
{
  const char *colon = strrchr (first, ':');
  g_autofree char *host = g_strndup (first, colon - first), *near = NULL, *any = NULL;
  guint64 port = 0;
  VncServer *server = NULL;

  if (g_str_has_prefix (first, "unix:"))
    {
      near = g_strdup_printf ("%s.%u", first, screen->id);
      return serve_screen (screen, near, password_file, error);
    }
  g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL);
  if (port + screen->id <= G_MAXUINT16)
    {
      near = g_strdup_printf ("%s:%u", host, (unsigned)port + screen->id);
      server = serve_screen (screen, near, password_file, NULL);
    }
  if (server == NULL)
    {
      any = g_strdup_printf ("%s:0", host);
      server = serve_screen (screen, any, password_file, error);
    }
  return server;
}

/* Adds a server for each screen; FALSE: not for all. */
static gboolean
serve_all (ControlService *service, const char *address, const char *password_file, GPtrArray *servers,
           GError **error)
{
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];
      VncServer *server
          = i > 0 ? serve_beside (screen, vnc_server_address (servers->pdata[0]), password_file, error)
            : address != NULL && *address != '\0' ? serve_screen (screen, address, password_file, error)
                                                  : serve_somewhere (screen, password_file, error);

      if (server == NULL)
        return FALSE;
      g_ptr_array_add (servers, server);
    }
  return TRUE;
}

/* A server of ours is where `address` says: at the same UNIX socket, or at the same port of a host that may be the same. */
static gboolean
is_ours (ControlService *service, const char *address)
{
  g_auto (VncAddress) wanted = { 0 };

  if (!vnc_address_parse (address, 0, &wanted))
    return FALSE;
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      g_auto (VncAddress) has = { 0 };

      if (service->screens[i].vnc != NULL
          && vnc_address_parse (vnc_server_address (service->screens[i].vnc), 0, &has)
          && vnc_address_meets (&wanted, &has))
        return TRUE;
    }
  return FALSE;
}

const char *
control_service_vnc_start (ControlService *service, const char *address, const char *password_file,
                           GError **error)
{
  g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func ((GDestroyNotify)vnc_server_free);
  g_autoptr (GError) refused = NULL;

  if (password_file != NULL && *password_file == '\0')
    password_file = NULL;
  if (service->config.n_outputs == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the machine has no screen");
      return NULL;
    }
  if (!serve_all (service, address, password_file, servers, &refused))
    {
      /* The old servers go for nothing less than their very port. */
      if (address == NULL || !g_error_matches (refused, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
          || !is_ours (service, address))
        {
          g_propagate_error (error, g_steal_pointer (&refused));
          return NULL;
        }
      g_ptr_array_set_size (servers, 0);
      control_service_vnc_stop (service);
      if (!serve_all (service, address, password_file, servers, error))
        return NULL;
    }
  control_service_vnc_stop (service);
  for (unsigned i = service->config.n_outputs; i-- > 0;)
    service->screens[i].vnc = g_ptr_array_steal_index (servers, i);
  viv_machine1_set_vnc_address (service->skeleton, vnc_server_address (service->screens[0].vnc));
  control_publish_screens (service);
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      control_publish_input (service);
      vm_unlock (service->config.vm);
    }
  return vnc_server_address (service->screens[0].vnc);
}

void
control_service_vnc_stop (ControlService *service)
{
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    g_clear_pointer (&service->screens[i].vnc, vnc_server_free);
  viv_machine1_set_vnc_address (service->skeleton, "");
  control_publish_screens (service);
}
