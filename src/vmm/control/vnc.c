/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screens over VNC: the process that serves them, which is begun anew when it dies, and the input that comes by it.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include <fcntl.h>
#include <unistd.h>

#define READY_SECONDS   20 /* from the process's start on */
#define LEAVE_SECONDS   5
#define RESTARTS        3 /* within RESTART_WINDOW */
#define RESTART_WINDOW  G_TIME_SPAN_MINUTE
#define CAN_T_BE_SERVED "the screens can't be served over VNC: "

/* What is served, by which process.  The listeners and the password stay here for another process in its place. */
struct ControlVnc
{
  ControlService *service;
  VncLink *link;
  GSource *deadline; /* for it to be ready, or gone; NULL: none */
  gboolean leaving;
  char **addresses;
  int *listeners;
  unsigned n;
  int password; /* -1: none */
  gint64 restarts[RESTARTS];
  unsigned n_restarts;
  unsigned process;    /* its number, for who can end it; 0: none */
  ControlVncDone done; /* NULL: was told */
  void *opaque;
};

/* Somebody who waits until nothing of what was served is left. */
typedef struct
{
  ControlVncDone done;
  void *opaque;
} Waiter;

static gboolean begin (ControlVnc *vnc, GError **error);
static void set_deadline (ControlVnc *vnc, unsigned seconds);

/* -- Life -- */

static void
drop_deadline (ControlVnc *vnc)
{
  if (vnc->deadline != NULL)
    g_source_destroy (vnc->deadline);
  g_clear_pointer (&vnc->deadline, g_source_unref);
}

/* Keys and buttons that a client holds go up. */
static void
release_input (ControlService *service)
{
  if (service->config.router == NULL)
    return;
  vm_lock (service->config.vm);
  input_router_release_all (service->config.router);
  vm_unlock (service->config.vm);
}

/* It has left, or was given up: whatever it does, it is not there any more. */
static void
end_process (ControlVnc *vnc)
{
  const ControlConfig *config = &vnc->service->config;

  g_clear_pointer (&vnc->link, vnc_link_free);
  if (vnc->process != 0 && config->end_helper != NULL)
    config->end_helper (config->opaque, vnc->process);
  vnc->process = 0;
}

static void
vnc_free (ControlVnc *vnc)
{
  if (vnc == NULL)
    return;
  drop_deadline (vnc);
  end_process (vnc);
  for (unsigned i = 0; i < vnc->n; i++)
    if (vnc->listeners[i] >= 0)
      close (vnc->listeners[i]);
  if (vnc->password >= 0)
    close (vnc->password);
  g_free (vnc->listeners);
  g_strfreev (vnc->addresses);
  g_free (vnc);
}

/* Tells who waits for this, if somebody does; takes the error. */
static void
refuse (ControlVnc *vnc, GError *error)
{
  ControlVncDone done = g_steal_pointer (&vnc->done);

  if (done != NULL)
    done (error, vnc->opaque);
  g_clear_error (&error);
}

/* What has left is gone; tells who waits for that. */
static void
tell_waiters (ControlService *service)
{
  while (service->vnc_leaving->len == 0 && service->vnc_waiters->len > 0)
    {
      Waiter waiter = g_array_index (service->vnc_waiters, Waiter, 0);

      g_array_remove_index (service->vnc_waiters, 0);
      waiter.done (NULL, waiter.opaque);
    }
}

static void
wait_for_leaving (ControlService *service, ControlVncDone done, void *opaque)
{
  Waiter waiter = { done, opaque };

  if (done != NULL)
    g_array_append_val (service->vnc_waiters, waiter);
  tell_waiters (service);
}

/* Whoever makes the same address anew must find it free: until then the process is waited for, for a while. */
static void
leave (ControlVnc *vnc)
{
  vnc->leaving = TRUE;
  g_ptr_array_add (vnc->service->vnc_leaving, vnc);
  for (unsigned i = 0; i < vnc->n; i++)
    {
      close (vnc->listeners[i]);
      vnc->listeners[i] = -1;
    }
  vnc_link_leave (vnc->link);
  set_deadline (vnc, LEAVE_SECONDS);
}

static void
publish (ControlService *service)
{
  const ControlVnc *vnc = service->vnc;

  for (unsigned i = 0; i < service->config.n_outputs; i++)
    service->screens[i].vnc_address = vnc != NULL && i < vnc->n ? vnc->addresses[i] : NULL;
  viv_machine1_set_vnc_address (service->skeleton, vnc != NULL ? vnc->addresses[0] : "");
  control_publish_screens (service);
}

/* What is served now is no more. */
static void
switch_off (ControlService *service)
{
  ControlVnc *vnc = g_steal_pointer (&service->vnc);

  if (vnc == NULL)
    return;
  publish (service);
  if (vnc->link != NULL)
    leave (vnc);
  else
    vnc_free (vnc);
  release_input (service);
}

/* -- From the process -- */

static void
on_input (void *opaque, const InputEvent *event)
{
  ControlService *service = ((ControlVnc *)opaque)->service;

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

static void
on_ready (void *opaque)
{
  ControlVnc *vnc = opaque;
  ControlService *service = vnc->service;

  drop_deadline (vnc);
  if (vnc != service->vnc_next)
    return;
  service->vnc_next = NULL;
  switch_off (service);
  service->vnc = vnc;
  publish (service);
  wait_for_leaving (service, g_steal_pointer (&vnc->done), vnc->opaque);
}

static gboolean
may_restart (ControlVnc *vnc)
{
  gint64 now = g_get_monotonic_time (), *oldest = &vnc->restarts[vnc->n_restarts % RESTARTS];

  if (vnc->n_restarts >= RESTARTS && now - *oldest < RESTART_WINDOW)
    return FALSE;
  *oldest = now;
  vnc->n_restarts++;
  return TRUE;
}

static void
on_gone (void *opaque, gboolean refused, const char *why)
{
  ControlVnc *vnc = opaque;
  ControlService *service = vnc->service;
  g_autoptr (GError) error = NULL;

  if (vnc->leaving)
    {
      g_ptr_array_remove (service->vnc_leaving, vnc);
      vnc_free (vnc);
      tell_waiters (service);
      return;
    }
  g_message ("VNC: %s", why);
  if (vnc == service->vnc_next)
    {
      service->vnc_next = NULL;
      refuse (vnc, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, CAN_T_BE_SERVED "%s", why));
      vnc_free (vnc);
      return;
    }
  g_set_error (&error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s", why);
  drop_deadline (vnc);
  release_input (service);
  end_process (vnc);
  if (!refused && may_restart (vnc))
    {
      g_clear_error (&error);
      if (begin (vnc, &error))
        return;
    }
  g_autofree char *text = g_strdup_printf ("VNC was switched off: %s", error->message);
  switch_off (service);
  g_message ("%s", text);
  control_service_notice (service, text);
}

static gboolean
on_deadline (gpointer data)
{
  on_gone (data, TRUE, "its process didn't begin in time");
  return G_SOURCE_REMOVE;
}

static void
set_deadline (ControlVnc *vnc, unsigned seconds)
{
  drop_deadline (vnc);
  vnc->deadline = g_timeout_source_new_seconds (seconds);
  g_source_set_callback (vnc->deadline, on_deadline, vnc, NULL);
  g_source_attach (vnc->deadline, vnc->service->config.vm->control);
}

/* -- To the process -- */

static gboolean
begin (ControlVnc *vnc, GError **error)
{
  static const VncLinkFuncs funcs = { .ready = on_ready, .input = on_input, .gone = on_gone };
  ControlService *service = vnc->service;
  g_autofree DisplayOutput **screens = g_new (DisplayOutput *, vnc->n);
  VncLinkConfig config = { .name = service->config.name,
                           .screens = screens,
                           .listeners = vnc->listeners,
                           .n_served = vnc->n,
                           .n_screens = service->config.n_outputs,
                           .password = vnc->password };
  int socket = service->config.start_helper (service->config.opaque, "vnc", &vnc->process, error);

  if (socket < 0)
    return FALSE;
  for (unsigned i = 0; i < vnc->n; i++)
    screens[i] = service->screens[i].output;
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      config.absolute = input_router_is_absolute (service->config.router);
      config.leds = input_router_leds (service->config.router);
      vm_unlock (service->config.vm);
    }
  vnc->link = vnc_link_new (socket, &config, &funcs, vnc);
  set_deadline (vnc, READY_SECONDS);
  return TRUE;
}

void
control_vnc_publish_input (ControlService *service, gboolean absolute, unsigned leds)
{
  if (service->vnc != NULL && service->vnc->link != NULL)
    vnc_link_set_state (service->vnc->link, absolute, leds);
  if (service->vnc_next != NULL)
    vnc_link_set_state (service->vnc_next->link, absolute, leds);
}

unsigned
control_vnc_n_clients (ControlService *service)
{
  return service->vnc != NULL && service->vnc->link != NULL ? vnc_link_n_clients (service->vnc->link) : 0;
}

/* -- Public -- */

static ControlVnc *
vnc_new (ControlService *service, const char *const *addresses, const int *listeners, unsigned n,
         int password)
{
  ControlVnc *vnc = g_new0 (ControlVnc, 1);

  vnc->service = service;
  vnc->addresses = g_strdupv ((char **)addresses);
  vnc->listeners = g_new (int, n);
  vnc->n = n;
  for (unsigned i = 0; i < n; i++)
    vnc->listeners[i] = fcntl (listeners[i], F_DUPFD_CLOEXEC, 0);
  vnc->password = password >= 0 ? fcntl (password, F_DUPFD_CLOEXEC, 0) : -1;
  return vnc;
}

void
control_service_vnc_serve (ControlService *service, const char *const *addresses, const int *listeners,
                           unsigned n, int password, ControlVncDone done, void *opaque)
{
  GError *error = NULL;
  ControlVnc *vnc = NULL;

  if (service->config.n_outputs == 0)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the machine has no screen");
  else if (service->config.start_helper == NULL)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this machine can't start a VNC server");
  else if (n == 0 || n > MIN (service->config.n_outputs, VNC_MAX_SCREENS)
           || n != g_strv_length ((char **)addresses))
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "one address and one listening socket a screen, please");
  else if (service->vnc_next != NULL)
    g_set_error (&error, G_IO_ERROR, G_IO_ERROR_BUSY, "VNC is being switched on already");
  else
    {
      vnc = vnc_new (service, addresses, listeners, n, password);
      gboolean whole = password < 0 || vnc->password >= 0;
      for (unsigned i = 0; i < n; i++)
        whole = whole && vnc->listeners[i] >= 0;
      if (!whole)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES, CAN_T_BE_SERVED "too many files");
      else if (begin (vnc, &error))
        {
          vnc->done = done;
          vnc->opaque = opaque;
          service->vnc_next = vnc;
          return;
        }
      vnc_free (vnc);
    }
  if (done != NULL)
    done (error, opaque);
  g_error_free (error);
}

void
control_service_vnc_stop (ControlService *service, ControlVncDone done, void *opaque)
{
  ControlVnc *next = g_steal_pointer (&service->vnc_next);

  if (next != NULL)
    {
      refuse (next, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "VNC was switched off meanwhile"));
      vnc_free (next);
    }
  switch_off (service);
  wait_for_leaving (service, done, opaque);
}

void
control_vnc_init (ControlService *service)
{
  service->vnc_leaving = g_ptr_array_new ();
  service->vnc_waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
}

void
control_vnc_end (ControlService *service)
{
  control_service_vnc_stop (service, NULL, NULL);
  while (service->vnc_leaving->len > 0)
    vnc_free (g_ptr_array_steal_index (service->vnc_leaving, 0));
  tell_waiters (service);
  g_ptr_array_unref (service->vnc_leaving);
  g_array_unref (service->vnc_waiters);
}
