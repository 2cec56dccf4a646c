/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The TPM's registers, both interfaces, before a swtpm that answers, lies, or ends; saved states, and drivers that do all of it wrongly.
 */
#include "chipset/tpm-link.h"
#include "chipset/tpm.h"
#include "fake-swtpm.h"

static Vm *vm;
static Device *tpm;
static AccessCache cache;
static FakeSwtpm fake;

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static uint32_t
get (uint32_t at, unsigned size)
{
  return (uint32_t)address_space_load (vm->memory, &cache, TPM_BASE + at, size, FALSE);
}

static void
put (uint32_t at, uint32_t value, unsigned size)
{
  address_space_store (vm->memory, &cache, TPM_BASE + at, value, size, FALSE);
}

static gboolean
begin (TpmModel model, FakeLie lie)
{
  g_autoptr (GError) error = NULL;
  const int control = fake_start (&fake, lie);
  gboolean ok;

  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  tpm = tpm_new (vm, "tpm0", model, &error);
  g_assert_no_error (error);
  ok = tpm_connect (tpm, control, &error);
  vm_unlock (vm);
  g_assert_true (ok == (error == NULL));
  vm_start (vm, FALSE);
  return ok;
}

static void
end (void)
{
  vm_stop (vm, "done");
  for (unsigned i = 0; i < 5000 && vm_state (vm) != VM_STATE_STOPPED; i++)
    {
      g_usleep (200);
      pump ();
    }
  access_cache_clear (&cache);
  vm_free (vm);
  pump ();
  fake_end (&fake);
}

/* Until the register has the value under the mask; FALSE: not within some time. */
static gboolean
wait_for (uint32_t at, uint32_t mask, uint32_t value)
{
  for (unsigned i = 0; i < 50000; i++)
    {
      if ((get (at, 4) & mask) == value)
        return TRUE;
      g_usleep (100);
      pump ();
    }
  return FALSE;
}

static const uint8_t command[14] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x44, 'a', 'b', 'c', 'd' };

static void
crb_send (void)
{
  put (0x08, 1, 4);
  put (0x40, 1, 4);
  for (unsigned i = 0; i < sizeof command; i++)
    put (0x80 + i, command[i], 1);
  put (0x4c, 1, 4);
}

static void
test_crb (void)
{
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  g_assert_cmpuint (fake.inits, ==, 1);
  g_assert_cmpuint (fake.last_flags, ==, 1);
  g_assert_cmphex (get (0x30, 4) & 0xf, ==, 1);
  g_assert_cmphex (get (0x00, 4), ==, 0x81);
  g_assert_cmphex (get (0x44, 4), ==, 2);
  g_assert_cmphex (get (0x5c, 4), ==, TPM_BASE + 0x80);
  g_assert_cmpuint (get (0x58, 4), ==, 3968);
  g_assert_cmphex (get (0x60, 4), ==, 0);
  /* Nothing is begun without a locality. */
  put (0x40, 1, 4);
  put (0x4c, 1, 4);
  g_assert_cmphex (get (0x4c, 4), ==, 0);
  crb_send ();
  g_assert_cmphex (get (0x0c, 4), ==, 1);
  g_assert_cmphex (get (0x00, 4), ==, 0x83);
  g_assert_true (wait_for (0x4c, 1, 0));
  g_assert_cmphex (get (0x44, 4), ==, 0);
  g_assert_cmphex (get (0x8a, 4), ==, 'd' | 'c' << 8 | 'b' << 16 | 'a' << 24);
  put (0x40, 2, 4);
  g_assert_cmphex (get (0x44, 4), ==, 2);
  /* One that is none. */
  put (0x40, 1, 4);
  put (0x82, 0, 4);
  put (0x4c, 1, 4);
  g_assert_cmphex (get (0x44, 4), ==, 1);
  vm_reset (vm);
  for (unsigned i = 0; i < 5000 && fake.inits < 2; i++)
    {
      g_usleep (200);
      pump ();
    }
  g_assert_cmpuint (fake.inits, ==, 2);
  g_assert_cmphex (get (0x44, 4), ==, 2);
  g_assert_cmphex (get (0x0c, 4), ==, 0);
  end ();
}

static void
tis_send (uint32_t locality)
{
  const uint32_t at = locality << 12;

  put (at, 2, 1);
  put (at | 0x18, 0x40, 1);
  g_assert_cmphex (get (at | 0x18, 1), ==, 0xc4);
  for (unsigned i = 0; i < sizeof command; i++)
    {
      put (at | 0x24, command[i], 1);
      g_assert_cmphex (get (at | 0x18, 1), ==, i + 1 < sizeof command ? 0x8c : 0x84);
    }
  put (at | 0x18, 0x20, 1);
}

static void
test_tis (void)
{
  uint8_t answer[sizeof command];

  g_assert_true (begin (TPM_TIS, FAKE_HONEST));
  g_assert_cmphex (get (0x0f00, 4), ==, 0x00011014);
  g_assert_cmphex (get (0x30, 4) & 0xf, ==, 0);
  g_assert_cmphex (get (0x14, 4) >> 28 & 7, ==, 3);
  g_assert_cmphex (get (0x00, 1), ==, 0x81);
  g_assert_cmphex (get (0x18, 4), ==, 0xffffffff);
  tis_send (0);
  g_assert_cmphex (get (0x00, 1), ==, 0xa1);
  g_assert_true (wait_for (0x18, 0x90, 0x90));
  g_assert_cmpuint (get (0x18, 4) >> 8 & 0xffff, ==, sizeof command);
  for (unsigned i = 0; i < sizeof answer; i++)
    answer[i] = (uint8_t)get (0x24, 1);
  g_assert_cmpmem (answer + 10, 4, "dcba", 4);
  g_assert_cmphex (get (0x18, 1), ==, 0x84);
  g_assert_cmphex (get (0x24, 1), ==, 0xff);
  put (0x18, 2, 1);
  g_assert_cmphex (get (0x24, 2), ==, 0x0180);
  end ();
}

static void
test_localities (void)
{
  g_assert_true (begin (TPM_TIS, FAKE_HONEST));
  put (0x0000, 2, 1);
  put (0x1000, 2, 1);
  put (0x3000, 2, 1);
  g_assert_cmphex (get (0x0000, 1), ==, 0xa5);
  g_assert_cmphex (get (0x3000, 1), ==, 0x87);
  put (0x0000, 0x20, 1);
  g_assert_cmphex (get (0x3000, 1), ==, 0xa5);
  /* A lower one can't seize, a higher one can; what the other had begun is gone. */
  put (0x2000, 8, 1);
  g_assert_cmphex (get (0x3000, 1) & 0x20, ==, 0x20);
  put (0x3018, 0x40, 1);
  put (0x3024, 0x80, 1);
  put (0x4000, 8, 1);
  g_assert_cmphex (get (0x3000, 1), ==, 0x95);
  g_assert_cmphex (get (0x4018, 1), ==, 0x84);
  put (0x3000, 0x10, 1);
  g_assert_cmphex (get (0x3000, 1), ==, 0x85);
  put (0x4000, 0x20, 1);
  g_assert_cmphex (get (0x1000, 1), ==, 0xa1);
  /* Given up while it is at work: nobody sees the answer. */
  put (0x1000, 0x20, 1);
  tis_send (2);
  put (0x2000, 0x20, 1);
  put (0x0000, 2, 1);
  put (0x0018, 0x40, 1);
  g_assert_true (wait_for (0x0018, 0x40, 0x40));
  g_assert_cmpuint (fake.locality, ==, 2);
  g_assert_cmphex (get (0x0024, 1), ==, 0xff);
  end ();
}

static GByteArray *
saved (void)
{
  GByteArray *bytes = g_byte_array_new ();

  vm_pause (vm, NULL);
  for (unsigned i = 0; i < 50000 && vm_state (vm) != VM_STATE_PAUSED; i++)
    {
      g_usleep (100);
      pump ();
    }
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
  state_save (tpm->klass->state, tpm, bytes);
  return bytes;
}

static gboolean
load (GByteArray *bytes)
{
  vm_lock (vm);
  const gboolean ok = state_load (tpm->klass->state, tpm, bytes->data, bytes->len, NULL)
                      && tpm->klass->post_load (tpm, NULL) && tpm->klass->accept (tpm, NULL);
  vm_unlock (vm);
  return ok;
}

/* With a command in flight, which is done first; its answer and the TPM's state are there on the other side. */
static void
test_saved (void)
{
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  crb_send ();
  g_autoptr (GByteArray) bytes = saved ();
  g_assert_cmpuint (fake.commands, ==, 1);
  end ();

  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  g_assert_cmpuint (fake.state[2][0], ==, 0);
  g_assert_true (load (bytes));
  g_assert_cmpuint (fake.state[2][0], ==, 1);
  g_assert_cmpuint (fake.last_flags, ==, 0);
  g_assert_cmphex (get (0x4c, 4), ==, 0);
  g_assert_cmphex (get (0x8a, 4), ==, 'd' | 'c' << 8 | 'b' << 16 | 'a' << 24);
  end ();

  /* swtpm refuses it. */
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  g_atomic_int_set (&fake.lie, FAKE_REFUSES);
  g_assert_false (load (bytes));
  end ();

  /* It takes the permanent state and not the other one: it gets back what it had. */
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  fake.state[TPM_BLOB_PERMANENT][1] = 0x77;
  g_atomic_int_set (&fake.lie, FAKE_REFUSES_VOLATILE);
  g_assert_false (load (bytes));
  g_assert_cmphex (fake.state[TPM_BLOB_PERMANENT][1], ==, 0x77);
  end ();

  /* Another part refuses the saved machine: its own is as it was. */
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  fake.state[TPM_BLOB_PERMANENT][1] = 0x77;
  g_assert_true (state_load (tpm->klass->state, tpm, bytes->data, bytes->len, NULL)
                 && tpm->klass->post_load (tpm, NULL));
  g_assert_cmphex (fake.state[TPM_BLOB_PERMANENT][1], ==, 0x77);
  end ();
}

/* Its state can't be had: the machine is saved without, and says so when it is loaded. */
static void
test_saved_without (void)
{
  g_assert_true (begin (TPM_CRB, FAKE_LONG_BLOB));
  g_autoptr (GByteArray) bytes = saved ();
  end ();
  g_assert_true (begin (TPM_CRB, FAKE_HONEST));
  g_assert_false (load (bytes));
  end ();
}

static void
test_liars (void)
{
  for (FakeLie lie = FAKE_SHORT_ANSWER; lie <= FAKE_LAST; lie++)
    for (TpmModel model = TPM_CRB; model <= TPM_TIS; model++)
      {
        if (!begin (model, lie))
          {
            g_assert_true (lie == FAKE_NO_CONTROL || lie == FAKE_REFUSES);
            g_assert_cmphex (get (0x30, 4), ==, 0xffffffff);
            put (0x4c, 1, 4);
            end ();
            continue;
          }
        if (model == TPM_CRB)
          crb_send ();
        else
          tis_send (0);
        /* An answer, an error, or nothing is there any more. */
        const uint32_t at = model == TPM_CRB ? 0x4c : 0x18;
        for (unsigned i = 0; i < 50000 && get (at, 4) != 0xffffffff
                             && (model == TPM_CRB ? (get (at, 4) & 1) != 0 : (get (at, 4) & 0x10) == 0);
             i++)
          {
            g_usleep (100);
            pump ();
          }
        g_assert_true (get (at, 4) == 0xffffffff || lie == FAKE_UNASKED || lie >= FAKE_LONG_BLOB);
        for (unsigned i = 0; i < 20; i++)
          {
            g_usleep (200);
            pump ();
          }
        get (0x18, 4);
        end ();
      }
}

static void
test_hostile (void)
{
  for (TpmModel model = TPM_CRB; model <= TPM_TIS; model++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (3 + model);
      static const uint8_t likely[]
          = { 0x00, 0x08, 0x18, 0x24, 0x40, 0x44, 0x48, 0x4c, 0x80, 0x82, 0x85, 0xff };

      g_assert_true (begin (model, FAKE_HONEST));
      for (unsigned i = 0; i < 20000; i++)
        {
          const uint32_t at
              = (uint32_t)g_rand_int_range (rand, 0, 5) << 12
                | (g_rand_boolean (rand) ? likely[g_rand_int_range (rand, 0, G_N_ELEMENTS (likely))]
                                         : (uint32_t)g_rand_int_range (rand, 0, 4096));
          const unsigned size = 1u << g_rand_int_range (rand, 0, 4);

          put (at, g_rand_boolean (rand) ? 1u << g_rand_int_range (rand, 0, 26) : g_rand_int (rand), size);
          get (at, size);
          if (i % 16 == 0)
            pump ();
          if (i % 2000 == 0)
            {
              g_autoptr (GByteArray) bytes = saved ();
              for (unsigned n = 0; n < 20; n++)
                {
                  uint8_t *byte = bytes->data + g_rand_int_range (rand, 0, 200);
                  const uint8_t before = *byte;

                  *byte = (uint8_t)g_rand_int (rand);
                  load (bytes);
                  *byte = before;
                }
              g_assert_true (load (bytes));
              vm_resume (vm);
              pump ();
            }
        }
      end ();
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tpm/crb", test_crb);
  g_test_add_func ("/tpm/tis", test_tis);
  g_test_add_func ("/tpm/localities", test_localities);
  g_test_add_func ("/tpm/saved", test_saved);
  g_test_add_func ("/tpm/saved-without", test_saved_without);
  g_test_add_func ("/tpm/liars", test_liars);
  g_test_add_func ("/tpm/hostile", test_hostile);
  return g_test_run ();
}
