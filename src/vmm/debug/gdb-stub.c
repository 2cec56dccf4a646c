/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The protocol's commands.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/gdb-stub-private.h"

#include <string.h>

#define MOST_OUTPUT 0x1000u

/* -- Life ----------------------------------------------------------------------------------------- */

GdbStub *
gdb_stub_new (const GdbTarget *target, void *opaque, unsigned n_cpus, GdbBits bits)
{
  GdbStub *stub = g_new0 (GdbStub, 1);

  stub->target = target;
  stub->opaque = opaque;
  stub->n_cpus = n_cpus;
  stub->bits = bits;
  gdb_link_init (&stub->link);
  stub->packet = g_byte_array_new ();
  stub->reply = g_string_new (NULL);
  stub->state = g_new0 (CpuState, 1);
  stub->state_cpu = n_cpus;
  stub->resume_cpu = n_cpus;
  stub->points = g_array_new (FALSE, FALSE, sizeof (Point));
  stub->running = TRUE;
  stub->stop_reply = g_strdup ("S05");
  return stub;
}

void
gdb_stub_free (GdbStub *stub)
{
  if (stub == NULL)
    return;
  gdb_link_clear (&stub->link);
  g_byte_array_unref (stub->packet);
  g_string_free (stub->reply, TRUE);
  g_array_unref (stub->points);
  g_free (stub->state);
  g_free (stub->stop_reply);
  g_free (stub);
}

GdbLink *
gdb_stub_link (GdbStub *stub)
{
  return &stub->link;
}

gboolean
gdb_stub_waits (const GdbStub *stub)
{
  return stub->running;
}

gboolean
gdb_stub_has_run (const GdbStub *stub)
{
  return stub->has_run;
}

void
gdb_stub_points (const GdbStub *stub, EngineDebug *debug)
{
  *debug = (EngineDebug){ .on = TRUE, .catch_triple_fault = stub->catch_triple_fault };
  for (guint i = 0; i < stub->points->len; i++)
    debug->points[debug->n_points++] = g_array_index (stub->points, Point, i).point;
}

void
gdb_stub_catch_triple_fault (GdbStub *stub, gboolean on)
{
  stub->catch_triple_fault = on;
}

/* -- Answers -------------------------------------------------------------------------------------- */

void
gdb_answer (GdbStub *stub, const char *text)
{
  gdb_link_send_text (&stub->link, text);
}

void
gdb_answer_error (GdbStub *stub, unsigned number)
{
  g_autofree char *text = g_strdup_printf ("E%02x", number);

  gdb_answer (stub, text);
}

void
gdb_answer_done (GdbStub *stub, gboolean done, unsigned number)
{
  if (done)
    gdb_answer (stub, "OK");
  else
    gdb_answer_error (stub, number);
}

/* Text for the person, in packets of their own. */
static void
say (GdbStub *stub, const char *text)
{
  for (size_t length = strlen (text); length > 0;)
    {
      size_t part = MIN (length, MOST_OUTPUT);

      g_string_assign (stub->reply, "O");
      gdb_append_hex (stub->reply, text, part);
      gdb_answer (stub, stub->reply->str);
      text += part;
      length -= part;
    }
}

/* -- Stopping and going on ------------------------------------------------------------------------ */

/* What the debugger set there, which may be several. */
static void
append_point (GdbStub *stub, const EngineStop *stop)
{
  static const char *const words[] = { "swbreak:;", "hwbreak:;", "watch", "rwatch", "awatch" };
  unsigned type = stop->point == ENGINE_POINT_EXECUTE ? 0 : stop->point == ENGINE_POINT_WRITE ? 2 : 4;

  for (guint i = stub->points->len; i-- > 0;)
    {
      const Point *point = &g_array_index (stub->points, Point, i);

      if (point->point.address == stop->address && point->point.kind == stop->point)
        type = point->type;
    }
  if (type < 2)
    g_string_append (stub->reply, words[type]);
  else
    g_string_append_printf (stub->reply, "%s:%" G_GINT64_MODIFIER "x;", words[type], stop->address);
}

void
gdb_stub_stopped (GdbStub *stub, const EngineStop *stop, GdbSignal signal, const char *words)
{
  gboolean tell = stub->running && stub->told_run;

  stub->running = stub->told_run = FALSE;
  stub->state_cpu = stub->n_cpus;
  if (stop != NULL && stop->kind != ENGINE_STOP_NONE && stop->cpu < stub->n_cpus)
    {
      stub->cpu = stop->cpu;
      signal = stop->kind == ENGINE_STOP_TRIPLE_FAULT ? GDB_SIGNAL_SEGMENT : GDB_SIGNAL_TRAP;
    }
  if (tell && words != NULL && *words != '\0')
    {
      say (stub, words);
      say (stub, "\n");
    }
  g_string_printf (stub->reply, "T%02xthread:%x;", signal, stub->cpu + 1);
  if (stop != NULL && stop->kind == ENGINE_STOP_POINT)
    append_point (stub, stop);
  g_free (stub->stop_reply);
  stub->stop_reply = g_strdup (stub->reply->str);
  if (tell)
    gdb_answer (stub, stub->stop_reply);
}

void
gdb_stub_resumed (GdbStub *stub)
{
  stub->running = TRUE;
  stub->state_cpu = stub->n_cpus;
}

void
gdb_stub_ended (GdbStub *stub)
{
  if (!stub->gone)
    gdb_answer (stub, "W00");
  stub->gone = TRUE;
}

/* `steps` and `stands`: a bit a processor. */
static void
go_on (GdbStub *stub, uint64_t steps, uint64_t stands)
{
  g_autoptr (GError) error = NULL;
  EngineDebug debug;

  gdb_stub_points (stub, &debug);
  debug.steps = steps;
  debug.stands = stands;
  stub->running = stub->told_run = TRUE;
  if (!stub->target->set_debug (stub->opaque, &debug, &error))
    {
      gdb_stub_stopped (stub, NULL, GDB_SIGNAL_TRAP, error->message);
      return;
    }
  stub->has_run = TRUE;
  stub->state_cpu = stub->n_cpus;
  stub->target->resume (stub->opaque);
}

static uint64_t
bit (unsigned cpu)
{
  return (uint64_t)1 << cpu;
}

static uint64_t
all_cpus (const GdbStub *stub)
{
  return stub->n_cpus >= 64 ? ~(uint64_t)0 : bit (stub->n_cpus) - 1;
}

/* A thread's number: "-1" (all), "0" (any) or one; FALSE: there is none such. */
static gboolean
read_thread (GdbStub *stub, const char **p, unsigned *cpu, gboolean *all)
{
  uint64_t value;

  *all = g_str_has_prefix (*p, "-1");
  if (*all)
    {
      *p += 2;
      return TRUE;
    }
  if (!gdb_read_number (p, &value) || value > stub->n_cpus)
    return FALSE;
  *cpu = value == 0 ? stub->cpu : (unsigned)value - 1;
  return TRUE;
}

/* vCont;ACTION[:THREAD]…: of each thread the first action that names it, or names none. */
static void
on_vcont (GdbStub *stub, const char *p)
{
  uint64_t known = 0, steps = 0;

  while (*p == ';')
    {
      const char action = *++p;
      unsigned cpu = 0;
      gboolean all = TRUE;
      uint64_t which, ignored;

      if (action == '\0' || strchr ("cCsS", action) == NULL)
        {
          gdb_answer_error (stub, ERROR_SYNTAX);
          return;
        }
      p++;
      if ((action == 'C' || action == 'S') && !gdb_read_number (&p, &ignored))
        {
          gdb_answer_error (stub, ERROR_SYNTAX);
          return;
        }
      if (*p == ':')
        {
          p++;
          if (!read_thread (stub, &p, &cpu, &all))
            {
              gdb_answer_error (stub, ERROR_SYNTAX);
              return;
            }
        }
      which = (all ? all_cpus (stub) : bit (cpu)) & ~known;
      known |= which;
      if (action == 's' || action == 'S')
        steps |= which;
    }
  if (*p != '\0' || known == 0)
    gdb_answer_error (stub, ERROR_SYNTAX);
  else
    go_on (stub, steps, all_cpus (stub) & ~known);
}

CpuState *
gdb_state_of (GdbStub *stub, unsigned cpu)
{
  if (stub->state_cpu == cpu)
    return stub->state;
  stub->state_cpu = stub->n_cpus;
  if (!stub->target->get_state (stub->opaque, cpu, stub->state))
    return NULL;
  stub->state_cpu = cpu;
  return stub->state;
}

static gboolean
put_state (GdbStub *stub)
{
  const unsigned cpu = stub->state_cpu;

  /* What it is now, as the processor has it. */
  stub->state_cpu = stub->n_cpus;
  return cpu < stub->n_cpus && stub->target->set_registers (stub->opaque, cpu, stub->state);
}

/* c, C, s, S: [SIGNAL;][ADDRESS] */
static void
on_resume (GdbStub *stub, const char *p, gboolean step, gboolean signal)
{
  const unsigned cpu = stub->resume_cpu < stub->n_cpus ? stub->resume_cpu : stub->cpu;
  uint64_t value;

  if (signal)
    {
      gdb_read_number (&p, &value);
      if (*p == ';')
        p++;
    }
  if (gdb_read_number (&p, &value))
    {
      CpuState *state = gdb_state_of (stub, cpu);
      const unsigned pc = gdb_register_pc (stub->bits);

      if (state == NULL
          || !gdb_register_set (stub->bits, pc, state, (const uint8_t *)&value,
                                stub->bits == GDB_BITS_64 ? 8 : 4)
          || !put_state (stub))
        {
          gdb_answer_error (stub, ERROR_SYNTAX);
          return;
        }
    }
  if (*p != '\0')
    gdb_answer_error (stub, ERROR_SYNTAX);
  else
    go_on (stub, step ? bit (cpu) : 0, step ? all_cpus (stub) & ~bit (cpu) : 0);
}

/* -- Registers ------------------------------------------------------------------------------------ */

static void
on_read_registers (GdbStub *stub)
{
  const CpuState *state = gdb_state_of (stub, stub->cpu);
  uint8_t bytes[GDB_REGISTER_MOST];

  if (state == NULL)
    {
      gdb_answer_error (stub, ERROR_MEMORY);
      return;
    }
  g_string_truncate (stub->reply, 0);
  for (unsigned i = 0; i < gdb_registers_count (stub->bits); i++)
    gdb_append_hex (stub->reply, bytes, gdb_register_get (stub->bits, i, state, bytes));
  gdb_answer (stub, stub->reply->str);
}

static void
on_write_registers (GdbStub *stub, const char *p)
{
  CpuState *state = gdb_state_of (stub, stub->cpu);
  uint8_t bytes[GDB_REGISTER_MOST], before[GDB_REGISTER_MOST];
  size_t left = strlen (p);
  gboolean done = state != NULL;

  for (unsigned i = 0; done && i < gdb_registers_count (stub->bits) && left > 0; i++)
    {
      unsigned length = gdb_register_get (stub->bits, i, state, before);

      done = left >= 2 * length && gdb_read_hex (p, length, bytes)
             && (memcmp (bytes, before, length) == 0
                 || gdb_register_set (stub->bits, i, state, bytes, length));
      p += done ? 2 * length : 0;
      left -= done ? 2 * length : 0;
    }
  if (done)
    done = put_state (stub);
  else
    stub->state_cpu = stub->n_cpus;
  gdb_answer_done (stub, done, ERROR_SYNTAX);
}

static void
on_read_register (GdbStub *stub, const char *p)
{
  const CpuState *state = gdb_state_of (stub, stub->cpu);
  uint8_t bytes[GDB_REGISTER_MOST];
  uint64_t n;
  unsigned length = 0;

  if (state != NULL && gdb_read_number (&p, &n) && n < 256)
    length = gdb_register_get (stub->bits, (unsigned)n, state, bytes);
  if (length == 0)
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  g_string_truncate (stub->reply, 0);
  gdb_append_hex (stub->reply, bytes, length);
  gdb_answer (stub, stub->reply->str);
}

static void
on_write_register (GdbStub *stub, const char *p)
{
  CpuState *state = gdb_state_of (stub, stub->cpu);
  uint8_t bytes[GDB_REGISTER_MOST];
  uint64_t n;
  gboolean done = FALSE;

  if (state != NULL && gdb_read_number (&p, &n) && n < 256 && *p == '=')
    {
      size_t length = strlen (++p) / 2;

      done = length <= sizeof bytes && gdb_read_hex (p, length, bytes)
             && gdb_register_set (stub->bits, (unsigned)n, state, bytes, (unsigned)length)
             && put_state (stub);
    }
  if (!done)
    stub->state_cpu = stub->n_cpus;
  gdb_answer_done (stub, done, ERROR_SYNTAX);
}

/* -- Questions ------------------------------------------------------------------------------------ */

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static void
on_features (GdbStub *stub, const char *p)
{
  const char *xml = gdb_registers_xml (stub->bits);
  uint64_t offset, length;
  size_t total = strlen (xml);

  if (!g_str_has_prefix (p, "target.xml:"))
    {
      gdb_answer (stub, "E00");
      return;
    }
  p += strlen ("target.xml:");
  if (!gdb_read_place (&p, &offset, &length) || offset > total)
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  length = MIN (length, GDB_MAX_PACKET / 2);
  g_string_assign (stub->reply, offset + length >= total ? "l" : "m");
  g_string_append_len (stub->reply, xml + offset, (gssize)MIN (length, total - offset));
  gdb_answer (stub, stub->reply->str);
}

static void
on_command (GdbStub *stub, const char *digits)
{
  size_t length = strlen (digits) / 2;
  g_autofree char *line = g_malloc0 (length + 1), *text = NULL;

  if (!gdb_read_hex (digits, length, (uint8_t *)line))
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  text = stub->target->command (stub->opaque, stub->cpu, line);
  /* It may have changed what they have. */
  stub->state_cpu = stub->n_cpus;
  say (stub, text);
  gdb_answer (stub, "OK");
}

static void
on_thread_extra (GdbStub *stub, const char *p)
{
  static const char *const states[] = { "runs", "halted", "waits for INIT", "waits for SIPI" };
  g_autofree char *words = NULL;
  const CpuState *state = NULL;
  unsigned cpu = 0;
  gboolean all;

  if (read_thread (stub, &p, &cpu, &all) && !all)
    state = gdb_state_of (stub, cpu);
  if (state == NULL)
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  words = g_strdup_printf ("processor %u, %s", cpu, states[MIN (state->run_state, 3)]);
  g_string_truncate (stub->reply, 0);
  gdb_append_hex (stub->reply, words, strlen (words));
  gdb_answer (stub, stub->reply->str);
}

static void
on_question (GdbStub *stub, const char *p)
{
  if (g_str_has_prefix (p, "qSupported"))
    {
      g_string_printf (
          stub->reply,
          "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+",
          GDB_MAX_PACKET);
      gdb_answer (stub, stub->reply->str);
    }
  else if (g_str_has_prefix (p, "qXfer:features:read:"))
    on_features (stub, p + strlen ("qXfer:features:read:"));
  else if (g_str_has_prefix (p, "qRcmd,"))
    on_command (stub, p + strlen ("qRcmd,"));
  else if (g_str_has_prefix (p, "qThreadExtraInfo,"))
    on_thread_extra (stub, p + strlen ("qThreadExtraInfo,"));
  else if (g_str_equal (p, "qC"))
    {
      g_string_printf (stub->reply, "QC%x", stub->cpu + 1);
      gdb_answer (stub, stub->reply->str);
    }
  else if (g_str_equal (p, "qfThreadInfo"))
    {
      g_string_assign (stub->reply, "m");
      for (unsigned i = 0; i < stub->n_cpus; i++)
        g_string_append_printf (stub->reply, "%s%x", i > 0 ? "," : "", i + 1);
      gdb_answer (stub, stub->reply->str);
    }
  else if (g_str_equal (p, "qsThreadInfo"))
    gdb_answer (stub, "l");
  else if (g_str_has_prefix (p, "qAttached"))
    gdb_answer (stub, "1");
  else if (g_str_equal (p, "QStartNoAckMode"))
    {
      gdb_answer (stub, "OK");
      stub->link.no_ack = TRUE;
    }
  else if (g_str_equal (p, "Qvivarium.PhysicalMemory:0") || g_str_equal (p, "Qvivarium.PhysicalMemory:1"))
    {
      stub->physical = g_str_has_suffix (p, "1");
      gdb_answer (stub, "OK");
    }
  else
    gdb_answer (stub, "");
}

/* -- Packets -------------------------------------------------------------------------------------- */

static void
on_thread (GdbStub *stub, const char *p)
{
  const char operation = *p;
  unsigned cpu = stub->cpu;
  gboolean all = FALSE;

  if (operation == '\0' || !(p++, read_thread (stub, &p, &cpu, &all)) || *p != '\0')
    {
      gdb_answer_error (stub, ERROR_SYNTAX);
      return;
    }
  if (operation == 'g' && !all)
    stub->cpu = cpu;
  else if (operation == 'c')
    stub->resume_cpu = all ? stub->n_cpus : cpu;
  gdb_answer (stub, "OK");
}

static void
on_v (GdbStub *stub, const char *p)
{
  if (g_str_equal (p, "vCont?"))
    gdb_answer (stub, "vCont;c;C;s;S");
  else if (g_str_has_prefix (p, "vCont;"))
    on_vcont (stub, p + strlen ("vCont"));
  else if (g_str_has_prefix (p, "vKill"))
    {
      gdb_answer (stub, "OK");
      stub->gone = TRUE;
    }
  else
    gdb_answer (stub, "");
}

static void
handle (GdbStub *stub)
{
  const char *p = (const char *)stub->packet->data;
  unsigned cpu = 0;
  gboolean all;

  switch (*p)
    {
    case '?':
      gdb_answer (stub, stub->stop_reply);
      break;
    case 'g':
      on_read_registers (stub);
      break;
    case 'G':
      on_write_registers (stub, p + 1);
      break;
    case 'p':
      on_read_register (stub, p + 1);
      break;
    case 'P':
      on_write_register (stub, p + 1);
      break;
    case 'm':
      gdb_on_read_memory (stub, p + 1);
      break;
    case 'M':
    case 'X':
      gdb_on_write_memory (stub, p + 1, *p == 'X');
      break;
    case 'c':
    case 'C':
      on_resume (stub, p + 1, FALSE, *p == 'C');
      break;
    case 's':
    case 'S':
      on_resume (stub, p + 1, TRUE, *p == 'S');
      break;
    case 'H':
      on_thread (stub, p + 1);
      break;
    case 'T':
      p++;
      gdb_answer_done (stub, read_thread (stub, &p, &cpu, &all), ERROR_SYNTAX);
      break;
    case 'Z':
    case 'z':
      gdb_on_point (stub, p + 1, *p == 'Z');
      break;
    case 'D':
      gdb_answer (stub, "OK");
      stub->gone = TRUE;
      break;
    case 'k':
      stub->gone = TRUE;
      break;
    case 'q':
    case 'Q':
      on_question (stub, p);
      break;
    case 'v':
      on_v (stub, p);
      break;
    default:
      gdb_answer (stub, "");
      break;
    }
}

gboolean
gdb_stub_work (GdbStub *stub)
{
  while (!stub->gone)
    {
      if (gdb_link_interrupted (&stub->link))
        {
          if (stub->running)
            stub->target->interrupt (stub->opaque);
          continue;
        }
      if (stub->running)
        {
          /* The debugger wants something of a machine that somebody else lets run. */
          if (!stub->told_run && stub->link.in->len > 0)
            stub->target->interrupt (stub->opaque);
          return TRUE;
        }
      if (!gdb_link_next (&stub->link, stub->packet))
        return TRUE;
      handle (stub);
    }
  return FALSE;
}
