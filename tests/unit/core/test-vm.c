/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Clock, state tables, life cycle and saved machines.
 */
#include "core/save.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* -- Clock ---------------------------------------------------------------------------------------- */

typedef struct
{
  VmTimer timer;
  GString *log;
  char mark;
  int64_t period;
} Ticker;

static void
on_tick (void *opaque)
{
  Ticker *ticker = opaque;

  g_string_append_printf (ticker->log, "%c%" G_GINT64_FORMAT " ", ticker->mark,
                          vm_clock_now (ticker->timer.clock));
  if (ticker->period > 0)
    vm_timer_arm (&ticker->timer, vm_clock_now (ticker->timer.clock) + ticker->period);
}

static void
test_timers (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (GString) log = g_string_new (NULL);
  Ticker a = { .log = log, .mark = 'a', .period = 30 }, b = { .log = log, .mark = 'b' };

  vm_timer_init (&a.timer, vm->clock, on_tick, &a);
  vm_timer_init (&b.timer, vm->clock, on_tick, &b);
  vm_timer_arm (&a.timer, 30);
  vm_timer_arm (&b.timer, 500);
  vm_timer_arm (&b.timer, 45);
  g_assert_cmpint (vm_clock_next_deadline (vm->clock), ==, 30);
  vm_clock_advance (vm->clock, 100);
  g_assert_cmpstr (log->str, ==, "a30 b45 a60 a90 ");
  g_assert_cmpint (vm_clock_now (vm->clock), ==, 100);
  g_assert_false (vm_timer_armed (&b.timer));
  vm_timer_cancel (&a.timer);
  vm_clock_advance (vm->clock, 1000);
  g_assert_cmpstr (log->str, ==, "a30 b45 a60 a90 ");
}

static void
on_real_tick (void *opaque)
{
  *(gboolean *)opaque = TRUE;
}

static void
test_real_clock (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, FALSE);
  gboolean fired = FALSE;
  int64_t before;
  VmTimer timer;

  vm_timer_init (&timer, vm->clock, on_real_tick, &fired);
  vm_timer_arm (&timer, 1000000);
  g_assert_cmpint (vm_clock_now (vm->clock), ==, 0); /* stands still until started */
  vm_clock_start (vm->clock);
  while (!fired)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (vm_clock_now (vm->clock), >=, 1000000);
  vm_clock_stop (vm->clock);
  before = vm_clock_now (vm->clock);
  g_usleep (2000);
  g_assert_cmpint (vm_clock_now (vm->clock), ==, before);
}

/* -- State ---------------------------------------------------------------------------------------- */

typedef struct
{
  uint8_t index;
  uint16_t words[3];
} Inner;

typedef struct
{
  Device device;
  gboolean flag;
  uint32_t number;
  uint64_t big;
  Inner inner[2];
  uint8_t *buffer;
  VmTimer timer;
  unsigned resets;
  gboolean busy;
} Thing;

static const StateField inner_fields[]
    = { STATE_U8_MAX (Inner, index, 7), STATE_U16_ARRAY (Inner, words), STATE_END };

static const StateField thing_fields[] = {
  STATE_BOOL (Thing, flag),
  STATE_U32 (Thing, number),
  STATE_U64 (Thing, big),
  STATE_STRUCTS (Thing, inner, Inner, inner_fields),
  STATE_BUFFER (Thing, buffer, 100),
  STATE_TIMER (Thing, timer),
  STATE_END,
};

static void
on_nothing (void *opaque)
{
}

static gboolean
thing_realize (Device *device, GError **error)
{
  Thing *thing = (Thing *)device;

  thing->buffer = g_malloc0 (100);
  vm_timer_init (&thing->timer, device->vm->clock, on_nothing, thing);
  return TRUE;
}

static void
thing_reset (Device *device)
{
  ((Thing *)device)->resets++;
}

static void
thing_unrealize (Device *device)
{
  vm_timer_cancel (&((Thing *)device)->timer);
  g_free (((Thing *)device)->buffer);
}

static const DeviceProperty thing_properties[] = {
  { "number", PROPERTY_U32, offsetof (Thing, number), "7", 1, 9, "a number" },
  { "flag", PROPERTY_BOOL, offsetof (Thing, flag), "true", 0, 0, "a flag" },
  { NULL },
};

static const DeviceClass thing_class = {
  .name = "thing",
  .instance_size = sizeof (Thing),
  .state = thing_fields,
  .properties = thing_properties,
  .realize = thing_realize,
  .reset = thing_reset,
  .unrealize = thing_unrealize,
};

static Thing *
new_thing (Vm *vm)
{
  Thing *thing = device_new (vm, &thing_class, "thing0");

  g_assert_true (device_realize (&thing->device, NULL));
  return thing;
}

static void
fill (Thing *thing)
{
  thing->flag = TRUE;
  thing->number = 0xdeadbeef;
  thing->big = 0x123456789abcdef0ULL;
  thing->inner[1] = (Inner){ 5, { 1, 2, 3 } };
  memset (thing->buffer, 0x5a, 100);
  vm_timer_arm (&thing->timer, 12345);
}

static void
test_state (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Vm) other = vm_new (NULL, TRUE);
  Thing *a = new_thing (vm), *b = new_thing (other);
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GString) text_a = g_string_new (NULL), text_b = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  fill (a);
  state_save (thing_fields, a, saved);
  g_assert_true (state_load (thing_fields, b, saved->data, saved->len, &error));
  g_assert_no_error (error);
  state_print (thing_fields, a, "", text_a);
  state_print (thing_fields, b, "", text_b);
  g_assert_cmpstr (text_a->str, ==, text_b->str);
  g_assert_nonnull (strstr (text_a->str, "number = 0xdeadbeef\n"));
  g_assert_cmpint (b->timer.deadline, ==, 12345);
  g_assert_cmpmem (a->buffer, 100, b->buffer, 100);
}

static const StateField younger_fields[] = {
  STATE_BOOL (Thing, flag),
  STATE_U32 (Thing, number),
  STATE_ADDED,
  STATE_U64 (Thing, big),
  STATE_STRUCTS (Thing, inner, Inner, inner_fields),
  STATE_BUFFER (Thing, buffer, 100),
  STATE_TIMER (Thing, timer),
  STATE_END,
};

/* A file from before a field was added: zeroes, no timer; what the table had from the first must be there. */
static void
test_state_older (void)
{
  static const StateField older_fields[] = { STATE_U32 (Thing, number), STATE_BOOL (Thing, flag), STATE_END };
  static const StateField lame_fields[] = { STATE_BOOL (Thing, flag), STATE_U64 (Thing, big), STATE_END };
  static const StateField newer_fields[]
      = { STATE_BOOL (Thing, flag), STATE_U32 (Thing, number), STATE_U32 (Thing, resets), STATE_END };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Thing *thing = new_thing (vm);
  g_autoptr (GByteArray) older = g_byte_array_new (), lame = g_byte_array_new (), newer = g_byte_array_new (),
                         whole = g_byte_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  const uint8_t nothing[100] = { 0 };

  fill (thing);
  state_save (older_fields, thing, older);
  state_save (lame_fields, thing, lame);
  state_save (newer_fields, thing, newer);
  state_save (younger_fields, thing, whole);
  g_assert_true (state_load (younger_fields, thing, older->data, older->len, &error));
  g_assert_no_error (error);
  g_assert_true (thing->flag);
  g_assert_cmphex (thing->number, ==, 0xdeadbeef);
  g_assert_cmphex (thing->big, ==, 0);
  g_assert_cmpuint (thing->inner[1].index + thing->inner[1].words[2], ==, 0);
  g_assert_cmpmem (thing->buffer, 100, nothing, 100);
  g_assert_false (vm_timer_armed (&thing->timer));
  g_assert_true (state_load (younger_fields, thing, whole->data, whole->len, &error));
  g_assert_cmphex (thing->big, ==, 0x123456789abcdef0ULL);
  g_assert_cmpint (thing->timer.deadline, ==, 12345);
  state_print (younger_fields, thing, "", text);
  g_assert_nonnull (strstr (text->str, "number = 0xdeadbeef\nbig = 0x123456789abcdef0\n"));
  g_assert_false (state_load (younger_fields, thing, lame->data, lame->len, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_false (state_load (younger_fields, thing, newer->data, newer->len, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_NEWER);
  g_assert_nonnull (strstr (error->message, "“resets”"));
}

/* Fields since a version, and what a newer version may say. */
static void
test_state_versions (void)
{
  static const StateField first[] = { STATE_BOOL (Thing, flag), STATE_END };
  static const StateField second[]
      = { STATE_BOOL (Thing, flag), STATE_SINCE (2, 77), STATE_U32 (Thing, number), STATE_END };
  static const StateField third[] = { STATE_BOOL (Thing, flag),
                                      STATE_SINCE (2, 77),
                                      STATE_U32 (Thing, number),
                                      STATE_OPTIONAL_SINCE (3, -1),
                                      STATE_U64 (Thing, big),
                                      STATE_STRUCTS (Thing, inner, Inner, inner_fields),
                                      STATE_BUFFER (Thing, buffer, 100),
                                      STATE_TIMER (Thing, timer),
                                      STATE_END };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Thing *thing = new_thing (vm);
  g_autoptr (GByteArray) one = g_byte_array_new (), two = g_byte_array_new (), three = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (state_version (first), ==, 0);
  g_assert_cmpuint (state_version (second), ==, 2);
  g_assert_cmpuint (state_version (third), ==, 3);
  fill (thing);
  state_save (first, thing, one);
  state_save (second, thing, two);
  state_save (third, thing, three);
  /* Older: defaults. */
  g_assert_true (state_load_version (second, thing, 0, one->data, one->len, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (thing->number, ==, 77);
  /* Of this version, and lacks what that has. */
  g_assert_false (state_load_version (second, thing, 2, one->data, one->len, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_FORMAT);
  g_clear_error (&error);
  thing->buffer[7] = 1;
  g_assert_true (state_load_version (third, thing, 2, two->data, two->len, &error));
  g_assert_no_error (error);
  g_assert_cmphex (thing->number, ==, 0xdeadbeef);
  g_assert_cmphex (thing->big, ==, G_MAXUINT64);
  g_assert_cmphex (thing->buffer[7], ==, 0xff);
  /* Newer, with fields that may be skipped, of each type. */
  thing->number = 0;
  g_assert_true (state_load_version (second, thing, 3, three->data, three->len, &error));
  g_assert_no_error (error);
  g_assert_cmphex (thing->number, ==, 0xdeadbeef);
  /* And one that may not. */
  g_assert_false (state_load_version (first, thing, 3, three->data, three->len, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_NEWER);
  g_clear_error (&error);
  /* Cut short or changed, by who knows the fields and by who doesn't. */
  for (guint cut = 0; cut < three->len; cut++)
    {
      g_assert_false (state_load_version (third, thing, 3, three->data, cut, &error));
      g_clear_error (&error);
      state_load_version (second, thing, 3, three->data, cut, NULL);
    }
  for (unsigned i = 0; i < 20000; i++)
    {
      g_autofree uint8_t *copy = g_memdup2 (three->data, three->len);

      for (unsigned n = 0; n < 3; n++)
        copy[g_test_rand_int_range (0, (gint32)three->len)] = (uint8_t)g_test_rand_int ();
      state_load_version (second, thing, 3, copy, three->len, NULL);
    }
}

static void
test_state_hostile (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Thing *thing = new_thing (vm);
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  fill (thing);
  thing->inner[1].index = 8;
  state_save (thing_fields, thing, saved);
  g_assert_false (state_load (thing_fields, thing, saved->data, saved->len, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_RANGE);
  g_clear_error (&error);

  thing->inner[1].index = 1;
  g_byte_array_set_size (saved, 0);
  state_save (thing_fields, thing, saved);
  for (guint cut = 0; cut < saved->len; cut++)
    {
      g_assert_false (state_load (thing_fields, thing, saved->data, cut, &error));
      g_assert_error (error, STATE_ERROR, STATE_ERROR_FORMAT);
      g_clear_error (&error);
    }
  /* Whatever bytes come: an answer, and never past the end. */
  for (unsigned i = 0; i < 20000; i++)
    {
      g_autofree uint8_t *copy = g_memdup2 (saved->data, saved->len);

      for (unsigned n = 0; n < 3; n++)
        copy[g_test_rand_int_range (0, (gint32)saved->len)] = (uint8_t)g_test_rand_int ();
      state_load (thing_fields, thing, copy, saved->len, NULL);
    }
}

static void
test_properties (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Thing *thing = new_thing (vm);
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (thing->number, ==, 7);
  g_assert_true (thing->flag);
  g_assert_true (device_set_property (&thing->device, "number", "9", NULL));
  g_assert_false (device_set_property (&thing->device, "number", "10", &error));
  g_assert_nonnull (strstr (error->message, "thing0.number"));
  g_clear_error (&error);
  g_assert_false (device_set_property (&thing->device, "colour", "red", &error));
  g_assert_nonnull (error);
}

/* -- Life cycle ----------------------------------------------------------------------------------- */

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  g_string_append_printf (opaque, "%d ", state);
}

static void
test_life (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (GString) log = g_string_new (NULL);
  Thing *thing = new_thing (vm);

  vm_add_state_func (vm, on_state, log);
  vm_start (vm, FALSE);
  g_assert_cmpuint (thing->resets, ==, 1);
  g_assert_true (vm_clock_running (vm->clock));
  vm_pause (vm, "to look");
  g_assert_cmpstr (vm_state_reason (vm), ==, "to look");
  g_assert_false (vm_clock_running (vm->clock));
  vm_resume (vm);
  vm_request (vm, VM_REQUEST_RESET, "first");
  vm_request (vm, VM_REQUEST_RESET, "second");
  while (thing->resets < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  g_assert_cmpuint (thing->resets, ==, 2);
  vm_request (vm, VM_REQUEST_CRASH, "registers");
  while (vm_state (vm) != VM_STATE_CRASHED)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (vm_state_reason (vm), ==, "registers");
  vm_reset (vm); /* the way out of a crash */
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_RUNNING);
  vm_request (vm, VM_REQUEST_POWER_OFF, "button");
  while (vm_state (vm) != VM_STATE_STOPPED)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (log->str, ==, "1 3 1 1 4 1 5 ");
}

/* -- INIT ------------------------------------------------------------------------------------------- */

typedef struct
{
  unsigned resumed, paused, reset;
  gboolean resumes; /* what firmware would do */
} Processor;

static void
processor_resume (void *opaque)
{
  ((Processor *)opaque)->resumed++;
}

static void
processor_pause (void *opaque)
{
  ((Processor *)opaque)->paused++;
}

static void
processor_reset (void *opaque)
{
  ((Processor *)opaque)->reset++;
}

static gboolean
firmware_resumes (void *opaque)
{
  return ((Processor *)opaque)->resumes;
}

static void
test_init_line (void)
{
  static const VmProcessorOps ops
      = { .resume = processor_resume, .pause = processor_pause, .reset = processor_reset };
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (GString) log = g_string_new (NULL);
  Thing *thing = new_thing (vm);
  Processor processor = { .resumes = TRUE };

  vm_set_processor (vm, &ops, &processor);
  vm->firmware_resumes = firmware_resumes;
  vm->firmware_resumes_opaque = &processor;
  vm_start (vm, FALSE);
  vm_add_state_func (vm, on_state, log);
  /* The shutdown byte asks to go on: processors alone. */
  vm_request (vm, VM_REQUEST_INIT, "286");
  while (processor.reset < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (thing->resets, ==, 1);
  g_assert_cmpuint (processor.paused, ==, 1);
  g_assert_cmpuint (processor.resumed, ==, 2);
  g_assert_true (vm_clock_running (vm->clock));
  g_assert_cmpstr (log->str, ==, "");
  /* Not so: the machine. */
  processor.resumes = FALSE;
  vm_request (vm, VM_REQUEST_INIT, "reboot");
  while (processor.reset < 3)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (thing->resets, ==, 2);
  /* A paused machine's processors stay paused. */
  processor.resumes = TRUE;
  vm_pause (vm, NULL);
  vm_request (vm, VM_REQUEST_INIT, "286");
  while (processor.reset < 4)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (processor.resumed, ==, 3);
  g_assert_cmpuint (thing->resets, ==, 2);
  vm_stop (vm, NULL);
  vm_set_processor (vm, NULL, NULL);
}

static void
test_save (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Vm) other = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 3 << 20, RAM_DEFAULT, NULL);
  g_autoptr (Region) ram2 = region_new_ram ("ram", 3 << 20, RAM_DEFAULT, NULL);
  g_autofree char *folder = g_dir_make_tmp ("viv-save-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  Thing *a = new_thing (vm), *b = new_thing (other);
  gboolean untouched; /* FALSE if this host does not tell */
  gsize length;

  vm_add_ram (vm, ram);
  vm_add_ram (other, ram2);
  fill (a);
  for (unsigned i = 0; i < (1 << 20) + 5; i++)
    region_host (ram)[i] = (uint8_t)g_test_rand_int ();
  memset (region_host (ram2), 0xee, 3 << 20);
  vm_clock_advance (vm->clock, 777);
  untouched = region_untouched (ram, 2 << 20, 1 << 20);
  g_assert_false (region_untouched (ram, 0, 3 << 20));
  g_assert_true (vm_save (vm, path, &error));
  g_assert_no_error (error);
  /* Saving takes no memory for what the guest never used. */
  g_assert_cmpint (region_untouched (ram, 2 << 20, 1 << 20), ==, untouched);
  g_assert_true (vm_load (other, path, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (region_host (ram), 3 << 20, region_host (ram2), 3 << 20);
  g_assert_cmpint (vm_clock_now (other->clock), ==, 777);
  g_assert_cmphex (b->big, ==, a->big);

  /* One flipped bit is found. */
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  data[length / 2] ^= 4;
  g_assert_true (g_file_set_contents (path, data, (gssize)length, NULL));
  g_assert_false (vm_load (other, path, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_FORMAT);
  g_unlink (path);
  g_rmdir (folder);
}

/* -- Files of other versions ---------------------------------------------------------------------- */

typedef struct
{
  char kind;
  const char *name;
  unsigned version;
  GByteArray *payload;
} Section;

static void
put_number (GByteArray *out, uint64_t value, unsigned size)
{
  g_byte_array_append (out, (const guint8 *)&value, size);
}

static void
clear_section (gpointer data)
{
  g_byte_array_unref (((Section *)data)->payload);
}

/* The parts of a file that this version has written, without the end. */
static GArray *
take_apart (const uint8_t *data, size_t length)
{
  GArray *sections = g_array_new (FALSE, FALSE, sizeof (Section));

  g_array_set_clear_func (sections, clear_section);
  for (size_t at = 12; data[at] != SAVE_END;)
    {
      g_autofree char *name = g_strndup ((const char *)data + at + 2, data[at + 1]);
      Section section
          = { .kind = (char)data[at], .name = g_intern_string (name), .payload = g_byte_array_new () };
      uint64_t size;

      at += 2 + strlen (name);
      memcpy (&section.version, data + at, 4);
      memcpy (&size, data + at + 4, 8);
      g_byte_array_append (section.payload, data + at + 12, (guint)size);
      at += 12 + size;
      g_assert_cmpuint (at, <, length);
      g_array_append_val (sections, section);
    }
  return sections;
}

static void
put_together (GArray *sections, unsigned format, const char *path)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  uint8_t digest[SAVE_SHA];
  gsize n = sizeof digest;

  g_byte_array_append (out, (const guint8 *)SAVE_MAGIC, 8);
  put_number (out, format, 4);
  for (guint i = 0; i <= sections->len; i++)
    {
      const Section end = { .kind = SAVE_END, .name = "" };
      const Section *s = i < sections->len ? &g_array_index (sections, Section, i) : &end;

      put_number (out, (uint8_t)s->kind, 1);
      put_number (out, strlen (s->name), 1);
      g_byte_array_append (out, (const guint8 *)s->name, (guint)strlen (s->name));
      put_number (out, s->version, 4);
      put_number (out, s->payload != NULL ? s->payload->len : SAVE_SHA, 8);
      if (s->payload != NULL)
        g_byte_array_append (out, s->payload->data, s->payload->len);
    }
  g_checksum_update (sum, out->data, out->len);
  g_checksum_get_digest (sum, digest, &n);
  g_byte_array_append (out, digest, sizeof digest);
  g_assert_true (g_file_set_contents (path, (const char *)out->data, (gssize)out->len, NULL));
}

static void
add_section (GArray *sections, guint at, char kind, const char *name, unsigned version, const char *text)
{
  Section s = { .kind = kind, .name = name, .version = version, .payload = g_byte_array_new () };

  g_byte_array_append (s.payload, (const guint8 *)text, (guint)strlen (text));
  g_array_insert_val (sections, at, s);
}

/* By path and by descriptor the same. */
static void
expect (Vm *vm, const char *path, int code, const char *words)
{
  for (unsigned i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      int fd = i == 1 ? open (path, O_RDONLY | O_CLOEXEC) : -1;
      gboolean ok = fd >= 0 ? vm_load_fd (vm, fd, path, &error) : vm_load (vm, path, &error);

      if (fd >= 0)
        close (fd);
      if (code < 0)
        g_assert_no_error (error);
      else
        {
          g_assert_error (error, STATE_ERROR, code);
          g_assert_nonnull (strstr (error->message, words));
        }
      g_assert_cmpint (ok, ==, code < 0);
    }
}

static void
test_save_versions (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 3 << 20, RAM_DEFAULT, NULL);
  g_autofree char *folder = g_dir_make_tmp ("viv-save-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autofree char *data = NULL;
  g_autoptr (GArray) sections = NULL;
  g_autoptr (GError) error = NULL;
  Thing *thing = new_thing (vm);
  gsize length;

  vm_add_ram (vm, ram);
  fill (thing);
  for (unsigned i = 0; i < 5000; i++)
    region_host (ram)[i * 600] = (uint8_t)g_test_rand_int ();
  g_assert_true (vm_save (vm, path, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  sections = take_apart ((const uint8_t *)data, length);
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, -1, NULL);

  /* A newer minor version: parts that may be skipped, among them a device; and a device of which the table has grown. */
  add_section (sections, 0, 'x', "new", 9, "anything");
  add_section (sections, 3, SAVE_DEVICE_OPTIONAL, "fan0", 1, "any state");
  put_together (sections, SAVE_FORMAT | 7 << 16, path);
  thing->big = 0;
  expect (vm, path, -1, NULL);
  g_assert_cmphex (thing->big, ==, 0x123456789abcdef0ULL);

  /* In any other order: the end of the file first, memory's size before its pages. */
  for (guint i = 0; i < sections->len / 2; i++)
    {
      Section *a = &g_array_index (sections, Section, i),
              *b = &g_array_index (sections, Section, sections->len - 1 - i), c = *a;

      *a = *b;
      *b = c;
    }
  for (guint i = 0; i < sections->len; i++)
    if (g_array_index (sections, Section, i).kind == SAVE_RAM)
      {
        Section size = g_array_index (sections, Section, i);

        g_byte_array_ref (size.payload);
        g_array_remove_index (sections, i);
        g_array_prepend_val (sections, size);
      }
  put_together (sections, SAVE_FORMAT, path);
  memset (region_host (ram), 0x11, 3 << 20);
  thing->big = 0;
  expect (vm, path, -1, NULL);
  g_assert_cmphex (thing->big, ==, 0x123456789abcdef0ULL);
  g_assert_cmphex (region_host (ram)[3], ==, 0);

  /* What must not be left out. */
  add_section (sections, 0, 'X', "engine room", 1, "anything");
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, STATE_ERROR_NEWER, "“engine room”");
  g_array_remove_index (sections, 0);
  add_section (sections, 0, SAVE_DEVICE, "fan0", 1, "any state");
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, STATE_ERROR_FORMAT, "“fan0”"); /* twice, once as required */
  g_array_remove_index (sections, 0);
  put_together (sections, SAVE_FORMAT + 1, path);
  expect (vm, path, STATE_ERROR_NEWER, "newer Vivarium");
  /* Hostile: pages beyond the end, sizes that aren't those, a part twice. */
  for (guint i = 0; i < sections->len; i++)
    {
      Section *s = &g_array_index (sections, Section, i);
      guint8 *p = s->payload->data, keep;
      static const struct
      {
        char kind;
        guint at;
        uint8_t value;
      } changes[] = { { SAVE_PAGES, 2, 1 }, { SAVE_PAGES, 7, 0x80 },  { SAVE_PAGES, 8, 0xff },
                      { SAVE_PAGES, 9, 9 }, { SAVE_PAGES, 12, 0x55 }, { SAVE_PAGES, 15, 0x80 },
                      { SAVE_RAM, 2, 1 },   { SAVE_CLOCK, 7, 0x40 } };

      for (guint n = 0; n < G_N_ELEMENTS (changes); n++)
        if (s->kind == changes[n].kind)
          {
            keep = p[changes[n].at];
            p[changes[n].at] = changes[n].value;
            put_together (sections, SAVE_FORMAT, path);
            expect (vm, path, STATE_ERROR_FORMAT, "damaged");
            p[changes[n].at] = keep;
          }
    }
  add_section (sections, 0, SAVE_CLOCK, "clock", 0, "1234567890123456");
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, STATE_ERROR_FORMAT, "damaged");
  g_unlink (path);
  g_rmdir (folder);
}

/* Parts that may be skipped are kept and compared with each other: not any number of them. */
static void
test_save_many_parts (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autofree char *folder = g_dir_make_tmp ("viv-save-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autofree char *data = NULL;
  g_autoptr (GArray) sections = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (vm_save (vm, path, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  sections = take_apart ((const uint8_t *)data, length);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (unsigned i = 0; i < 10000; i++)
    {
      g_ptr_array_add (names, g_strdup_printf ("%u", i));
      add_section (sections, sections->len, 'x', names->pdata[i], 0, "");
    }
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, STATE_ERROR_RANGE, "more data than a machine has");
  g_array_set_size (sections, 1000);
  put_together (sections, SAVE_FORMAT, path);
  expect (vm, path, -1, NULL);
  g_unlink (path);
  g_rmdir (folder);
}

/* A sink may wait for a slow disk: it has to find the lock free. */
typedef struct
{
  SaveSink parent;
  Vm *vm;
  unsigned sections, pages;
  gboolean ended;
} LockSink;

static gboolean
lock_sink_section (SaveSink *sink, char kind, const char *name, unsigned version, const void *data,
                   size_t length, GError **error)
{
  LockSink *s = (LockSink *)sink;

  g_assert_false (vm_lock_held (s->vm));
  s->sections++;
  return TRUE;
}

static gboolean
lock_sink_page (SaveSink *sink, Region *region, uint64_t n, const uint8_t *data, GError **error)
{
  LockSink *s = (LockSink *)sink;

  g_assert_false (vm_lock_held (s->vm));
  s->pages++;
  return TRUE;
}

static gboolean
lock_sink_end (SaveSink *sink, GError **error)
{
  LockSink *s = (LockSink *)sink;

  g_assert_false (vm_lock_held (s->vm));
  s->ended = TRUE;
  return TRUE;
}

static void
test_save_without_lock (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 1 << 20, RAM_DEFAULT, NULL);
  LockSink sink = { .parent = { .section = lock_sink_section, .page = lock_sink_page, .end = lock_sink_end },
                    .vm = vm };
  g_autoptr (GError) error = NULL;

  vm_add_ram (vm, ram);
  new_thing (vm);
  g_autoptr (VmSave) save = vm_save_begin (vm, &sink.parent, FALSE);
  g_assert_true (vm_save_finish (save, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (sink.sections, ==, 3); /* memory's size, clock, device */
  g_assert_cmpuint (sink.pages, ==, 256);
  g_assert_true (sink.ended);
}

/* Memory that comes with a device while its machine is written is in no list that the file begins with. */
static void
test_save_beside_plug (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Region) ram = region_new_ram ("ram", 1 << 20, RAM_DEFAULT, NULL);
  g_autoptr (Region) late = region_new_ram ("late", 1 << 16, RAM_DEFAULT, NULL);
  LockSink sink = { .parent = { .section = lock_sink_section, .page = lock_sink_page, .end = lock_sink_end },
                    .vm = vm };
  g_autoptr (GError) error = NULL;

  vm_add_ram (vm, ram);
  g_autoptr (VmSave) save = vm_save_begin (vm, &sink.parent, FALSE);
  vm_add_ram (vm, late);
  g_assert_false (vm_save_finish (save, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_false (sink.ended);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/clock/timers", test_timers);
  g_test_add_func ("/clock/real", test_real_clock);
  g_test_add_func ("/state/round-trip", test_state);
  g_test_add_func ("/state/older", test_state_older);
  g_test_add_func ("/state/versions", test_state_versions);
  g_test_add_func ("/state/hostile", test_state_hostile);
  g_test_add_func ("/device/properties", test_properties);
  g_test_add_func ("/vm/life", test_life);
  g_test_add_func ("/vm/init-line", test_init_line);
  g_test_add_func ("/vm/save", test_save);
  g_test_add_func ("/vm/save-versions", test_save_versions);
  g_test_add_func ("/vm/save-many-parts", test_save_many_parts);
  g_test_add_func ("/vm/save-without-lock", test_save_without_lock);
  g_test_add_func ("/vm/save-beside-plug", test_save_beside_plug);
  return g_test_run ();
}
