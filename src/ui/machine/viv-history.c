/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A small graph of a number over the last minutes.
 */
#define G_LOG_DOMAIN "viv-history"

#include "config.h"

#include "ui/machine/viv-history.h"

#include <math.h>

#define WIDTH  96
#define HEIGHT 32

struct _VivHistory
{
  GtkWidget parent_instance;

  double values[VIV_HISTORY_LENGTH]; /* a ring */
  guint n, next;
};

G_DEFINE_FINAL_TYPE (VivHistory, viv_history, GTK_TYPE_WIDGET)

static void
viv_history_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
                     int *minimum_baseline, int *natural_baseline)
{
  *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? WIDTH : HEIGHT;
}

/* The area below the values from `first` on, up to the next gap; returns where that is. */
static guint
draw_run (VivHistory *self, cairo_t *cr, guint first, double width, double height)
{
  guint i = first;

  for (; i < self->n; i++)
    {
      double value = viv_history_get (self, self->n - 1 - i);
      double x = width * (VIV_HISTORY_LENGTH - self->n + i) / (VIV_HISTORY_LENGTH - 1);

      if (isnan (value))
        break;
      if (i == first)
        cairo_move_to (cr, x, height);
      cairo_line_to (cr, x, height - 1 - value * (height - 2));
      if (i + 1 == self->n || isnan (viv_history_get (self, self->n - 2 - i)))
        cairo_line_to (cr, x, height);
    }
  return i;
}

static void
viv_history_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VivHistory *self = VIV_HISTORY (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, (float)width, (float)height));
  GdkRGBA color;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
  for (guint i = 0; i < self->n; i++)
    i = draw_run (self, cr, i, width, height);
  color.alpha *= 0.3f;
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_fill_preserve (cr);
  color.alpha /= 0.3f;
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
  cairo_destroy (cr);
}

static void
viv_history_class_init (VivHistoryClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->measure = viv_history_measure;
  widget_class->snapshot = viv_history_snapshot;
  gtk_widget_class_set_css_name (widget_class, "history");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
viv_history_init (VivHistory *self)
{
  gtk_widget_set_valign (GTK_WIDGET (self), GTK_ALIGN_CENTER);
}

GtkWidget *
viv_history_new (const char *label)
{
  GtkWidget *self = g_object_new (VIV_TYPE_HISTORY, NULL);

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return self;
}

void
viv_history_add (VivHistory *self, double value)
{
  self->values[self->next] = isnan (value) ? value : CLAMP (value, 0, 1);
  self->next = (self->next + 1) % VIV_HISTORY_LENGTH;
  self->n = MIN (self->n + 1, VIV_HISTORY_LENGTH);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
viv_history_clear (VivHistory *self)
{
  self->n = self->next = 0;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

guint
viv_history_get_length (VivHistory *self)
{
  return self->n;
}

double
viv_history_get (VivHistory *self, guint before_last)
{
  g_return_val_if_fail (before_last < self->n, NAN);
  return self->values[(self->next + VIV_HISTORY_LENGTH - 1 - before_last) % VIV_HISTORY_LENGTH];
}
