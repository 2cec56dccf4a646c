/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The debugger's socket on the device loop, and what it does to the machine.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/server.h"

#include "cpu/engine.h"
#include "debug/commands.h"
#include "debug/core-file.h"
#include "debug/gdb-stub.h"
#include "debug/memory.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

/* Somebody who doesn't read what he asks for. */
#define MOST_OUTPUT (1u << 20)
/* A batch of bytes, between which others have their turn on the loop. */
#define READ_SIZE 4096

struct DebugServer
{
  Vm *vm;
  Engine *engine;
  const DebugView *views;
  void *views_opaque;
  CoreNoteFunc note; /* NULL: none */
  void *note_opaque;
  /* The rest is the device loop's. */
  GdbStub *stub; /* NULL: nobody debugs */
  int fd;
  GSource *in, *out, *look;
  gboolean ran;          /* the machine did, when he came */
  gboolean stood;        /* it came to stand since it was let run last */
  gboolean triple_fault; /* a processor stands at one: INIT is due when the machine goes on */
};

/* -- What the stub asks of the machine ------------------------------------------------------------ */

static gboolean
get_state (void *opaque, unsigned cpu, CpuState *state)
{
  DebugServer *server = opaque;

  return server->engine->klass->get_state != NULL
         && server->engine->klass->get_state (server->engine, cpu, state);
}

/* Something of the machine is being written to a file. */
static gboolean
is_busy (const DebugServer *server)
{
  return vm_order_under_way (server->vm);
}

static gboolean
set_registers (void *opaque, unsigned cpu, const CpuState *state)
{
  DebugServer *server = opaque;

  return !is_busy (server) && server->engine->klass->set_registers != NULL
         && server->engine->klass->set_registers (server->engine, cpu, state);
}

static size_t
read_memory (void *opaque, const CpuState *state, uint64_t address, void *buffer, size_t length)
{
  return debug_read_memory (((DebugServer *)opaque)->vm, state, address, buffer, length);
}

static gboolean
write_memory (void *opaque, const CpuState *state, uint64_t address, const void *data, size_t length)
{
  return !is_busy (opaque) && debug_write_memory (((DebugServer *)opaque)->vm, state, address, data, length);
}

static gboolean
set_debug (void *opaque, const EngineDebug *debug, GError **error)
{
  return engine_set_debug (((DebugServer *)opaque)->engine, debug, error);
}

static void
reset_after_triple_fault (DebugServer *server)
{
  if (server->triple_fault)
    vm_request (server->vm, VM_REQUEST_INIT, "a processor met a triple fault");
  server->triple_fault = FALSE;
}

static void look_soon (DebugServer *server);

static void
resume (void *opaque)
{
  DebugServer *server = opaque;

  server->stood = FALSE;
  reset_after_triple_fault (server);
  vm_resume (server->vm);
  /* One that has crashed doesn't go on. */
  if (vm_state_here (server->vm) == VM_STATE_CRASHED)
    {
      server->stood = TRUE;
      look_soon (server);
    }
}

static void
interrupt (void *opaque)
{
  vm_pause (((DebugServer *)opaque)->vm, "the debugger has stopped the machine");
}

static gboolean
stop_at (DebugServer *server, const char *what, gboolean on)
{
  if (g_str_equal (what, "reset"))
    server->vm->stop_at_reset = on;
  else if (g_str_equal (what, "triple-fault"))
    gdb_stub_catch_triple_fault (server->stub, on);
  else
    return FALSE;
  return TRUE;
}

static DebugContext
context_of (const DebugServer *server, unsigned cpu, gboolean gdb)
{
  return (DebugContext){ server->vm, server->engine, cpu, gdb, server->views, server->views_opaque };
}

static char *
command (void *opaque, unsigned cpu, const char *line)
{
  DebugServer *server = opaque;
  const DebugContext context = context_of (server, cpu, TRUE);
  g_auto (GStrv) words = g_strsplit_set (line, " \t", -1);

  if (g_strcmp0 (words[0], "stop-at") == 0)
    {
      gboolean on = g_strv_length (words) == 3 && g_str_equal (words[2], "on");

      if (g_strv_length (words) == 3 && (on || g_str_equal (words[2], "off"))
          && stop_at (server, words[1], on))
        return g_strdup ("");
      return g_strdup ("stop-at reset|triple-fault on|off\n");
    }
  return debug_command_text (&context, line);
}

static const GdbTarget target = {
  .get_state = get_state,
  .set_registers = set_registers,
  .read = read_memory,
  .write = write_memory,
  .set_debug = set_debug,
  .resume = resume,
  .interrupt = interrupt,
  .command = command,
};

/* -- Coming and going ----------------------------------------------------------------------------- */

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    {
      g_source_destroy (*source);
      g_clear_pointer (source, g_source_unref);
    }
}

/* No trace is left.  The farewell is sent as far as the socket takes it. */
static void
end_session (DebugServer *server)
{
  GdbLink *link = gdb_stub_link (server->stub);
  const EngineDebug none = { 0 };
  gboolean go_on = server->ran || gdb_stub_has_run (server->stub);

  if (link->out->len > 0
      && send (server->fd, link->out->data, link->out->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("the debugger is gone: %s", g_strerror (errno));
  drop_source (&server->in);
  drop_source (&server->out);
  close (server->fd);
  g_clear_pointer (&server->stub, gdb_stub_free);
  server->vm->stop_at_reset = server->vm->debugger = FALSE;
  vm_processors_stand (server->vm);
  engine_set_debug (server->engine, &none, NULL);
  engine_take_stop (server->engine);
  vm_processors_go_on (server->vm);
  reset_after_triple_fault (server);
  if (go_on
      && (vm_state_here (server->vm) == VM_STATE_PAUSED || vm_state_here (server->vm) == VM_STATE_PAUSING))
    vm_resume (server->vm);
}

static gboolean on_writable (int fd, GIOCondition condition, gpointer data);

static GSource *
watch_fd (DebugServer *server, GIOCondition condition, GUnixFDSourceFunc func)
{
  GSource *source = g_unix_fd_source_new (server->fd, condition);

  g_source_set_callback (source, G_SOURCE_FUNC (func), server, NULL);
  g_source_set_static_name (source, "debugger");
  g_source_attach (source, server->vm->context);
  return source;
}

/* FALSE: he is gone, and his session ended. */
static gboolean
send_out (DebugServer *server)
{
  GByteArray *out = gdb_stub_link (server->stub)->out;

  while (out->len > 0)
    {
      ssize_t n = send (server->fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0)
        g_byte_array_remove_range (out, 0, (guint)n);
      else if (n < 0 && errno == EINTR)
        continue;
      else if (n < 0 && errno == EAGAIN && out->len <= MOST_OUTPUT)
        {
          if (server->out == NULL)
            server->out = watch_fd (server, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_writable);
          return TRUE;
        }
      else
        {
          end_session (server);
          return FALSE;
        }
    }
  drop_source (&server->out);
  return TRUE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  send_out (data);
  return G_SOURCE_CONTINUE; /* destroyed where it has done its work */
}

static void
work (DebugServer *server)
{
  if (!gdb_stub_work (server->stub))
    end_session (server);
  else
    send_out (server);
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  DebugServer *server = data;
  GdbLink *link = gdb_stub_link (server->stub);
  uint8_t buffer[READ_SIZE];
  ssize_t n;

  /* What is not understood waits; so does what comes behind answers that aren't read. */
  if (link->in->len + sizeof buffer > GDB_MAX_INPUT || link->out->len > MOST_OUTPUT / 2)
    {
      work (server);
      if (server->stub != NULL && gdb_stub_link (server->stub)->in->len + sizeof buffer > GDB_MAX_INPUT)
        end_session (server);
      return G_SOURCE_CONTINUE;
    }
  n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      end_session (server);
      return G_SOURCE_CONTINUE;
    }
  gdb_link_feed (link, buffer, (size_t)n);
  work (server);
  return G_SOURCE_CONTINUE;
}

/* -- The machine's states ------------------------------------------------------------------------- */

static void
tell_stop (DebugServer *server, VmState state)
{
  EngineStop stop = engine_take_stop (server->engine);
  EngineDebug debug;

  /* Whoever lets it go on: neither steps nor processors that stand are left over. */
  gdb_stub_points (server->stub, &debug);
  engine_set_debug (server->engine, &debug, NULL);
  server->triple_fault = stop.kind == ENGINE_STOP_TRIPLE_FAULT;
  if (state == VM_STATE_CRASHED)
    gdb_stub_stopped (server->stub, NULL, GDB_SIGNAL_ABORT,
                      "the processor can't go on: the machine has crashed (monitor reset)");
  else if (stop.kind == ENGINE_STOP_TRIPLE_FAULT)
    gdb_stub_stopped (server->stub, &stop, GDB_SIGNAL_SEGMENT,
                      "triple fault; the machine is reset when it goes on");
  else
    gdb_stub_stopped (server->stub, &stop, GDB_SIGNAL_INT, NULL);
}

static gboolean
on_look (gpointer data)
{
  DebugServer *server = data;
  VmState state = vm_state_here (server->vm);

  g_clear_pointer (&server->look, g_source_unref);
  if (server->stub == NULL)
    return G_SOURCE_REMOVE;
  if (state == VM_STATE_STOPPED)
    {
      gdb_stub_ended (server->stub);
      end_session (server);
      return G_SOURCE_REMOVE;
    }
  if (state == VM_STATE_RUNNING && !gdb_stub_waits (server->stub))
    gdb_stub_resumed (server->stub);
  if ((state == VM_STATE_PAUSED || state == VM_STATE_CRASHED) && server->stood
      && gdb_stub_waits (server->stub))
    {
      server->stood = FALSE;
      tell_stop (server, state);
    }
  work (server);
  return G_SOURCE_REMOVE;
}

static void
look_soon (DebugServer *server)
{
  if (server->look != NULL || server->stub == NULL)
    return;
  server->look = g_idle_source_new ();
  g_source_set_priority (server->look, G_PRIORITY_DEFAULT);
  g_source_set_callback (server->look, on_look, server, NULL);
  g_source_attach (server->look, server->vm->context);
}

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  DebugServer *server = opaque;

  if (state == VM_STATE_PAUSED || state == VM_STATE_CRASHED)
    server->stood = TRUE;
  else if (state == VM_STATE_RUNNING)
    server->stood = FALSE;
  look_soon (server);
}

/* -- From the control loop ------------------------------------------------------------------------ */

typedef struct
{
  DebugServer *server;
  int fd;
  unsigned bits;
} Attach;

static void
attach_free (gpointer data)
{
  Attach *attach = data;

  if (attach->fd >= 0)
    close (attach->fd);
  g_free (attach);
}

/* By what runs: a system of 32 bits has paging without long mode. */
static GdbBits
bits_of (DebugServer *server)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  if (get_state (server, 0, state) && (state->efer & 1u << 10) == 0 && (state->cr0 & 0x80000000u) != 0)
    return GDB_BITS_32;
  return GDB_BITS_64;
}

static gboolean
on_attach (Vm *vm, void *data, GError **error)
{
  Attach *attach = data;
  DebugServer *server = attach->server;
  const EngineDebug debug = { .on = TRUE };
  gboolean done;

  if (server->stub != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "a debugger is at the machine already");
      return FALSE;
    }
  vm_processors_stand (vm);
  if (attach->bits == 0)
    attach->bits = bits_of (server);
  done = engine_set_debug (server->engine, &debug, error);
  vm_processors_go_on (vm);
  if (!done)
    return FALSE;
  server->ran = vm_state_here (vm) == VM_STATE_RUNNING;
  vm->debugger = TRUE;
  server->fd = g_steal_fd (&attach->fd);
  server->stub = gdb_stub_new (&target, server, vm->n_cpus, attach->bits == 32 ? GDB_BITS_32 : GDB_BITS_64);
  server->stood = vm_state_here (vm) != VM_STATE_RUNNING;
  server->triple_fault = FALSE;
  server->in = watch_fd (server, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
  vm_pause (vm, "a debugger is attached");
  look_soon (server);
  return TRUE;
}

void
debug_server_attach (DebugServer *server, int fd, unsigned bits, VmDoneFunc done, void *opaque)
{
  Attach *attach = g_new (Attach, 1);

  *attach = (Attach){ server, fd, bits };
  vm_act_async (server->vm, on_attach, attach, attach_free, done, opaque);
}

typedef struct
{
  DebugServer *server;
  char *line, *answer;
  gboolean json;
  DebugAnswerFunc done;
  void *opaque;
  gint references; /* the order's, and who waits */
} Command;

static void
command_unref (gpointer data)
{
  Command *c = data;

  if (!g_atomic_int_dec_and_test (&c->references))
    return;
  g_free (c->line);
  g_free (c->answer);
  g_free (c);
}

static gboolean
on_command (Vm *vm, void *data, GError **error)
{
  Command *c = data;
  const DebugContext context = context_of (c->server, 0, FALSE);

  vm_processors_stand (vm);
  c->answer = debug_command (&context, c->line, c->json, error);
  vm_processors_go_on (vm);
  return c->answer != NULL;
}

static void
on_command_done (Vm *vm, const GError *error, void *opaque)
{
  Command *c = opaque;

  c->done (c->answer, error, c->opaque);
  command_unref (c);
}

void
debug_server_command (DebugServer *server, const char *line, gboolean json, DebugAnswerFunc done,
                      void *opaque)
{
  Command *c = g_new0 (Command, 1);

  *c = (Command){ server, g_strdup (line), NULL, json, done, opaque, 2 };
  vm_act_async (server->vm, on_command, c, command_unref, on_command_done, c);
}

void
debug_server_dump (DebugServer *server, int fd, VmProgressFunc progress, VmDoneFunc done, void *opaque)
{
  vm_save_sink_async (
      server->vm,
      core_file_sink_new (server->vm, server->engine, fd, "the file", server->note, server->note_opaque),
      progress, done, opaque);
}

/* -- Life ----------------------------------------------------------------------------------------- */

DebugServer *
debug_server_new (Vm *vm, Engine *engine)
{
  DebugServer *server = g_new0 (DebugServer, 1);

  server->vm = vm;
  server->engine = engine;
  server->fd = -1;
  vm_set_state_watch (vm, on_state, server);
  return server;
}

void
debug_server_set_views (DebugServer *server, const DebugView *views, void *opaque)
{
  server->views = views;
  server->views_opaque = opaque;
}

void
debug_server_set_core_note (DebugServer *server, CoreNoteFunc note, void *opaque)
{
  server->note = note;
  server->note_opaque = opaque;
}

void
debug_server_free (DebugServer *server)
{
  if (server == NULL)
    return;
  vm_set_state_watch (server->vm, NULL, NULL);
  drop_source (&server->look);
  if (server->stub != NULL)
    {
      gdb_stub_ended (server->stub);
      end_session (server);
    }
  g_free (server);
}
