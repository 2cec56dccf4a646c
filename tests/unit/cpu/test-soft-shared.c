/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Several accesses by one base, which the translator looks up once: what may come between them.
 */
#include "tests/unit/cpu/soft-guest.h"

enum
{
  DEVICE = 0x2000000,
  ROUTINE = 0x300000,
};

/* -- Code ------------------------------------------------------------------------------------------------------------ */

/* Stores into the page that runs; the last one changes an instruction behind it. */
GUEST_CODE (own, ".code64",
            "  mov $1000, %ecx\n xor %esi, %esi\n lea 3f(%rip), %rbx\n"
            "1: mov %ecx, (%rbx)\n mov %esi, 8(%rbx)\n mov %rcx, 16(%rbx)\n mov %cl, 2f+1-3f(%rbx)\n"
            "2: mov $0, %al\n movzbl %al, %eax\n add %eax, %esi\n add (%rbx), %esi\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %esi, 0xd000\n int $0x20\n"
            ".balign 64\n3: .fill 64, 1, 0\n");

static void
test_own_page (void)
{
  Guest *g = guest_new (1);
  CpuState s;
  uint32_t sum = 0;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, own);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  for (uint32_t i = 1000; i >= 1; i--)
    sum += (i & 0xff) + i;
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
  guest_free (g);
}

/* Writes a routine and calls it, each time another one. */
GUEST_CODE (maker, ".code64",
            "  mov $1000, %ecx\n xor %esi, %esi\n mov $0x300000, %ebx\n"
            "1: movb $0xb0, (%rbx)\n mov %cl, 1(%rbx)\n movb $0xc3, 2(%rbx)\n"
            "  call *%rbx\n movzbl %al, %eax\n add %eax, %esi\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %esi, 0xd000\n int $0x20\n");

static void
test_made_code (void)
{
  Guest *g = guest_new (1);
  CpuState s;
  uint32_t sum = 0;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, maker);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  for (uint32_t i = 1000; i >= 1; i--)
    sum += i & 0xff;
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
  guest_free (g);
}

/* -- Devices --------------------------------------------------------------------------------------------------------- */

typedef struct
{
  Guest *g;
  unsigned reads, writes;
  Region *
      other; /* takes the place of the guest's page at the fourth write, and leaves it at the eighth, and so on */
  Mapping *mapping;
} TestDevice;

static uint64_t
device_read (void *opaque, uint64_t addr, unsigned size)
{
  TestDevice *device = opaque;

  device->reads++;
  return 0x100 + addr;
}

static void
device_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  TestDevice *device = opaque;
  static const uint8_t routine[] = { 0xb0, 0x77, 0xc3 }; /* mov $0x77, %al; ret */

  device->writes++;
  if (addr == 0x20)
    g_assert_true (address_space_write_memory (device->g->vm->memory, ROUTINE, routine, sizeof routine));
  else if (device->writes % 4 != 0)
    return;
  else if (device->mapping == NULL)
    device->mapping
        = address_space_map (device->g->vm->memory, device->other, ROUTINE, 0, GUEST_PAGE_SIZE, 1);
  else
    {
      mapping_remove (device->mapping);
      device->mapping = NULL;
    }
}

static const IoOps device_ops = { .read = device_read, .write = device_write };

static void
add_device (Guest *g, TestDevice *device)
{
  g_autoptr (Region) region = region_new_io ("device", GUEST_PAGE_SIZE, &device_ops, device);

  device->g = g;
  vm_lock (g->vm);
  device->other = region_new_ram ("other", GUEST_PAGE_SIZE, RAM_DEFAULT, NULL);
  vm_add_ram (g->vm, device->other);
  address_space_map (g->vm->memory, region, DEVICE, 0, GUEST_PAGE_SIZE, 0);
  vm_unlock (g->vm);
}

/* All of a group are registers: each is read and written once. */
GUEST_CODE (registers, ".code32",
            "  mov $100, %ecx\n xor %esi, %esi\n mov $0x2000000, %ebx\n"
            "1: mov (%ebx), %eax\n add 4(%ebx), %eax\n add %eax, %esi\n mov %eax, 0x20(%ebx)\n"
            "  add 8(%ebx), %esi\n dec %ecx\n jnz 1b\n"
            "  mov %esi, 0xd000\n cli\n hlt\n");

static void
test_registers (void)
{
  Guest *g = guest_new (1);
  TestDevice device = { 0 };
  CpuState s;

  add_device (g, &device);
  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, registers);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (device.reads, ==, 300);
  g_assert_cmpuint (device.writes, ==, 100);
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 100 * (0x100 + 0x104 + 0x108));
  guest_free (g);
  region_unref (device.other);
}

/* Between two accesses of a group a register's write puts other memory where both are: at the latest the next round sees it, and no store
 * is lost.  (%ebx) holds 1 in one, 0x10 in the other. */
GUEST_CODE (remap, ".code32",
            "  mov $100, %ecx\n xor %esi, %esi\n mov $0x300000, %ebx\n mov $0x2000000, %edi\n"
            "1: mov (%ebx), %eax\n mov %eax, (%edi)\n mov 4(%ebx), %edx\n incl 8(%ebx)\n add %eax, %esi\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %esi, 0xd000\n cli\n hlt\n");

static void
test_remapped (void)
{
  Guest *g = guest_new (1);
  TestDevice device = { 0 };
  uint32_t *other, sum = 0;
  CpuState s;

  add_device (g, &device);
  other = (uint32_t *)region_host (device.other);
  other[0] = 0x10;
  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, ROUTINE, 1, 4);
  GUEST_LOAD (g, CODE, remap);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (device.writes, ==, 100);
  for (unsigned i = 0; i < 100; i++)
    sum += i / 4 % 2 != 0 ? 0x10 : 1;
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
  g_assert_cmpuint (guest_get (g, ROUTINE + 8, 4) + other[2], ==, 100);
  guest_free (g);
  region_unref (device.other);
}

/* Between two stores of a group a register's write has a device write code into their page; the second store changes it. */
GUEST_CODE (race, ".code32",
            "  mov $100, %ecx\n xor %esi, %esi\n mov $0x300000, %ebx\n mov $0x2000000, %edi\n"
            "1: mov %ecx, 0x40(%ebx)\n mov %eax, 0x20(%edi)\n mov %cl, 1(%ebx)\n"
            "  call *%ebx\n movzbl %al, %eax\n add %eax, %esi\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %esi, 0xd000\n cli\n hlt\n");

static void
test_device_code (void)
{
  Guest *g = guest_new (1);
  TestDevice device = { 0 };
  CpuState s;

  add_device (g, &device);
  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, race);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 5050);
  guest_free (g);
  region_unref (device.other);
}

/* -- Logs and faults --------------------------------------------------------------------------------------------------- */

GUEST_CODE (stores, ".code32",
            "  mov $100, %ecx\n mov $0x300000, %ebx\n"
            "1: mov %ecx, (%ebx)\n mov %ecx, 4(%ebx)\n mov 4(%ebx), %eax\n dec %ecx\n jnz 1b\n int $0x20\n");

/* A log that goes on has each page again after it was taken. */
static void
test_dirty_log (void)
{
  uint64_t bitmap[GUEST_RAM / GUEST_PAGE_SIZE / 64];
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, TRUE);
  GUEST_LOAD (g, CODE, stores);
  for (unsigned i = 0; i < 4; i++)
    {
      if (i == 1)
        {
          region_set_dirty_log (g->region, DIRTY_MIGRATION, TRUE);
          soft_attend (g->cpu, SOFT_ATTENTION_MAP);
        }
      s.rip = CODE;
      if (i == 0)
        guest_start (g, &s);
      else
        {
          region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
          soft_attend (g->cpu, SOFT_ATTENTION_DIRTY);
          g->cpu->reg[SOFT_REG_RIP] = CODE;
          g->cpu->run_state = CPU_RUN_RUNNING;
        }
      g_assert_true (guest_run (g, 100000));
      if (i == 0)
        continue;
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      g_assert_cmphex (bitmap[(ROUTINE >> 12) / 64] >> ((ROUTINE >> 12) % 64) & 1, ==, 1);
    }
  guest_free (g);
}

/* Flags made before the access that faults, never asked for afterwards; 0x301000 isn't there. */
GUEST_CODE (
    faulting, ".code64",
    "  mov $0x300ff0, %ebx\n mov $40, %ecx\n"
    "1: mov $5, %eax\n mov $7, %edx\n mov %edx, (%rbx)\n sub %edx, %eax\n mov %edx, 4(%rbx)\n mov 8(%rbx), %rsi\n"
    "  xor %edi, %edi\n dec %ecx\n cmp $1, %ecx\n jne 2f\n mov $0x300ffc, %ebx\n2: test %ecx, %ecx\n jnz 1b\n"
    "  int $0x20\n");

static void
test_flags_at_fault (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  guest_set (g, TABLES + 0x3000 + 0x301 * 8, 0, 8);
  GUEST_LOAD (g, CODE, faulting);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, 0x301000);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 8), ==, 2);
  g_assert_cmpuint (guest_get (g, 0x300ffc, 4), ==, 7);
  /* 5 - 7: CF, AF, SF. */
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 24, 8) & 0x8d5, ==, 0x091);
  guest_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-shared/own-page", test_own_page);
  g_test_add_func ("/soft-shared/made-code", test_made_code);
  g_test_add_func ("/soft-shared/registers", test_registers);
  g_test_add_func ("/soft-shared/remapped", test_remapped);
  g_test_add_func ("/soft-shared/device-code", test_device_code);
  g_test_add_func ("/soft-shared/dirty-log", test_dirty_log);
  g_test_add_func ("/soft-shared/flags-at-fault", test_flags_at_fault);
  return g_test_run ();
}
