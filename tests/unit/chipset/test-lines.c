/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Interrupt lines from threads that don't hold the VM lock, while a processor programs the controllers and answers: no edge and no level
 * is lost or left over.
 */
#include "chipset/gsi.h"
#include "chipset/ioapic.h"
#include "chipset/pic.h"
#include "tests/unit/chipset/fixture.h"

#define N_THREADS 3
#define N_PULLS   3000
#define VECTOR    0x50

typedef struct
{
  Vm *vm;
  Device *pic, *ioapic, *gsi;
  gint messages; /* atomic */
} Fixture;

typedef struct
{
  IrqLine line;
  gint *alive;
} Puller;

static void
on_msi (void *opaque, uint64_t address, uint32_t data)
{
  g_atomic_int_inc (&((Fixture *)opaque)->messages);
}

static void
on_intr (void *opaque, gboolean level)
{
}

static const VmProcessorOps processor = { .msi = on_msi, .set_intr = on_intr };

static gpointer
pull (gpointer data)
{
  Puller *puller = data;

  for (unsigned i = 0; i < N_PULLS; i++)
    {
      irq_set (&puller->line, TRUE);
      irq_set (&puller->line, FALSE);
    }
  g_atomic_int_add (puller->alive, -1);
  return NULL;
}

static void
program (Fixture *f, unsigned pin, uint32_t low)
{
  poke (f->vm, IOAPIC_ADDRESS, 0x10 + 2 * pin, 4);
  poke (f->vm, IOAPIC_ADDRESS + 0x10, low, 4);
}

static void
set_up (Fixture *f)
{
  f->vm = vm_new (NULL, TRUE);
  vm_set_processor (f->vm, &processor, f);
  vm_lock (f->vm);
  f->pic = pic_new (f->vm, vm_intr_line (f->vm), NULL);
  f->ioapic = ioapic_new (f->vm, IOAPIC_ADDRESS, NULL);
  f->gsi = gsi_new (f->vm, f->pic, f->ioapic, NULL);
  vm_unlock (f->vm);
  reset_device (f->vm, f->ioapic);
  reset_device (f->vm, f->pic);
  /* The 8259 pair in its usual mode, all open. */
  outb (f->vm, 0x20, 0x11);
  outb (f->vm, 0x21, 0x20);
  outb (f->vm, 0x21, 0x04);
  outb (f->vm, 0x21, 0x01);
  outb (f->vm, 0x21, 0);
}

/* Three sources on one edge-triggered interrupt each, another thread for each; every rise is a message. */
static void
test_edges (void)
{
  Fixture f = { 0 };
  gint alive = N_THREADS;
  Puller pullers[N_THREADS];
  GThread *threads[N_THREADS];

  set_up (&f);
  for (unsigned i = 0; i < N_THREADS; i++)
    {
      program (&f, 3 + i, VECTOR + i);
      pullers[i] = (Puller){ gsi_line (f.gsi, 3 + i), &alive };
    }
  for (unsigned i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("puller", pull, &pullers[i]);
  while (g_atomic_int_get (&alive) > 0)
    {
      program (&f, 3, VECTOR);
      vm_lock (f.vm);
      f.vm->intack (f.vm->intack_opaque);
      gsi_open (f.gsi, 3);
      vm_unlock (f.vm);
      outb (f.vm, 0x20, 0x20);
      inb (f.vm, 0x21);
    }
  for (unsigned i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (f.messages, ==, N_THREADS * N_PULLS);
  vm_free (f.vm);
}

/* Three sources share a level: it is high as long as one of them is, and at the end it is low. */
static void
test_shared_level (void)
{
  Fixture f = { 0 };
  gint alive = N_THREADS;
  Puller pullers[N_THREADS];
  GThread *threads[N_THREADS];
  IrqLine held;
  gint before;

  set_up (&f);
  for (unsigned i = 0; i < N_THREADS; i++)
    pullers[i] = (Puller){ gsi_line (f.gsi, 10), &alive };
  held = gsi_line (f.gsi, 10);
  program (&f, 10, VECTOR | 1 << 15);
  for (unsigned i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("puller", pull, &pullers[i]);
  while (g_atomic_int_get (&alive) > 0)
    {
      vm_lock (f.vm);
      f.vm->eoi (f.vm->eoi_opaque, VECTOR);
      vm_unlock (f.vm);
      g_thread_yield ();
    }
  for (unsigned i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  vm_lock (f.vm);
  f.vm->eoi (f.vm->eoi_opaque, VECTOR);
  before = g_atomic_int_get (&f.messages);
  f.vm->eoi (f.vm->eoi_opaque, VECTOR);
  vm_unlock (f.vm);
  g_assert_cmpint (f.messages, ==, before);
  irq_set (&held, TRUE);
  g_assert_cmpint (f.messages, ==, before + 1);
  vm_free (f.vm);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lines/edges", test_edges);
  g_test_add_func ("/lines/shared-level", test_shared_level);
  return g_test_run ();
}
