/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * machine.ini: from text to MachineDefinition and back, by the table in definition-keys.c.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "block/regular-file.h"
#include "machine/definition.h"

#include "machine/output-file.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* A definition is a page of text; a file of this size is something else. */
#define MAX_FILE_SIZE      (1024 * 1024)
#define DEFAULT_MAX_STRING 4096

G_DEFINE_QUARK (definition - error - quark, definition_error)

/* -- Groups with a number --------------------------------------------------------------------------- */

typedef enum
{
  GROUP_DISK = DRIVE_DISK,
  GROUP_CDROM = DRIVE_CDROM,
  GROUP_FLOPPY = DRIVE_FLOPPY,
  GROUP_SERIAL,
  N_NUMBERED_GROUPS
} NumberedGroup;

static const struct
{
  const char *name;
  unsigned count;
} numbered_groups[N_NUMBERED_GROUPS] = {
  [GROUP_DISK] = { "disk", DEFINITION_MAX_DISKS },
  [GROUP_CDROM] = { "cdrom", DEFINITION_MAX_CDROMS },
  [GROUP_FLOPPY] = { "floppy", DEFINITION_MAX_FLOPPIES },
  [GROUP_SERIAL] = { "serial", DEFINITION_MAX_SERIALS },
};

/* "disk3" → GROUP_DISK, 3.  Numbers as people write them only: no "disk03", so that a group has one name. */
static gboolean
parse_numbered (const char *group, NumberedGroup *kind, unsigned *number)
{
  for (unsigned i = 0; i < N_NUMBERED_GROUPS; i++)
    {
      size_t length = strlen (numbered_groups[i].name);
      const char *digits = group + length;
      guint64 n;

      if (strncmp (group, numbered_groups[i].name, length) != 0 || (digits[0] == '0' && digits[1] != '\0')
          || !g_ascii_string_to_unsigned (digits, 10, 0, numbered_groups[i].count - 1, &n, NULL))
        continue;
      *kind = i;
      *number = n;
      return TRUE;
    }
  return FALSE;
}

static gboolean
key_in_group (const DefinitionKey *key, const char *group)
{
  NumberedGroup kind;
  unsigned number;

  if (!g_str_has_suffix (key->group, "*"))
    return g_str_equal (key->group, group);
  return parse_numbered (group, &kind, &number)
         && strncmp (key->group, numbered_groups[kind].name, strlen (key->group) - 1) == 0
         && strlen (numbered_groups[kind].name) == strlen (key->group) - 1;
}

const DefinitionKey *
definition_find_key (const char *group, const char *name)
{
  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    if (g_str_equal (key->name, name) && key_in_group (key, group))
      return key;
  return NULL;
}

const char *
drive_kind_name (DriveKind kind)
{
  return numbered_groups[kind].name;
}

static void
drive_free (gpointer data)
{
  MachineDrive *drive = data;

  g_free (drive->id);
  g_free (drive->path);
  g_free (drive->format);
  g_free (drive);
}

static void
serial_free (gpointer data)
{
  MachineSerial *serial = data;

  g_free (serial->id);
  g_free (serial->backend);
  g_free (serial);
}

/* -- Values ----------------------------------------------------------------------------------------- */

gboolean
definition_parse_size (const char *text, uint64_t *bytes, GError **error)
{
  static const char suffixes[] = "KMGT";
  char *end;
  double number;
  unsigned shift = 20;

  /* g_ascii_strtod() knows signs, "inf", "nan" and hexadecimal; a size is digits with at most one point. */
  size_t digits = strspn (text, "0123456789.");
  if (digits == 0 || digits > 20 || !g_ascii_isdigit (text[0]))
    goto bad;
  number = g_ascii_strtod (text, &end);
  if (end != text + digits)
    goto bad;
  while (*end == ' ')
    end++;
  if (*end != '\0')
    {
      const char *suffix = strchr (suffixes, g_ascii_toupper (*end));
      if (g_ascii_toupper (*end) == 'B' && end[1] == '\0')
        {
          shift = 0;
          end++;
        }
      else if (suffix == NULL)
        goto bad;
      else
        {
          shift = 10 * (suffix - suffixes + 1);
          end++;
          if (g_ascii_strcasecmp (end, "iB") == 0 || g_ascii_strcasecmp (end, "B") == 0)
            end = strchr (end, '\0');
        }
      if (*end != '\0')
        goto bad;
    }
  number *= (double)(1ull << shift);
  if (number >= 9.2e18)
    goto bad;
  *bytes = (uint64_t)number;
  return TRUE;

bad:
  g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
               _ ("“%s” is not a size; give a number with K, M, G or T, such as 512M or 2G"), text);
  return FALSE;
}

char *
definition_format_size (uint64_t bytes)
{
  static const char suffixes[] = "TGMK";

  for (unsigned i = 0; i < 4; i++)
    {
      unsigned shift = 40 - 10 * i;
      if (bytes >= 1ull << shift && bytes % (1ull << shift) == 0)
        return g_strdup_printf ("%" G_GUINT64_FORMAT "%c", bytes >> shift, suffixes[i]);
    }
  return g_strdup_printf ("%" G_GUINT64_FORMAT "B", bytes);
}

gboolean
definition_check_name (const char *name, GError **error)
{
  size_t length = name != NULL ? strlen (name) : 0;
  gboolean good = length >= 1 && length <= DEFINITION_MAX_NAME && g_utf8_validate (name, length, NULL)
                  && !g_unichar_isspace (g_utf8_get_char (name))
                  && !g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (name + length)));

  for (const char *p = name; good && *p != '\0'; p = g_utf8_next_char (p))
    {
      GUnicodeType type = g_unichar_type (g_utf8_get_char (p));
      good = type != G_UNICODE_CONTROL && type != G_UNICODE_LINE_SEPARATOR
             && type != G_UNICODE_PARAGRAPH_SEPARATOR;
    }
  if (!good)
    {
      g_autofree char *shown = g_utf8_make_valid (name != NULL ? name : "", -1);
      g_set_error (
          error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
          _ ("“%s” can't be a machine's name: give 1 to 128 bytes of text in one line, without a blank "
             "at either end"),
          shown);
    }
  return good;
}

/* -- Paths ------------------------------------------------------------------------------------------ */

#define URI_SCHEME "file:"

char *
definition_path_to_text (const char *path)
{
  if (path == NULL || (g_utf8_validate (path, -1, NULL) && !g_str_has_prefix (path, URI_SCHEME)))
    return g_strdup (path);
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE);
  return g_strconcat (URI_SCHEME, path[0] == '/' ? "//" : "", escaped, NULL);
}

char *
definition_path_from_text (const char *text)
{
  if (text == NULL || !g_str_has_prefix (text, URI_SCHEME))
    return g_strdup (text);
  text += strlen (URI_SCHEME);
  g_autofree char *path = g_uri_unescape_string (g_str_has_prefix (text, "///") ? text + 2 : text, NULL);

  return path != NULL ? g_steal_pointer (&path) : g_strdup (text);
}

char *
definition_new_mac (void)
{
  guint32 tail = g_random_int ();
  return g_strdup_printf ("02:56:%02x:%02x:%02x:%02x", tail >> 24, (tail >> 16) & 0xff, (tail >> 8) & 0xff,
                          tail & 0xff);
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

/* Parses `text` into `object`'s field.  Nothing changes on error. */
static gboolean
set_value (const DefinitionKey *key, gpointer object, const char *text, GError **error)
{
  gpointer field = (char *)object + key->offset;
  g_autofree char *stripped = NULL;
  gboolean flag;
  guint64 number = 0;

  /* GKeyFile keeps blanks at a line's end, which nobody sees. */
  if (key->type != KEY_STRING && key->type != KEY_PATH)
    text = stripped = g_strstrip (g_strdup (text));

  g_autofree char *path = key->type == KEY_PATH ? definition_path_from_text (text) : NULL;
  if (path != NULL)
    text = path;
  else if (!g_utf8_validate (text, -1, NULL))
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
      *(gboolean *)field = flag;
      return TRUE;

    case KEY_NUMBER:
      if (!g_ascii_string_to_unsigned (text, 10, key->min, key->max, &number, NULL))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       _ ("“%s” is not a number from %" PRIu64 " to %" PRIu64), text, key->min, key->max);
          return FALSE;
        }
      break;

    case KEY_SIZE:
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
      if (*text == '\0'
          && (key->check == NULL
              || (key->offset != offsetof (MachineDefinition, name)
                  && key->offset != offsetof (MachineDefinition, uuid))))
        {
          g_free (*(char **)field);
          *(char **)field = g_strdup (key->fallback);
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

  if (key->type == KEY_NUMBER)
    *(uint32_t *)field = number;
  else if (key->type == KEY_SIZE)
    *(uint64_t *)field = number;
  else
    {
      g_free (*(char **)field);
      *(char **)field = g_strdup (text);
    }
  return TRUE;
}

/* NULL: not set. */
static char *
get_value (const DefinitionKey *key, gconstpointer object)
{
  gconstpointer field = (const char *)object + key->offset;

  switch (key->type)
    {
    case KEY_BOOL:
      return g_strdup (*(const gboolean *)field ? "true" : "false");
    case KEY_NUMBER:
      return g_strdup_printf ("%u", *(const uint32_t *)field);
    case KEY_SIZE:
      return definition_format_size (*(const uint64_t *)field);
    case KEY_PATH:
      return definition_path_to_text (*(char *const *)field);
    default:
      return g_strdup (*(char *const *)field);
    }
}

static void
set_defaults (const char *group, gpointer object)
{
  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    if (key->fallback != NULL && key_in_group (key, group) && !set_value (key, object, key->fallback, NULL))
      g_assert_not_reached ();
}

/* -- Drives and ports ------------------------------------------------------------------------------- */

MachineDrive *
definition_find_drive (const MachineDefinition *definition, const char *id)
{
  for (guint i = 0; i < definition->drives->len; i++)
    {
      MachineDrive *drive = g_ptr_array_index (definition->drives, i);
      if (g_str_equal (drive->id, id))
        return drive;
    }
  return NULL;
}

/* Puts an element with the id at its place: by kind, then by number. */
static void
insert_ordered (GPtrArray *array, gpointer element)
{
  NumberedGroup kind = 0, other_kind;
  unsigned number = 0, other_number;
  guint at = 0;

  /* Both MachineDrive and MachineSerial begin with their id. */
  parse_numbered (*(char **)element, &kind, &number);
  for (; at < array->len; at++)
    if (parse_numbered (*(char **)g_ptr_array_index (array, at), &other_kind, &other_number)
        && (other_kind > kind || (other_kind == kind && other_number > number)))
      break;
  g_ptr_array_insert (array, at, element);
}

/* The struct behind a group, made if need be; NULL: an unknown group. */
static gpointer
group_object (MachineDefinition *definition, const char *group, gboolean create)
{
  NumberedGroup kind;
  unsigned number;

  if (!parse_numbered (group, &kind, &number))
    {
      for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
        if (g_str_equal (key->group, group))
          return definition;
      return NULL;
    }
  if (kind == GROUP_SERIAL)
    {
      for (guint i = 0; i < definition->serials->len; i++)
        {
          MachineSerial *serial = g_ptr_array_index (definition->serials, i);
          if (g_str_equal (serial->id, group))
            return serial;
        }
      if (!create)
        return NULL;
      MachineSerial *serial = g_new0 (MachineSerial, 1);
      serial->id = g_strdup (group);
      set_defaults (group, serial);
      insert_ordered (definition->serials, serial);
      return serial;
    }

  MachineDrive *drive = definition_find_drive (definition, group);
  if (drive == NULL && create)
    {
      drive = g_new0 (MachineDrive, 1);
      drive->id = g_strdup (group);
      drive->kind = (DriveKind)kind;
      set_defaults (group, drive);
      insert_ordered (definition->drives, drive);
    }
  return drive;
}

MachineDrive *
definition_add_drive (MachineDefinition *definition, DriveKind kind, const char *path)
{
  for (unsigned i = 0; i < numbered_groups[kind].count; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", numbered_groups[kind].name, i);
      if (definition_find_drive (definition, id) != NULL)
        continue;
      MachineDrive *drive = group_object (definition, id, TRUE);
      drive->path = g_strdup (path);
      return drive;
    }
  return NULL;
}

gboolean
definition_remove_drive (MachineDefinition *definition, const char *id)
{
  MachineDrive *drive = definition_find_drive (definition, id);
  return drive != NULL && g_ptr_array_remove (definition->drives, drive);
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

/* -- Life ------------------------------------------------------------------------------------------- */

static MachineDefinition *
definition_new_empty (void)
{
  MachineDefinition *definition = g_new0 (MachineDefinition, 1);

  definition->refs = 1;
  definition->file = g_key_file_new ();
  definition->drives = g_ptr_array_new_with_free_func (drive_free);
  definition->serials = g_ptr_array_new_with_free_func (serial_free);
  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    if (!g_str_has_suffix (key->group, "*") && key->fallback != NULL
        && !set_value (key, definition, key->fallback, NULL))
      g_assert_not_reached ();
  group_object (definition, "serial0", TRUE);
  return definition;
}

MachineDefinition *
definition_new (const char *name)
{
  MachineDefinition *definition = definition_new_empty ();

  definition->name = g_strdup (name);
  definition->uuid = g_uuid_string_random ();
  definition->mac = definition_new_mac ();
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
  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    if (!g_str_has_suffix (key->group, "*") && key->type != KEY_BOOL && key->type != KEY_NUMBER
        && key->type != KEY_SIZE)
      g_free (*(char **)((char *)definition + key->offset));
  g_key_file_unref (definition->file);
  g_ptr_array_unref (definition->drives);
  g_ptr_array_unref (definition->serials);
  g_free (definition->folder);
  g_free (definition);
}

/* -- One value -------------------------------------------------------------------------------------- */

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

static void
set_unknown_error (const char *group, const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  NumberedGroup kind;
  unsigned number;

  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    if (key_in_group (key, group))
      g_string_append_printf (names, " %s", key->name);
  if (names->len != 0)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                   _ ("[%s] has no key “%s”; its keys are:%s"), group, name, names->str);
      return;
    }
  for (unsigned i = 0; i < N_NUMBERED_GROUPS; i++)
    if (g_str_has_prefix (group, numbered_groups[i].name) && !parse_numbered (group, &kind, &number))
      {
        g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                     _ ("there is no [%s]; give %s0 to %s%u"), group, numbered_groups[i].name,
                     numbered_groups[i].name, numbered_groups[i].count - 1);
        return;
      }
  g_set_error (
      error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
      _ ("there is no group “%s”; the groups are: machine display0 input net0 disk0… cdrom0… floppy0… serial0…"),
      group);
}

gboolean
definition_set (MachineDefinition *definition, const char *key, const char *value, GError **error)
{
  g_autofree char *group = NULL;
  const char *name;

  if (!split_key (key, &group, &name, error))
    return FALSE;

  const DefinitionKey *entry = definition_find_key (group, name);
  if (entry == NULL)
    {
      set_unknown_error (group, name, error);
      return FALSE;
    }
  gboolean existed = group_object (definition, group, FALSE) != NULL;
  if (set_value (entry, group_object (definition, group, TRUE), value, error))
    return TRUE;
  if (!existed)
    definition_remove_drive (definition, group);
  g_prefix_error (error, "[%s] %s: ", group, name);
  return FALSE;
}

char *
definition_get (const MachineDefinition *definition, const char *key, GError **error)
{
  g_autofree char *group = NULL;
  const char *name;

  if (!split_key (key, &group, &name, error))
    return NULL;

  const DefinitionKey *entry = definition_find_key (group, name);
  gconstpointer object = entry != NULL ? group_object ((MachineDefinition *)definition, group, FALSE) : NULL;
  if (entry == NULL)
    {
      set_unknown_error (group, name, error);
      return NULL;
    }
  if (object == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("the machine has no %s"), group);
      return NULL;
    }
  char *value = get_value (entry, object);
  return value != NULL ? value : g_strdup ("");
}

/* -- Files ------------------------------------------------------------------------------------------ */

static gboolean
load_keys (MachineDefinition *definition, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (definition->file, NULL);

  for (char **group = groups; *group != NULL; group++)
    {
      gpointer object = group_object (definition, *group, TRUE);
      if (object == NULL)
        continue; /* somebody else's; kept as it is */

      g_auto (GStrv) names = g_key_file_get_keys (definition->file, *group, NULL, error);
      if (names == NULL)
        return FALSE;
      for (char **name = names; *name != NULL; name++)
        {
          const DefinitionKey *key = definition_find_key (*group, *name);
          if (key == NULL)
            continue;
          g_autofree char *text = g_key_file_get_string (definition->file, *group, *name, error);
          if (text == NULL || !set_value (key, object, text, error))
            {
              g_prefix_error (error, "[%s] %s: ", *group, *name);
              return FALSE;
            }
        }
    }
  return TRUE;
}

MachineDefinition *
definition_parse (const char *text, gssize length, const char *path, GError **error)
{
  g_autoptr (MachineDefinition) definition = definition_new_empty ();
  gsize size = length < 0 ? strlen (text) : (gsize)length;

  if (path != NULL)
    {
      g_autofree char *absolute = g_canonicalize_filename (path, NULL);
      definition->folder = g_path_get_dirname (absolute);
    }
  if (size > MAX_FILE_SIZE || memchr (text, '\0', size) != NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("this is not a machine definition"));
      goto fail;
    }
  if (!g_key_file_load_from_data (definition->file, text, size, G_KEY_FILE_KEEP_COMMENTS, error)
      || !load_keys (definition, error))
    goto fail;
  if (definition->name == NULL)
    {
      /* The folder's name is as good a name as any. */
      g_autofree char *base = definition->folder != NULL ? g_path_get_basename (definition->folder) : NULL;
      if (base == NULL || !definition_check_name (base, NULL))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
                       _ ("[machine] name: the key is missing"));
          goto fail;
        }
      definition->name = g_steal_pointer (&base);
    }
  if (definition->uuid == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
                   _ ("[machine] uuid: the key is missing"));
      goto fail;
    }
  return g_steal_pointer (&definition);

fail:
  if (path != NULL)
    {
      g_autofree char *shown = g_filename_display_name (path);
      g_prefix_error (error, "%s: ", shown);
    }
  /* GLib's errors quote the file's bytes, whatever they are. */
  if (error != NULL && !g_utf8_validate ((*error)->message, -1, NULL))
    {
      char *valid = g_utf8_make_valid ((*error)->message, -1);

      g_free ((*error)->message);
      (*error)->message = valid;
    }
  return NULL;
}

MachineDefinition *
definition_load (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (!regular_file_read (path, MAX_FILE_SIZE, &text, &length, error))
    return NULL;
  return definition_parse (text, length, path, error);
}

static void
store_group (GKeyFile *file, const char *group, gconstpointer object, gboolean numbered)
{

  for (const DefinitionKey *key = definition_keys; key->name != NULL; key++)
    {
      if (!key_in_group (key, group))
        continue;
      g_autofree char *value = get_value (key, object);
      gboolean present = g_key_file_has_key (file, group, key->name, NULL);

      if (value == NULL || *value == '\0')
        {
          /* An empty drive is said so: its group must not vanish. */
          if (numbered && key->type == KEY_PATH)
            g_key_file_set_string (file, group, key->name, "");
          else if (present)
            g_key_file_remove_key (file, group, key->name, NULL);
          continue;
        }
      /* What is left to the default follows the default of later versions.  What a person sees first is spelled out. */
      if (!present && g_strcmp0 (value, key->fallback) == 0 && key->type != KEY_SIZE
          && !g_str_equal (key->name, "cpus") && !(numbered && key->type == KEY_CHOICE))
        continue;
      g_autofree char *old = present ? g_key_file_get_string (file, group, key->name, NULL) : NULL;
      if (g_strcmp0 (old, value) != 0)
        g_key_file_set_string (file, group, key->name, value);
    }
}

/* A definition that somebody holds never changes: what it becomes is written to a copy of its file. */
static GKeyFile *
store (const MachineDefinition *definition)
{
  static const char *const fixed[] = { "machine", "display0", "input", "net0" };
  g_autofree char *text = g_key_file_to_data (definition->file, NULL, NULL);
  GKeyFile *file = g_key_file_new ();
  NumberedGroup kind;
  unsigned number;

  g_key_file_load_from_data (file, text, -1, G_KEY_FILE_KEEP_COMMENTS, NULL);
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group != NULL; group++)
    if (parse_numbered (*group, &kind, &number)
        && group_object ((MachineDefinition *)definition, *group, FALSE) == NULL)
      g_key_file_remove_group (file, *group, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (fixed); i++)
    store_group (file, fixed[i], definition, FALSE);
  for (guint i = 0; i < definition->drives->len; i++)
    store_group (file, ((MachineDrive *)g_ptr_array_index (definition->drives, i))->id,
                 g_ptr_array_index (definition->drives, i), TRUE);
  for (guint i = 0; i < definition->serials->len; i++)
    store_group (file, ((MachineSerial *)g_ptr_array_index (definition->serials, i))->id,
                 g_ptr_array_index (definition->serials, i), TRUE);
  return file;
}

char *
definition_to_text (const MachineDefinition *definition)
{
  g_autoptr (GKeyFile) file = store (definition);

  return g_key_file_to_data (file, NULL, NULL);
}

MachineDefinition *
definition_copy (const MachineDefinition *definition)
{
  g_autofree char *text = definition_to_text (definition);
  g_autoptr (GError) error = NULL;
  MachineDefinition *copy = definition_parse (text, -1, NULL, &error);

  if (copy == NULL)
    {
      /* Somebody set a field past definition_set() to what the parser refuses. */
      g_critical ("definition_copy: %s", error->message);
      return definition_new ("?");
    }
  copy->folder = g_strdup (definition->folder);
  return copy;
}

gboolean
definition_save (const MachineDefinition *definition, const char *path, GError **error)
{
  g_autofree char *text = definition_to_text (definition);

  /* Reads back what it is about to write: a file that can't be loaded again is never put in place of one that can. */
  g_autoptr (MachineDefinition) check = definition_parse (text, -1, path, error);
  if (check == NULL)
    return FALSE;
  return viv_write_file (path, text, strlen (text), 0600, error);
}
