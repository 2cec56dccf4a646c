/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices.  A constant DeviceClass describes each kind; an instance begins with a Device.
 *
 * Life: device_new() → (owner sets fields, lines, properties) → device_realize() → reset at power-on →
 * { pause → drain → (save) → resume | reset }* → device_free().
 * All functions are called with the VM lock held.
 */
#pragma once

#include "core/acpi-pieces.h"
#include "core/clock.h"
#include "core/dma.h"
#include "core/irq.h"
#include "core/memory.h"
#include "core/state.h"

G_BEGIN_DECLS

typedef struct Device Device;

typedef enum
{
  PROPERTY_BOOL,   /* gboolean */
  PROPERTY_U32,    /* uint32_t */
  PROPERTY_U64,    /* uint64_t */
  PROPERTY_STRING, /* char *, owned by the instance */
} PropertyType;

typedef struct
{
  const char *name;
  PropertyType type;
  size_t offset;
  const char *fallback; /* as text; NULL: 0, FALSE, NULL */
  uint64_t min, max;    /* numbers; max 0: any */
  const char *help;
} DeviceProperty;

typedef struct
{
  const char *name; /* "i8042": lower case, the part's usual name */
  size_t instance_size;
  const StateField *state; /* never NULL; a device without state has an empty table */
  unsigned version;        /* of the table: the highest that a field is since; saved beside it */
  gboolean
      optional; /* a saved machine may lack it, and is then as after a reset; and a machine that lacks it may load it */
  const DeviceProperty *properties; /* ends with a NULL name; may be NULL */
  /* Maps registers, takes resources.  May fail with an error for a person. */
  gboolean (*realize) (Device *device, GError **error);
  /* Back to power-on state.  May be NULL. */
  void (*reset) (Device *device);
  /* The machine is paused: start no new work.  May be NULL. */
  void (*pause) (Device *device);
  /* TRUE when nothing is in flight.  Called again at each turn of the device loop until it is; who ends work on another thread wakes
   * that (g_main_context_wakeup (vm->context)).  NULL: always so. */
  gboolean (*drained) (Device *device);
  void (*resume) (Device *device);
  /* The machine's clock stood for so many ns and goes again, and the guest is to have the ticks of that time (Vm.catch_up).  May be
   * NULL. */
  void (*missed) (Device *device, int64_t ns);
  /* After the table has been loaded: check relations between fields, recompute what is derived.  May be NULL. */
  gboolean (*post_load) (Device *device, GError **error);
  /* All of the saved machine fits, and is this one now: what lies outside of this process follows.  Until here a saved machine that is refused
   * has changed nothing there; FALSE refuses it after all, and leaves it as it was.  May be NULL. */
  gboolean (*accept) (Device *device, GError **error);
  void (*unrealize) (Device *device);
  /* What ACPI's tables say of it (core/acpi-pieces.h).  May be NULL. */
  void (*acpi) (Device *device, AcpiPieces *pieces);
} DeviceClass;

struct Device
{
  const DeviceClass *klass;
  Vm *vm;
  char *id; /* unique in the machine: "ide0", "i8042" */
  gboolean realized;
  gboolean
      held; /* by its bus: it leaves, or is reset.  Counts as in flight, and isn't resumed with the machine */
  gint64 log_window; /* rate limit of device_log() */
  guint log_count;
};

/* Allocates a zeroed instance with its properties at their defaults and adds it to the machine, which owns it (vm-devices.c). */
gpointer device_new (Vm *vm, const DeviceClass *klass, const char *id);
gboolean device_set_property (Device *device, const char *name, const char *value, GError **error);
gboolean device_realize (Device *device, GError **error);
/* Unrealizes, removes from the machine and frees (vm-devices.c). */
void device_free (Device *device);
/* Their parts, which leave the machine's list alone. */
gpointer device_alloc (Vm *vm, const DeviceClass *klass, const char *id);
void device_unrealize (Device *device);
void device_dispose (Device *device);

/* What a guest does wrong, for the machine's log: at most a few lines a second a device. */
void device_log (Device *device, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
