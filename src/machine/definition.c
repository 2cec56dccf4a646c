/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Definitions in memory: devices, and the values of their keys by the table in device-kinds.c.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/definition-private.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#define DEFAULT_MAX_STRING 4096

G_DEFINE_QUARK (definition - error - quark, definition_error)

/* -- The table ------------------------------------------------------------------------------------------ */

const DeviceKind *
device_kind_find (const char *name)
{
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    if (g_str_equal (kind->name, name))
      return kind;
  return NULL;
}

const DeviceKind *
device_kind_of (const char *id, unsigned *number)
{
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    {
      size_t length = strlen (kind->name);
      const char *digits = id + length;
      guint64 n = 0;

      if (strncmp (id, kind->name, length) != 0)
        continue;
      if (kind->most == 0 ? *digits != '\0'
                          /* Below strtoull() skips a vertical tab. */
                          : !g_ascii_isdigit (digits[0]) || (digits[0] == '0' && digits[1] != '\0')
                                || !g_ascii_string_to_unsigned (digits, 10, 0, kind->most - 1, &n, NULL))
        continue;
      if (number != NULL)
        *number = n;
      return kind;
    }
  return NULL;
}

const DefinitionKey *
device_kind_key (const DeviceKind *kind, const char *name)
{
  for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
    if (g_str_equal (key->name, name) || g_strcmp0 (key->old_name, name) == 0)
      return key;
  return NULL;
}

const DefinitionKey *
definition_find_key (const char *id, const char *name)
{
  const DeviceKind *kind = device_kind_of (id, NULL);

  return kind != NULL ? device_kind_key (kind, name) : NULL;
}

static const DeviceKind *
kind_of_drive (DriveKind drive)
{
  const DeviceKind *kind = device_kinds;

  while (kind->drive != drive)
    kind++;
  return kind;
}

const char *
drive_kind_name (DriveKind kind)
{
  return kind_of_drive (kind)->name;
}

/* -- Values --------------------------------------------------------------------------------------------- */

static char **
slot (const MachineDevice *device, const DefinitionKey *key)
{
  return &device->values[key - device->kind->keys];
}

static const DefinitionKey *
must_have (const MachineDevice *device, const char *name)
{
  const DefinitionKey *key = device_kind_key (device->kind, name);

  if (key == NULL)
    g_error ("%s has no key %s", device->id, name);
  return key;
}

/* GKeyFile drops these at a value's start, and has no way to write them; blanks there it can write. */
#define LOST "\f\v"

static void
store_value (MachineDevice *device, const DefinitionKey *key, char *value)
{
  g_free (*slot (device, key));
  *slot (device, key) = value;
}

static gboolean
parse_bool (const char *text, gboolean *value)
{
  static const char *const yes[] = { "true", "yes", "on", "1", NULL }, *const no[]
                                                                       = { "false", "no", "off", "0", NULL };

  *value = g_strv_contains (yes, text);
  return *value || g_strv_contains (no, text);
}

static gboolean
is_choice (const DefinitionKey *key, const char *text)
{
  g_auto (GStrv) choices = g_strsplit (key->choices, "|", -1);
  return g_strv_contains ((const char *const *)choices, text);
}

/* "0", with or without a unit: no size, where there may be none. */
static gboolean
is_nothing (const char *text)
{
  return text[0] == '0' && (text[1] == '\0' || (strchr ("BKMGT", text[1]) != NULL && text[2] == '\0'));
}

gboolean
machine_device_set (MachineDevice *device, const DefinitionKey *key, const char *text, GError **error)
{
  g_autofree char *stripped = NULL;
  gboolean flag;
  guint64 number = 0;

  /* GKeyFile keeps blanks at a line's end, which nobody sees. */
  if (key->type != KEY_STRING && key->type != KEY_PATH)
    text = stripped = g_strstrip (g_strdup (text));

  g_autofree char *path = key->type == KEY_PATH ? definition_path_from_text (text) : NULL;
  if (path != NULL)
    text = path;
  text += strspn (text, LOST);
  if (path == NULL && !g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("the value is not UTF-8 text"));
      return FALSE;
    }

  switch (key->type)
    {
    case KEY_BOOL:
      if (!parse_bool (text, &flag))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("“%s” is neither true nor false"),
                       text);
          return FALSE;
        }
      store_value (device, key, g_strdup (flag ? "true" : "false"));
      return TRUE;

    case KEY_NUMBER:
      if (*text == '\0' && key->fallback == NULL)
        {
          store_value (device, key, NULL);
          return TRUE;
        }
      if (!g_ascii_string_to_unsigned (text, 10, key->min, key->max, &number, NULL))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       _ ("“%s” is not a number from %" PRIu64 " to %" PRIu64), text, key->min, key->max);
          return FALSE;
        }
      break;

    case KEY_SIZE:
      if (key->min == 0 && is_nothing (text))
        {
          store_value (device, key, g_strdup ("0"));
          return TRUE;
        }
      if (!definition_parse_size (text, &number, error))
        return FALSE;
      if (number < key->min || number > key->max)
        {
          g_autofree char *min = definition_format_size (key->min), *max = definition_format_size (key->max);
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       _ ("“%s” is not a size from %s to %s"), text, min, max);
          return FALSE;
        }
      break;

    case KEY_CHOICE:
      if (!is_choice (key, text))
        {
          g_autofree char *list = g_strdelimit (g_strdup (key->choices), "|", ' ');
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE, _ ("“%s” is not one of: %s"), text,
                       list);
          return FALSE;
        }
      break;

    case KEY_STRING:
    case KEY_PATH:
      if (strlen (text) > (key->max != 0 ? key->max : DEFAULT_MAX_STRING))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       _ ("the value is longer than %" PRIu64 " bytes"),
                       key->max != 0 ? key->max : (guint64)DEFAULT_MAX_STRING);
          return FALSE;
        }
      /* Empty stands for "not set" where there may be nothing. */
      if (*text == '\0' && !key->required)
        {
          store_value (device, key, NULL);
          return TRUE;
        }
      break;
    }

  if (key->check != NULL && !key->check (text))
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE, _ ("“%s” won't do; give %s"), text,
                   _ (key->accepts));
      return FALSE;
    }

  store_value (device, key,
               key->type == KEY_NUMBER ? g_strdup_printf ("%" G_GUINT64_FORMAT, number)
               : key->type == KEY_SIZE ? definition_format_size (number)
                                       : g_strdup (text));
  return TRUE;
}

char *
machine_device_get (const MachineDevice *device, const DefinitionKey *key)
{
  const char *value = *slot (device, key);

  if (value == NULL)
    return g_strdup (key->fallback);
  return key->type == KEY_PATH ? definition_path_to_text (value) : g_strdup (value);
}

const char *
machine_device_text (const MachineDevice *device, const char *name)
{
  const DefinitionKey *key = must_have (device, name);
  const char *value = *slot (device, key);

  return value != NULL ? value : key->fallback;
}

gboolean
machine_device_flag (const MachineDevice *device, const char *name)
{
  return g_strcmp0 (machine_device_text (device, name), "true") == 0;
}

uint64_t
machine_device_number (const MachineDevice *device, const char *name)
{
  const char *text = machine_device_text (device, name);
  uint64_t number = 0;

  if (text == NULL)
    return 0;
  if (must_have (device, name)->type == KEY_SIZE)
    definition_parse_size (text, &number, NULL);
  else
    number = g_ascii_strtoull (text, NULL, 10);
  return number;
}

void
machine_device_put (MachineDevice *device, const char *name, const char *value)
{
  store_value (device, must_have (device, name),
               value != NULL ? g_strdup (value + strspn (value, LOST)) : NULL);
}

/* -- Devices -------------------------------------------------------------------------------------------- */

static void
device_free (gpointer data)
{
  MachineDevice *device = data;

  for (unsigned i = 0; device->kind->keys[i].name != NULL; i++)
    g_free (device->values[i]);
  g_free (device->values);
  g_free (device->id);
  g_free (device);
}

MachineDevice *
definition_find (const MachineDefinition *definition, const char *id)
{
  for (guint i = 0; i < definition->devices->len; i++)
    {
      MachineDevice *device = g_ptr_array_index (definition->devices, i);
      if (g_str_equal (device->id, id))
        return device;
    }
  return NULL;
}

/* Puts a device that isn't there yet at its place. */
static MachineDevice *
insert (MachineDefinition *definition, const DeviceKind *kind, unsigned number)
{
  MachineDevice *device = g_new0 (MachineDevice, 1);
  unsigned n_keys = 0;
  guint at = 0;

  while (kind->keys[n_keys].name != NULL)
    n_keys++;
  device->id = kind->most == 0 ? g_strdup (kind->name) : g_strdup_printf ("%s%u", kind->name, number);
  device->kind = kind;
  device->number = number;
  device->values = g_new0 (char *, n_keys);
  for (; at < definition->devices->len; at++)
    {
      const MachineDevice *other = g_ptr_array_index (definition->devices, at);
      if (other->kind > kind || (other->kind == kind && other->number > number))
        break;
    }
  g_ptr_array_insert (definition->devices, at, device);
  return device;
}

MachineDevice *
definition_ensure (MachineDefinition *definition, const char *id)
{
  MachineDevice *device = definition_find (definition, id);
  unsigned number = 0;

  if (device != NULL)
    return device;
  const DeviceKind *kind = device_kind_of (id, &number);
  return insert (definition, kind, number);
}

MachineDevice *
definition_add (MachineDefinition *definition, const DeviceKind *kind)
{
  for (unsigned i = 0; i < kind->most; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", kind->name, i);
      if (definition_find (definition, id) == NULL)
        return insert (definition, kind, i);
    }
  return NULL;
}

gboolean
definition_remove (MachineDefinition *definition, const char *id, GError **error)
{
  MachineDevice *device = definition_find (definition, id);

  if (device == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("the machine has no %s"), id);
      return FALSE;
    }
  if (device->kind->most == 0 || device->number < device->kind->present)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                   _ ("%s is a part of every machine and can't be removed"), id);
      return FALSE;
    }
  return g_ptr_array_remove (definition->devices, device);
}

MachineDevice *
definition_drive (const MachineDefinition *definition, unsigned i)
{
  for (guint at = 0; at < definition->devices->len; at++)
    {
      MachineDevice *device = g_ptr_array_index (definition->devices, at);
      if (device->kind->drive != DRIVE_NONE && i-- == 0)
        return device;
    }
  return NULL;
}

MachineDevice *
definition_find_drive (const MachineDefinition *definition, const char *id)
{
  MachineDevice *device = definition_find (definition, id);

  return device != NULL && device->kind->drive != DRIVE_NONE ? device : NULL;
}

MachineDevice *
definition_add_drive (MachineDefinition *definition, DriveKind kind, const char *path)
{
  MachineDevice *device = definition_add (definition, kind_of_drive (kind));

  if (device != NULL)
    machine_device_put (device, "path", path);
  return device;
}

char *
definition_resolve (const MachineDefinition *definition, const char *path)
{
  if (path == NULL || *path == '\0')
    return NULL;
  if (definition->folder == NULL)
    return g_canonicalize_filename (path, NULL);
  return g_canonicalize_filename (path, definition->folder);
}

/* -- Life ----------------------------------------------------------------------------------------------- */

MachineDefinition *
definition_new_empty (void)
{
  MachineDefinition *definition = g_new0 (MachineDefinition, 1);

  definition->refs = 1;
  definition->file = g_key_file_new ();
  definition->devices = g_ptr_array_new_with_free_func (device_free);
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    for (unsigned i = 0; i < (kind->most == 0 ? 1 : kind->present); i++)
      insert (definition, kind, i);
  return definition;
}

MachineDefinition *
definition_new (const char *name)
{
  MachineDefinition *definition = definition_new_empty ();
  g_autofree char *uuid = g_uuid_string_random ();

  definition_put (definition, "machine.name", name);
  definition_put (definition, "machine.uuid", uuid);
  return definition;
}

MachineDefinition *
definition_ref (MachineDefinition *definition)
{
  g_atomic_int_inc (&definition->refs);
  return definition;
}

void
definition_unref (MachineDefinition *definition)
{
  if (!g_atomic_int_dec_and_test (&definition->refs))
    return;
  g_key_file_unref (definition->file);
  g_ptr_array_unref (definition->devices);
  g_free (definition->folder);
  g_free (definition);
}

/* -- One value ------------------------------------------------------------------------------------------ */

/* The device of "machine.memory", and the key's name; NULL: there is no such device. */
static MachineDevice *
device_of (const MachineDefinition *definition, const char *key, const char **name)
{
  const char *dot = strchr (key, '.');
  g_autofree char *id = g_strndup (key, dot - key);

  *name = dot + 1;
  return definition_find (definition, id);
}

const char *
definition_text (const MachineDefinition *definition, const char *key)
{
  const char *name;
  const MachineDevice *device = device_of (definition, key, &name);

  return device != NULL ? machine_device_text (device, name) : NULL;
}

gboolean
definition_flag (const MachineDefinition *definition, const char *key)
{
  const char *name;
  const MachineDevice *device = device_of (definition, key, &name);

  return device != NULL && machine_device_flag (device, name);
}

uint64_t
definition_number (const MachineDefinition *definition, const char *key)
{
  const char *name;
  const MachineDevice *device = device_of (definition, key, &name);

  return device != NULL ? machine_device_number (device, name) : 0;
}

void
definition_put (MachineDefinition *definition, const char *key, const char *value)
{
  const char *name;
  MachineDevice *device = device_of (definition, key, &name);

  g_return_if_fail (device != NULL);
  machine_device_put (device, name, value);
}

/* How many letters are to be changed, put in or left out to make one of the other; at least 99 for long words. */
static unsigned
distance (const char *a, const char *b)
{
  enum
  {
    MOST = 32
  };
  size_t n = strlen (a), m = strlen (b);
  unsigned row[MOST + 1];

  if (n > MOST || m > MOST)
    return 99;
  for (size_t j = 0; j <= m; j++)
    row[j] = j;
  for (size_t i = 1; i <= n; i++)
    {
      unsigned diagonal = row[0];

      row[0] = i;
      for (size_t j = 1; j <= m; j++)
        {
          unsigned change = diagonal + (g_ascii_tolower (a[i - 1]) != g_ascii_tolower (b[j - 1]));

          diagonal = row[j];
          row[j] = MIN (change, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[m];
}

/* TRUE if `candidate` is what may have been meant, and nearer than `*best` letters. */
static gboolean
is_nearer (const char *word, const char *candidate, unsigned *best)
{
  unsigned d = distance (word, candidate);

  if (d >= *best || d > 1 + strlen (word) / 4)
    return FALSE;
  *best = d;
  return TRUE;
}

static void
set_unknown_key_error (const DeviceKind *kind, const char *id, const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  const char *nearest = NULL;
  unsigned best = 99;

  for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
    {
      g_string_append_printf (names, " %s", key->name);
      if (is_nearer (name, key->name, &best))
        nearest = key->name;
    }
  if (nearest != NULL)
    g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                 _ ("[%s] has no key “%s”; did you mean %s.%s? Its keys are:%s"), id, name, id, nearest,
                 names->str);
  else
    g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                 _ ("[%s] has no key “%s”; its keys are:%s"), id, name, names->str);
}

static void
set_unknown_device_error (const char *id, const char *name, GError **error)
{
  g_autoptr (GString) ids = g_string_new (NULL);
  g_autofree char *stem = g_strdup (id);
  const DeviceKind *nearest = NULL, *having = NULL;
  unsigned best = 99;

  for (size_t n = strlen (stem); n > 0 && g_ascii_isdigit (stem[n - 1]); n--)
    stem[n - 1] = '\0';
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    {
      if (kind->for_tests)
        continue;
      g_string_append_printf (ids, kind->most > 1 ? " %s0…" : kind->most == 1 ? " %s0" : " %s", kind->name);
      if (is_nearer (stem, kind->name, &best))
        nearest = kind;
      if (name != NULL && having == NULL && device_kind_key (kind, name) != NULL)
        having = kind;
    }
  if (nearest != NULL && best == 0 && nearest->most > 1)
    g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("there is no [%s]; give %s0 to %s%u"),
                 id, nearest->name, nearest->name, nearest->most - 1);
  else if (nearest != NULL || having != NULL)
    {
      const DeviceKind *meant = nearest != NULL ? nearest : having;
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                   _ ("there is no [%s]; did you mean %s%s?"), id, meant->name, meant->most > 0 ? "0" : "");
    }
  else
    g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                 _ ("there is no group “%s”; the groups are:%s"), id, ids->str);
}

static gboolean
split_key (const char *key, char **group, const char **name, GError **error)
{
  const char *dot = strchr (key, '.');

  if (dot == NULL || dot == key || dot[1] == '\0')
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                   _ ("“%s” names no setting; give GROUP.KEY, such as machine.memory or cdrom0.path"), key);
      return FALSE;
    }
  *group = g_strndup (key, dot - key);
  *name = dot + 1;
  return TRUE;
}

gboolean
definition_set (MachineDefinition *definition, const char *key, const char *value, GError **error)
{
  g_autofree char *id = NULL;
  const char *name;

  if (!split_key (key, &id, &name, error))
    return FALSE;

  const DeviceKind *kind = device_kind_of (id, NULL);
  const DefinitionKey *entry = kind != NULL ? device_kind_key (kind, name) : NULL;
  if (entry == NULL)
    {
      if (kind != NULL)
        set_unknown_key_error (kind, id, name, error);
      else
        set_unknown_device_error (id, name, error);
      return FALSE;
    }
  gboolean existed = definition_find (definition, id) != NULL;
  if (machine_device_set (definition_ensure (definition, id), entry, value, error))
    return TRUE;
  if (!existed)
    definition_remove (definition, id, NULL);
  g_prefix_error (error, "[%s] %s: ", id, name);
  return FALSE;
}

char *
definition_get (const MachineDefinition *definition, const char *key, GError **error)
{
  g_autofree char *id = NULL;
  const char *name;

  if (!split_key (key, &id, &name, error))
    return NULL;

  const DeviceKind *kind = device_kind_of (id, NULL);
  const DefinitionKey *entry = kind != NULL ? device_kind_key (kind, name) : NULL;
  const MachineDevice *device = entry != NULL ? definition_find (definition, id) : NULL;
  if (entry == NULL)
    {
      if (kind != NULL)
        set_unknown_key_error (kind, id, name, error);
      else
        set_unknown_device_error (id, name, error);
      return NULL;
    }
  if (device == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("the machine has no %s"), id);
      return NULL;
    }
  char *value = machine_device_get (device, entry);
  return value != NULL ? value : g_strdup ("");
}
