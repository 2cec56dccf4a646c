/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two software processors in lockstep, one of them saved now and then and going on as another machine: what the state lacks shows
 * as a different state later on.  The clock moves by hand between slices of instructions, so both do the same exactly.
 */
#include "tests/unit/cpu/soft-guest.h"

#include "core/save.h"

#include <sys/socket.h>
#include <unistd.h>

#define HANDLER (CODE + 0x800)

/* x2APIC, its timer (%edi: LVT, %esi: initial count), then arithmetic of each unit, the counter, memory, and an interrupt to itself now
 * and then. */
GUEST_CODE (work, ".code64",
            "mov $0x1b, %ecx\n rdmsr\n or $0xc00, %eax\n wrmsr\n"
            "xor %edx, %edx\n mov $0x80f, %ecx\n mov $0x1ff, %eax\n wrmsr\n"
            "mov $0x83e, %ecx\n mov $0xb, %eax\n wrmsr\n"
            "mov $0x832, %ecx\n mov %edi, %eax\n wrmsr\n"
            "mov $0x838, %ecx\n mov %esi, %eax\n wrmsr\n"
            "fninit\n fld1\n pxor %xmm1, %xmm1\n mov $1, %rbx\n sti\n"
            "1: imul $1664525, %rbx, %rbx\n add $1013904223, %rbx\n"
            "mov %rbx, %rax\n and $0xff8, %eax\n mov %rbx, 0xd000(%rax)\n"
            "cvtsi2sd %rbx, %xmm0\n addsd %xmm0, %xmm1\n sqrtsd %xmm1, %xmm2\n"
            "fildq 0xd000(%rax)\n faddp\n"
            "rdtsc\n xor %rax, %r8\n adc $0, %r9\n"
            "mov $0x839, %ecx\n rdmsr\n add %rax, %r10\n"
            "inc %r11\n test $63, %r11d\n jnz 2f\n"
            "mov $0x83f, %ecx\n mov $0x41, %eax\n xor %edx, %edx\n wrmsr\n"
            "2: test $255, %r11d\n jnz 1b\n hlt\n jmp 1b\n");
/* Counts, ends the interrupt, and arms the deadline anew where the timer is in that mode. */
GUEST_CODE (handler, ".code64",
            "push %rax\n push %rcx\n push %rdx\n incq 0xcf00\n"
            "test $0x40000, %edi\n jz 1f\n"
            "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n add $40000, %rax\n mov %rax, %rdx\n shr $32, %rdx\n"
            "mov $0x6e0, %ecx\n wrmsr\n"
            "1: mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n"
            "pop %rdx\n pop %rcx\n pop %rax\n iretq\n");

static Guest *
twin_new (uint32_t lvt, uint32_t count)
{
  Guest *g = guest_new (1);
  g_autofree CpuState *s = g_new0 (CpuState, 1);

  guest_state (g, s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, work);
  GUEST_LOAD (g, HANDLER, handler);
  guest_gate (g, 0x40, CS64, HANDLER, 0x8e, TRUE);
  guest_gate (g, 0x41, CS64, HANDLER, 0x8e, TRUE);
  s->gpr[CPU_RDI] = lvt;
  s->gpr[CPU_RSI] = count;
  guest_start (g, s);
  return g;
}

static GByteArray *
saved (Guest *g)
{
  GByteArray *out = g_byte_array_new ();

  g->vm->processor->save (g->vm->processor_opaque, 0, out);
  return out;
}

/* Saved, and loaded into a machine that was just made. */
static Guest *
replace (Guest *g)
{
  g_autoptr (GByteArray) state = saved (g);
  g_autoptr (GError) error = NULL;
  Guest *other = guest_new (1);

  memcpy (other->ram, g->ram, GUEST_RAM);
  vm_clock_set (other->vm->clock, vm_clock_now (g->vm->clock), -1);
  g_assert_true (
      other->vm->processor->load (other->vm->processor_opaque, 0, state->data, state->len, &error));
  g_assert_no_error (error);
  guest_free (g);
  return other;
}

/* The same by a socket, memory in passes, while the guest writes. */
typedef struct
{
  Guest *from, *to;
  int ends[2];
  SaveSink *sink;
  VmSave *save;
  GThread *reader;
  GError *error;
} Move;

static gpointer
read_machine (gpointer data)
{
  Move *move = data;
  gboolean ok = vm_load_fd (move->to->vm, move->ends[1], "the socket", &move->error);

  close (move->ends[1]); /* a writer doesn't wait for us for ever */
  return GINT_TO_POINTER (ok);
}

static void
move_begin (Move *move, Guest *from)
{
  *move = (Move){ .from = from, .to = guest_new (1) };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, move->ends), ==, 0);
  /* What isn't sent must show. */
  memset (move->to->ram, 0xee, GUEST_RAM);
  move->sink = save_sink_new_fd (move->ends[0], "the socket");
  move->save = vm_save_begin (from->vm, move->sink, TRUE);
  move->reader = g_thread_new ("reader", read_machine, move);
}

static uint64_t
move_pass (Move *move)
{
  g_autoptr (GError) error = NULL;
  uint64_t sent;

  vm_save_pass (move->save, &sent, &error);
  g_assert_no_error (error);
  return sent;
}

static Guest *
move_end (Move *move)
{
  g_autoptr (GError) error = NULL;
  gboolean read;

  vm_save_finish (move->save, &error);
  g_assert_no_error (error);
  read = GPOINTER_TO_INT (g_thread_join (move->reader));
  g_assert_no_error (move->error);
  g_assert_true (read);
  vm_save_free (move->save);
  save_sink_free (move->sink);
  close (move->ends[0]);
  return move->to;
}

static void
compare (Guest *a, Guest *b, unsigned round)
{
  g_autofree CpuState *x = g_new0 (CpuState, 1), *y = g_new0 (CpuState, 1);
  g_autoptr (GString) s = g_string_new (NULL), t = g_string_new (NULL);

  soft_engine_class.get_state (a->engine, 0, x);
  soft_engine_class.get_state (b->engine, 0, y);
  state_print (cpu_state_fields, x, "", s);
  state_print (cpu_state_fields, y, "", t);
  if (!g_str_equal (s->str, t->str))
    g_test_message ("round %u", round);
  g_assert_cmpstr (s->str, ==, t->str);
  g_assert_cmpmem (a->ram, CODE + 0x4000, b->ram, CODE + 0x4000);
}

static void
test_lockstep (gconstpointer data)
{
  const uint32_t *timer = data; /* LVT, initial count, and the fewest interrupts */
  Guest *a = twin_new (timer[0], timer[1]), *b = twin_new (timer[0], timer[1]);
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  Move move = { 0 };

  for (unsigned round = 0; round < 600; round++)
    {
      int64_t slice = g_rand_int_range (rand, 50, 3000), ns = g_rand_int_range (rand, 1, 20000);

      for (unsigned i = 0; i < 2; i++)
        {
          Guest *g = i == 0 ? a : b;

          if (soft_cpu_runnable (g->cpu))
            soft_cpu_run (g->cpu, slice);
          vm_lock (g->vm);
          vm_clock_advance (g->vm->clock, ns);
          vm_unlock (g->vm);
        }
      if (round % 40 == 10)
        move_begin (&move, b);
      else if (round % 40 == 20)
        {
          b = move_end (&move);
          guest_free (move.from);
        }
      else if (round % 40 > 10 && round % 40 < 20)
        move_pass (&move);
      else if (round % 7 == 6)
        b = replace (b);
      compare (a, b, round);
    }
  /* Both have been interrupted, by the timer too. */
  g_assert_cmpuint (guest_get (a, 0xcf00, 8), >=, timer[2]);
  guest_free (a);
  guest_free (b);
}

/* Writes all over the second MiB, for ever. */
GUEST_CODE (scribble, ".code32",
            "1: imul $1664525, %ebx, %ebx\n add $1013904223, %ebx\n mov %ebx, %eax\n shr $8, %eax\n"
            "and $0xffffc, %eax\n mov %ebx, 0x100000(%eax)\n incl %ecx\n jmp 1b\n");

static gpointer
send_passes (gpointer data)
{
  Move *move = data;

  for (unsigned i = 0; i < 4; i++)
    move_pass (move);
  return NULL;
}

/* The processor on its own thread, passes on another one, the reader on a third. */
static void
test_live (void)
{
  for (unsigned round = 0; round < 10; round++)
    {
      Guest *a = guest_new (1), *b;
      CpuState s;
      Move move;

      guest_state (a, &s, 32, 0, FALSE);
      GUEST_LOAD (a, CODE, scribble);
      s.gpr[CPU_RBX] = round;
      guest_start (a, &s);
      vm_lock (a->vm);
      a->vm->processor->resume (a->vm->processor_opaque);
      vm_unlock (a->vm);
      move_begin (&move, a);
      g_thread_join (g_thread_new ("passes", send_passes, &move));
      a->vm->processor->pause (a->vm->processor_opaque);
      b = move_end (&move);
      g_assert_cmpmem (a->ram, GUEST_RAM, b->ram, GUEST_RAM);
      compare (a, b, round);
      guest_free (a);
      guest_free (b);
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    uint32_t timer[3];
  } tests[] = {
    { "/soft/lockstep/periodic", { 0x20040, 30000, 60 } },
    { "/soft/lockstep/one-shot", { 0x40, 30000, 5 } },
    { "/soft/lockstep/deadline", { 0x40040, 0, 60 } },
  };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_data_func (tests[i].path, tests[i].timer, test_lockstep);
  g_test_add_func ("/soft/lockstep/live", test_live);
  return g_test_run ();
}
