/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes on their way to a file.
 */
#define G_LOG_DOMAIN "chipset"

#include "chipset/printer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_US   G_TIME_SPAN_SECOND
#define MOST_BYTES (4ull << 30) /* that one run of the machine prints */

struct Printer
{
  Vm *vm;
  int fd;
  char *path;
  size_t most;
  GThread *thread;
  GMutex lock;
  GCond cond;
  GByteArray *waiting;
  size_t writing; /* bytes that the thread has in hand */
  uint64_t printed;
  gboolean over, no_paper;
};

/* How many were written; less than `length`: errno. */
static size_t
write_some (int fd, const uint8_t *data, size_t length)
{
  size_t done = 0;

  while (done < length)
    {
      const ssize_t n = write (fd, data + done, length - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      done += (size_t)n;
    }
  return done;
}

/* The lock is held.  Told once, until it goes on. */
static void
note_failure (Printer *printer, int code)
{
  g_autofree char *sentence = NULL;

  if (printer->no_paper)
    return;
  printer->no_paper = TRUE;
  sentence = g_strdup_printf ("The printer's file %s takes no more: %s. Printing goes on when it does.",
                              printer->path, g_strerror (code));
  vm_report_error (printer->vm, printer->path, sentence);
}

static gpointer
write_waiting (gpointer data)
{
  Printer *printer = data;
  g_autoptr (GByteArray) taken = g_byte_array_new ();

  g_mutex_lock (&printer->lock);
  for (;;)
    {
      size_t length, done;
      int code;

      if (printer->waiting->len == 0 && printer->over)
        break;
      if (printer->waiting->len == 0)
        {
          g_cond_wait (&printer->cond, &printer->lock);
          continue;
        }
      length = printer->writing = printer->waiting->len;
      g_byte_array_set_size (taken, 0);
      g_byte_array_append (taken, printer->waiting->data, (guint)length);
      g_mutex_unlock (&printer->lock);
      done = printer->printed < MOST_BYTES ? write_some (printer->fd, taken->data, length) : 0;
      code = printer->printed < MOST_BYTES ? errno : EFBIG;
      printer->printed += done;
      g_mutex_lock (&printer->lock);
      /* Who puts adds to the end. */
      g_byte_array_remove_range (printer->waiting, 0, (guint)done);
      printer->writing = 0;
      if (done == length)
        printer->no_paper = FALSE;
      else
        {
          note_failure (printer, code);
          if (printer->over)
            break;
          g_cond_wait_until (&printer->cond, &printer->lock, g_get_monotonic_time () + AGAIN_US);
        }
      /* A machine that is about to be saved looks again. */
      g_main_context_wakeup (printer->vm->context);
    }
  g_mutex_unlock (&printer->lock);
  return NULL;
}

Printer *
printer_new (Vm *vm, int fd, const char *path, size_t most)
{
  Printer *printer = g_new0 (Printer, 1);

  printer->vm = vm;
  printer->fd = fd;
  printer->path = g_strdup (path);
  printer->most = most;
  printer->waiting = g_byte_array_new ();
  g_mutex_init (&printer->lock);
  g_cond_init (&printer->cond);
  if (lseek (fd, 0, SEEK_END) < 0)
    g_debug ("%s: %s", path, g_strerror (errno));
  printer->thread = g_thread_new ("printer", write_waiting, printer);
  return printer;
}

void
printer_free (Printer *printer)
{
  if (printer == NULL)
    return;
  g_mutex_lock (&printer->lock);
  printer->over = TRUE;
  g_cond_signal (&printer->cond);
  g_mutex_unlock (&printer->lock);
  g_thread_join (printer->thread);
  if (printer->waiting->len > 0)
    g_message ("%s: %u bytes that were printed couldn't be written", printer->path, printer->waiting->len);
  close (printer->fd);
  g_byte_array_unref (printer->waiting);
  g_mutex_clear (&printer->lock);
  g_cond_clear (&printer->cond);
  g_free (printer->path);
  g_free (printer);
}

gboolean
printer_put (Printer *printer, uint8_t byte)
{
  gboolean room;

  g_mutex_lock (&printer->lock);
  room = printer->waiting->len < printer->most;
  if (room)
    g_byte_array_append (printer->waiting, &byte, 1);
  if (room && printer->writing == 0 && !printer->no_paper)
    g_cond_signal (&printer->cond);
  g_mutex_unlock (&printer->lock);
  return room;
}

gboolean
printer_has_room (Printer *printer)
{
  gboolean room;

  g_mutex_lock (&printer->lock);
  room = printer->waiting->len < printer->most;
  g_mutex_unlock (&printer->lock);
  return room;
}

gboolean
printer_is_out_of_paper (Printer *printer)
{
  gboolean out;

  g_mutex_lock (&printer->lock);
  out = printer->no_paper;
  g_mutex_unlock (&printer->lock);
  return out;
}

gboolean
printer_is_idle (Printer *printer)
{
  gboolean idle;

  g_mutex_lock (&printer->lock);
  idle = printer->waiting->len == 0 || printer->no_paper;
  g_mutex_unlock (&printer->lock);
  return idle;
}
