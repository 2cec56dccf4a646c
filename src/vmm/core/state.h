/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * State tables: what of a structure is saved, in which shape, with which limits.  One table saves, loads
 * (the file is hostile: names, types, counts and limits are checked before anything is changed outside of the
 * structure), prints, and is golden-tested.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef enum
{
  STATE_TYPE_END,
  STATE_TYPE_BOOL, /* gboolean */
  STATE_TYPE_U8,
  STATE_TYPE_U16,
  STATE_TYPE_U32, /* int and enums too; negative values are kept bit by bit */
  STATE_TYPE_U64,
  STATE_TYPE_TIMER,  /* VmTimer: the deadline; loading arms or cancels it */
  STATE_TYPE_STRUCT, /* nested table */
  STATE_TYPE_BUFFER, /* uint8_t * to memory of fixed size `count` owned by the device */
  STATE_TYPE_SINCE,  /* no field: see STATE_SINCE */
} StateType;

typedef struct StateField
{
  const char *name;
  StateType type;
  size_t offset;
  unsigned count;                  /* elements; 1 for a scalar */
  size_t stride;                   /* bytes from one element to the next */
  uint64_t max;                    /* largest value that a load accepts; 0: any */
  const struct StateField *fields; /* STRUCT */
} StateField;

#define STATE_FIELD_(T, f, type_, n_, stride_, max_, sub_)                                      \
  {                                                                                             \
    .name = #f, .type = (type_), .offset = offsetof (T, f), .count = (n_), .stride = (stride_), \
    .max = (max_), .fields = (sub_)                                                             \
  }
#define STATE_SIZE_(T, f) sizeof (((T *)0)->f)
#define STATE_SCALAR_(T, f, type_, ctype, max_)                                                    \
  STATE_FIELD_ (T, f, type_, 1 + 0 * sizeof (char[STATE_SIZE_ (T, f) == sizeof (ctype) ? 1 : -1]), \
                sizeof (ctype), max_, NULL)
#define STATE_ARRAY_(T, f, type_, ctype) \
  STATE_FIELD_ (T, f, type_, STATE_SIZE_ (T, f) / sizeof (ctype), sizeof (ctype), 0, NULL)

#define STATE_BOOL(T, f) STATE_SCALAR_ (T, f, STATE_TYPE_BOOL, gboolean, 1)
#define STATE_U8(T, f)   STATE_SCALAR_ (T, f, STATE_TYPE_U8, uint8_t, 0)
#define STATE_U16(T, f)  STATE_SCALAR_ (T, f, STATE_TYPE_U16, uint16_t, 0)
#define STATE_U32(T, f)  STATE_SCALAR_ (T, f, STATE_TYPE_U32, uint32_t, 0)
#define STATE_U64(T, f)  STATE_SCALAR_ (T, f, STATE_TYPE_U64, uint64_t, 0)
/* With a largest value: an index or length that code trusts must have one. */
#define STATE_U8_MAX(T, f, m)  STATE_SCALAR_ (T, f, STATE_TYPE_U8, uint8_t, m)
#define STATE_U16_MAX(T, f, m) STATE_SCALAR_ (T, f, STATE_TYPE_U16, uint16_t, m)
#define STATE_U32_MAX(T, f, m) STATE_SCALAR_ (T, f, STATE_TYPE_U32, uint32_t, m)
#define STATE_U64_MAX(T, f, m) STATE_SCALAR_ (T, f, STATE_TYPE_U64, uint64_t, m)
/* C arrays, of any number of dimensions. */
#define STATE_U8_ARRAY(T, f)    STATE_ARRAY_ (T, f, STATE_TYPE_U8, uint8_t)
#define STATE_U16_ARRAY(T, f)   STATE_ARRAY_ (T, f, STATE_TYPE_U16, uint16_t)
#define STATE_U32_ARRAY(T, f)   STATE_ARRAY_ (T, f, STATE_TYPE_U32, uint32_t)
#define STATE_U64_ARRAY(T, f)   STATE_ARRAY_ (T, f, STATE_TYPE_U64, uint64_t)
#define STATE_TIMER(T, f)       STATE_FIELD_ (T, f, STATE_TYPE_TIMER, 1, 0, 0, NULL)
#define STATE_STRUCT(T, f, sub) STATE_FIELD_ (T, f, STATE_TYPE_STRUCT, 1, 0, 0, sub)
#define STATE_STRUCTS(T, f, E_, sub) \
  STATE_FIELD_ (T, f, STATE_TYPE_STRUCT, STATE_SIZE_ (T, f) / sizeof (E_), sizeof (E_), 0, sub)
/* `f` is a uint8_t * to exactly n bytes. */
#define STATE_BUFFER(T, f, n) STATE_FIELD_ (T, f, STATE_TYPE_BUFFER, n, 0, 0, NULL)
/* The fields behind this one, up to the next such line, joined the table with version `version_` of their owner (DeviceClass.version), after
 * files had been saved without them.  What an older file lacks gets `fallback_` in each element, timers are disarmed; where that isn't
 * enough, post_load makes it right.  A field is never changed in type or count, and never taken away. */
#define STATE_SINCE(version_, fallback_)                                                             \
  {                                                                                                  \
    .name = "", .type = STATE_TYPE_SINCE, .count = (version_), .max = (uint64_t)(int64_t)(fallback_) \
  }
/* The same, and a reader that doesn't know such a field may go on without it: the file says so. */
#define STATE_OPTIONAL_SINCE(version_, fallback_)                           \
  {                                                                         \
    .name = "", .type = STATE_TYPE_SINCE, .count = (version_), .stride = 1, \
    .max = (uint64_t)(int64_t)(fallback_)                                   \
  }
/* What came before versions were counted. */
#define STATE_ADDED STATE_SINCE (1, 0)
#define STATE_END          \
  {                        \
    .type = STATE_TYPE_END \
  }

#define STATE_ERROR (state_error_quark ())
GQuark state_error_quark (void);
typedef enum
{
  STATE_ERROR_FORMAT, /* not what a save writes: cut short, wrong type or count, unknown or missing field */
  STATE_ERROR_RANGE,  /* a value over its limit */
  STATE_ERROR_NEWER,  /* a part that this version doesn't know and must not leave out */
  STATE_ERROR_HOST,   /* what the saved machine's processor had and this one hasn't */
} StateError;

/* The highest version that a field of the table is since. */
unsigned state_version (const StateField *fields);
/* Appends the fields of `object` to `out`. */
void state_save (const StateField *fields, const void *object, GByteArray *out);
/* Reads exactly `length` bytes that version `version` has written, which may be newer than the table.  Fields come by name in any order,
 * each exactly once; those that are since a later version may be missing.  An unknown one is skipped if it says that it may be, else
 * the state is refused. */
gboolean state_load_version (const StateField *fields, void *object, unsigned version, const uint8_t *data,
                             size_t length, GError **error);
/* The same for what doesn't say its version: all that is since one may be missing. */
gboolean state_load (const StateField *fields, void *object, const uint8_t *data, size_t length,
                     GError **error);
/* "name = value" lines, for debugging and golden tests. */
void state_print (const StateField *fields, const void *object, const char *indent, GString *out);

G_END_DECLS
