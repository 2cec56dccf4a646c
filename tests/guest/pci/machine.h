/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What guests of 32 bits share that begin in boot.S: ports, memory, PCI's configuration space, gates.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define APIC 0xfee00000u

/* -- boot.S -- */
extern u8 ap_start[], spurious[], fault[];
extern u32 vectors[8], ap_size;

static u32 idt[256][2];

static inline void
outb (u16 port, u8 value)
{
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8
inb (u16 port)
{
  u8 value;

  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline void
outl (u16 port, u32 value)
{
  __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u32
inl (u16 port)
{
  u32 value;

  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u32
mmio_read (u32 address)
{
  return *(volatile u32 *)address;
}

static inline void
mmio_write (u32 address, u32 value)
{
  *(volatile u32 *)address = value;
}

static inline void
relax (void)
{
  __asm__ volatile("pause" : : : "memory");
}

/* The port pair is one for all processors. */
static volatile u32 config_lock;

static inline u32
config (u32 bus, u32 devfn, u32 offset, u32 size, int write, u32 value)
{
  u16 port = (u16)(0xcfc + (offset & 3));

  while (__atomic_exchange_n (&config_lock, 1, __ATOMIC_ACQUIRE))
    relax ();
  outl (0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (offset & 0xfc));
  if (write && size == 4)
    outl (port, value);
  else if (write)
    __asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
  else if (size == 4)
    value = inl (port);
  else
    __asm__ volatile("inw %1, %w0" : "=a"(value) : "Nd"(port));
  __atomic_store_n (&config_lock, 0, __ATOMIC_RELEASE);
  return size == 4 ? value : value & 0xffff;
}

static inline u32
get (u32 bus, u32 devfn, u32 offset, u32 size)
{
  return config (bus, devfn, offset, size, 0, 0);
}

static inline void
set (u32 bus, u32 devfn, u32 offset, u32 size, u32 value)
{
  config (bus, devfn, offset, size, 1, value);
}

static inline u32
find_cap (u32 bus, u32 devfn, u32 id)
{
  u32 at = get (bus, devfn, 0x34, 4) & 0xff;

  for (u32 i = 0; i < 48 && at >= 0x40 && at < 0xfc; i++)
    {
      u32 header = get (bus, devfn, at, 4);

      if ((header & 0xff) == id)
        return at;
      at = header >> 8 & 0xff;
    }
  return 0;
}

static inline void
set_gate (u32 n, u32 handler)
{
  idt[n][0] = (handler & 0xffff) | 8 << 16;
  idt[n][1] = (handler & 0xffff0000) | 0x8e00;
}
