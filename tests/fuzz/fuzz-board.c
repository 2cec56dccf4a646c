/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest that does anything to the whole PC: ports, memory-mapped registers, configuration space, DMA descriptors, with time, resets,
 * media changes, saved states and input in between.  Input: the steps of fuzz-machine.h.
 */
#include "fuzz-machine.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzMachine machine;

  fuzz_machine_open (&machine);
  fuzz_machine_map (&machine);
  fuzz_machine_run (&machine, data, length);
  fuzz_machine_close (&machine);
  return 0;
}

static GByteArray *program;

static void
step (uint8_t what, uint8_t a, uint16_t b, uint32_t value)
{
  const uint8_t bytes[FUZZ_STEP] = { what,
                                     a,
                                     (uint8_t)b,
                                     (uint8_t)(b >> 8),
                                     (uint8_t)value,
                                     (uint8_t)(value >> 8),
                                     (uint8_t)(value >> 16),
                                     (uint8_t)(value >> 24) };

  g_byte_array_append (program, bytes, sizeof bytes);
}

static void
out (uint16_t port, uint8_t value)
{
  step (0, 0x80, port, value);
}

static void
out_4 (uint16_t port, uint32_t value)
{
  step (0x20, 0x80, port, value);
}

static void
in (uint16_t port)
{
  step (3, 0x80, port, 0);
}

/* Registers of memory: base 9 is the VGA's, 10 the IOAPIC, 11 the HPET. */
static void
poke (uint8_t base, uint16_t offset, uint32_t value)
{
  step (7 | 0x20, base, offset, value);
}

static void
wait (uint32_t ns)
{
  step (12, 1, 0, ns);
}

static void
life (uint8_t what, uint8_t how)
{
  step (14, what, how, 0);
}

static void
end (void)
{
  fuzz_seed (program->data, program->len);
  g_byte_array_set_size (program, 0);
}

static void
make_interrupts (void)
{
  for (unsigned base = 0x20; base <= 0xa0; base += 0x80)
    for (unsigned icw4 = 1; icw4 < 32; icw4 += 6)
      {
        out ((uint16_t)base, 0x11 | (icw4 & 8));
        out ((uint16_t)(base + 1), 0x20);
        out ((uint16_t)(base + 1), base == 0x20 ? 4 : 2);
        out ((uint16_t)(base + 1), (uint8_t)icw4);
        out ((uint16_t)(base + 1), 0xf0);
        for (unsigned ocw = 0; ocw < 256; ocw += 8)
          out ((uint16_t)base, (uint8_t)(ocw & 0xe7));
        for (unsigned ocw = 8; ocw < 128; ocw += 17)
          out ((uint16_t)base, (uint8_t)((ocw & 0x67) | 8));
        in ((uint16_t)base);
        in ((uint16_t)(base + 1));
      }
  out (0x4d0, 0xf8);
  out (0x4d1, 0xde);
  end ();
  for (unsigned pin = 0; pin < 24; pin++)
    {
      poke (10, 0, 0x10 + 2 * pin);
      poke (10, 0x10, (0x30 + pin) | (pin & 7) << 8 | (pin & 1) << 15 | (pin & 2) << 12);
      poke (10, 0, 0x11 + 2 * pin);
      poke (10, 0x10, pin << 24);
      step (9 | 0x20, 10, 0x10, 0);
    }
  poke (10, 0, 0);
  poke (10, 0x10, 0x05000000);
  out (0x43, 0x34);
  out (0x40, 0x10);
  out (0x40, 0);
  wait (10000000);
  poke (10, 0x40, 0x30);
  end ();
}

static void
make_time (void)
{
  for (unsigned mode = 0; mode < 8; mode++)
    for (unsigned channel = 0; channel < 3; channel++)
      {
        out (0x43, (uint8_t)(channel << 6 | (1 + channel) << 4 | mode << 1 | (mode == 5)));
        out ((uint16_t)(0x40 + channel), 0x34);
        out ((uint16_t)(0x40 + channel), 0x12);
        out (0x61, (uint8_t)(mode & 3));
        wait (900000 * mode);
        out (0x43, (uint8_t)(channel << 6));
        in ((uint16_t)(0x40 + channel));
        in ((uint16_t)(0x40 + channel));
        out (0x43, (uint8_t)(0xc0 | 2u << channel | (mode & 3) << 4));
        in ((uint16_t)(0x40 + channel));
        in (0x61);
      }
  end ();
  for (unsigned i = 0; i < 16; i++)
    {
      out (0x70, (uint8_t)i);
      in (0x71);
      out (0x71, i == 11 ? 0x72 : i == 10 ? 0x26 : 0x12);
      wait (500000000);
      out (0x70, 12);
      in (0x71);
    }
  for (unsigned b = 0; b < 8; b++)
    {
      out (0x70, 11);
      out (0x71, (uint8_t)(b << 4 | b));
      for (unsigned i = 1; i < 6; i += 2)
        {
          out (0x70, (uint8_t)i);
          out (0x71, i == 3 ? 0xff : 0xc0);
        }
      wait (4000000000u);
      in (0x71);
    }
  end ();
  poke (11, 0x10, 3);
  for (unsigned timer = 0; timer < 4; timer++)
    {
      poke (11, (uint16_t)(0x100 + 0x20 * timer), 0x4e | timer << 9 | (timer & 1) << 8);
      poke (11, (uint16_t)(0x108 + 0x20 * timer), 0x10000);
      poke (11, (uint16_t)(0x110 + 0x20 * timer), 0xfee00000u);
      wait (100000000);
      step (9 | 0x30, 11, (uint16_t)(0x100 + 0x20 * timer), 0);
      step (9 | 0x20, 11, 0xf0, 0);
      poke (11, 0x20, 0xf);
    }
  poke (11, 0x10, 0);
  poke (11, 0xf0, 5);
  end ();
}

static void
make_devices (void)
{
  for (unsigned i = 0; i < 8; i++)
    {
      out (0x3fb, (uint8_t)(0x83 ^ i << 3));
      out (0x3f8, (uint8_t)(i + 1));
      out (0x3fb, (uint8_t)(3 | i << 3));
      out (0x3f9, 15);
      out (0x3fa, (uint8_t)(0xc7 >> i));
      out (0x3fc, (uint8_t)(0xb | (i & 1) << 4));
      step (4 | 0x80, 16, 0x2000, 0x41);
      in (0x3fa);
      in (0x3f8);
      in (0x3fd);
      in (0x3fe);
      wait (100000000);
    }
  end ();
  for (unsigned channel = 0; channel < 8; channel++)
    for (unsigned mode = 0; mode < 4; mode++)
      {
        uint16_t base = channel < 4 ? 0 : 0xc0;
        unsigned shift = channel < 4 ? 0 : 1;

        out ((uint16_t)(base + (12u << shift)), 0);
        out ((uint16_t)(base + ((channel & 3) * 2 << shift)), 0x10);
        out ((uint16_t)(base + ((channel & 3) * 2 << shift)), 0x20);
        out ((uint16_t)(base + (((channel & 3) * 2 + 1) << shift)), 0xff);
        out ((uint16_t)(base + (((channel & 3) * 2 + 1) << shift)), 1);
        out ((uint16_t)(base + (11u << shift)), (uint8_t)(mode << 6 | mode << 2 | (channel & 3) | 0x10));
        out ((uint16_t)(base + (10u << shift)), (uint8_t)(channel & 3));
        out ((uint16_t)(base + (9u << shift)), (uint8_t)(4 | (channel & 3)));
        in ((uint16_t)(base + (8u << shift)));
        in ((uint16_t)(base + ((channel & 3) * 2 << shift)));
        out ((uint16_t)(base + (8u << shift)), (uint8_t)mode);
        out ((uint16_t)(base + (15u << shift)), 5);
      }
  out (0x81, 1);
  out (0x0d, 0);
  out (0x0e, 0);
  end ();
  for (unsigned command = 0x20; command < 0x100; command += command == 0x20 || command == 0x60 ? 1 : 3)
    {
      out (0x64, (uint8_t)command);
      out (0x60, (uint8_t)(command ^ 0x47));
      in (0x60);
      wait (2000000);
    }
  for (unsigned command = 0xe0; command < 0x100; command++)
    {
      out (0x60, (uint8_t)command);
      wait (2000000);
      out (0x60, 2);
      wait (2000000);
      in (0x60);
      out (0x64, 0xd4);
      out (0x60, (uint8_t)command);
      wait (2000000);
      in (0x60);
      step (14, (uint8_t)(9 + command % 5), 30, 0x20001);
    }
  end ();
  for (unsigned i = 0; i < 64; i++)
    {
      out ((uint16_t)(0x600 + i), (uint8_t)(0x21 * i));
      in ((uint16_t)(0x600 + i));
    }
  out_4 (0x604, 0x2001);
  life (3, 0);
  wait (4000000000u);
  in (0x608);
  out (0xb2, 1);
  out (0xb2, 2);
  out (0x92, 2);
  out (0x92, 0);
  out (0xf0, 0);
  out (0x402, 'x');
  step (0x10, 0x80, 0xafe0, 0xffff);
  end ();
}

static void
make_bus (void)
{
  static const uint8_t registers[] = { 0x04, 0x06, 0x0c, 0x10, 0x14, 0x18, 0x20, 0x30, 0x3c, 0x40, 0x44, 0x50,
                                       0x58, 0x59, 0x60, 0x61, 0x62, 0x63, 0x6a, 0x72, 0x80, 0x90, 0xd2 };

  for (unsigned devfn = 0; devfn < 8; devfn++)
    for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
      {
        step (5 | (i % 3) << 4, (uint8_t)devfn, registers[i], 0xffffffff);
        step (6 | 0x20, (uint8_t)(devfn * 8), registers[i], 0);
        step (5 | 0x20, (uint8_t)devfn, registers[i], 0x03030303 * (i + 1));
      }
  end ();
  for (unsigned pam = 0; pam < 4; pam++)
    {
      for (unsigned i = 0x59; i < 0x60; i++)
        step (5, 0, (uint16_t)i, 0x11 * pam);
      step (5, 0, 0x72, pam == 0 ? 0x4a : pam == 1 ? 0x0a : 0x1a);
      for (unsigned base = 2; base < 6; base++)
        {
          poke ((uint8_t)base, 0x100, 0x5a5a5a5a);
          step (9 | 0x20, (uint8_t)base, 0x100, 0);
        }
    }
  for (unsigned i = 0; i < 9; i++)
    life ((uint8_t)i, (uint8_t)i);
  out (0xcf9, 2);
  out (0xcf9, 6);
  wait (1000);
  step (13, 0, 0, 0);
  end ();
  for (unsigned i = 0; i < 8; i++)
    {
      life (4, (uint8_t)i);
      life (1, 0);
      life (2, 0);
      life (5, 0);
      step (13, 0, 0, 0);
    }
  end ();
  /* A bus master transfer, and one by the floppy controller. */
  step (10, 0x80, 0x200, 0x20000);
  out (0x1f6, 0xe0);
  out (0x1f2, 1);
  out (0x1f7, 0xc8);
  out (0xc000, 9);
  step (13, 0, 0, 0);
  in (0xc002);
  step (4, 13, 0x1000, 0);
  step (11, 0x40, 0, 0x00001f02);
  step (11, 0, 0, 0x0010000a);
  end ();
}

static void
make (void)
{
  program = g_byte_array_new ();
  make_interrupts ();
  make_time ();
  make_devices ();
  make_bus ();
}

const FuzzTarget fuzz_target
    = { "vmm/chipset vmm/pci vmm/input vmm/core/address-space.c vmm/core/region.c vmm/core/clock.c", 8192,
        make };
