/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A whole machine without a processor, for the fuzzers: the board as vivarium-vmm builds it, with a disk, a CD-ROM and a floppy, and
 * an interpreter that takes any bytes for a program of accesses, time and life cycle.
 */
#pragma once

#include "fuzz.h"

#include "board/pc.h"
#include "board/slots.h"

#include "cpu/engine.h"
#include "pci/pci.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_STEP       8 /* bytes of input a step */
#define FUZZ_DESCRIPTOR 0x8000u

typedef struct
{
  Vm *vm;
  Engine *engine;
  Board *board;
  AccessCache memory, ports;
} FuzzMachine;

static char fuzz_image[] = "/tmp/vivarium-fuzz-XXXXXX";

static inline void
fuzz_unlink_image (void)
{
  unlink (fuzz_image);
}

static inline void
fuzz_once (void)
{
  static gboolean done;
  int fd;

  if (done)
    return;
  done = TRUE;
  fd = mkstemp (fuzz_image);
  if (fd < 0 || ftruncate (fd, 1440 * 1024) < 0)
    abort ();
  close (fd);
  atexit (fuzz_unlink_image);
}

static inline void
fuzz_pump (void)
{
  for (unsigned i = 0; i < 64 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

/* Stands still, and nothing of it is in flight. */
static inline void
fuzz_machine_pause (FuzzMachine *m)
{
  vm_pause (m->vm, NULL);
  while (vm_state (m->vm) == VM_STATE_PAUSING)
    g_main_context_iteration (NULL, TRUE);
}

/* `slots`: also slots with nothing in them. */
static inline void
fuzz_machine_open_with (FuzzMachine *m, gboolean slots)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = NULL;
  g_autofree char *text = NULL;
  EngineConfig config = { .n_cpus = 1 };

  fuzz_once ();
  text = g_strdup_printf (
      "[machine]\nname=fuzz\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\nengine=none\nmemory=4M\n"
      "[display0]\nvideo=vga\nvideo-memory=1\n[serial0]\nbackend=socket\n"
      "[disk0]\npath=%s\nformat=raw\nsnapshot=true\n[cdrom0]\npath=%s\n[floppy0]\npath=%s\nsnapshot=true\n",
      fuzz_image, fuzz_image, fuzz_image);
  *m = (FuzzMachine){ 0 };
  definition = definition_parse (text, -1, NULL, &error);
  if (definition == NULL)
    g_error ("%s", error->message);
  m->vm = vm_new (NULL, TRUE);
  m->engine = engine_new (&none_engine_class, m->vm, &config, &error);
  if (m->engine != NULL)
    m->board = pc_new (m->vm, definition, &error);
  if (m->board == NULL || (slots && !board_add_test_pci (m->board, &error)))
    g_error ("%s", error->message);
  vm_start (m->vm, FALSE);
}

static inline void
fuzz_machine_open (FuzzMachine *m)
{
  fuzz_machine_open_with (m, FALSE);
}

static inline void
fuzz_machine_close (FuzzMachine *m)
{
  vm_stop (m->vm, "done");
  while (vm_state (m->vm) != VM_STATE_STOPPED)
    g_main_context_iteration (NULL, TRUE);
  access_cache_clear (&m->memory);
  access_cache_clear (&m->ports);
  engine_free (m->engine);
  board_free (m->board);
  for (unsigned i = 0; i < 8; i++)
    fuzz_pump ();
  vm_free (m->vm);
}

/* Returns a path under which the file can be opened as often as wanted; `fd` is the caller's. */
static inline char *
fuzz_memfd (int *fd)
{
  *fd = memfd_create ("fuzz", MFD_CLOEXEC);
  if (*fd < 0)
    abort ();
  return g_strdup_printf ("/proc/self/fd/%d", *fd);
}

static inline void
fuzz_poke (FuzzMachine *m, uint64_t addr, uint64_t value, unsigned size)
{
  address_space_store (m->vm->memory, &m->memory, addr, value, size, FALSE);
}

static inline void
fuzz_out (FuzzMachine *m, uint16_t port, uint32_t value, unsigned size)
{
  address_space_store (m->vm->ports, &m->ports, port, value, size, FALSE);
}

/* Writes a descriptor for fw_cfg's DMA and starts it. */
static inline void
fuzz_fw_cfg (FuzzMachine *m, uint64_t at, uint32_t control, uint32_t length, uint64_t address)
{
  fuzz_poke (m, at, GUINT32_SWAP_LE_BE (control), 4);
  fuzz_poke (m, at + 4, GUINT32_SWAP_LE_BE (length), 4);
  fuzz_poke (m, at + 8, GUINT64_SWAP_LE_BE (address), 8);
  fuzz_out (m, 0x514, GUINT32_SWAP_LE_BE ((uint32_t)(at >> 32)), 4);
  fuzz_out (m, 0x518, GUINT32_SWAP_LE_BE ((uint32_t)at), 4);
}

/* Bus mastering and decoding on and the registers where fuzz_address() and the ports expect them, so that few bytes lead deep. */
static inline void
fuzz_machine_map (FuzzMachine *m)
{
  static const struct
  {
    uint8_t devfn, reg;
    uint32_t value;
  } writes[] = {
    { PCI_DEVFN (1, 1), 0x04, 7 },          { PCI_DEVFN (1, 3), 0x04, 7 },
    { PCI_DEVFN (2, 0), 0x04, 7 },          { PCI_DEVFN (1, 1), 0x20, 0xc001 },
    { PCI_DEVFN (1, 3), 0x40, 0x601 },      { PCI_DEVFN (1, 3), 0x80, 1 },
    { PCI_DEVFN (2, 0), 0x10, 0xe0000000 }, { PCI_DEVFN (2, 0), 0x18, 0xfe000000 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (writes); i++)
    {
      fuzz_out (m, 0xcf8, 0x80000000u | (uint32_t)writes[i].devfn << 8 | writes[i].reg, 4);
      fuzz_out (m, 0xcfc, writes[i].value, 4);
    }
}

static inline uint64_t
fuzz_address (const uint8_t *s)
{
  static const uint64_t bases[16]
      = { 0x0,        0x8000,     0xa0000,    0xb8000,    0xc0000,    0xe0000,    0xfffff0,   0x3fff000,
          0xe0000000, 0xfe000000, 0xfec00000, 0xfed00000, 0xfee00000, 0xffff0000, 1ULL << 32, 1ULL << 52 };

  return bases[s[1] & 15] + (s[2] | (uint64_t)s[3] << 8);
}

static inline void
fuzz_life (FuzzMachine *m, const uint8_t *s)
{
  g_autoptr (GError) error = NULL;

  switch (s[1] & 15)
    {
    case 0:
      vm_reset (m->vm);
      break;
    case 1:
      vm_pause (m->vm, NULL);
      break;
    case 2:
      vm_resume (m->vm);
      break;
    case 3:
      vm_lock (m->vm);
      board_power_button (m->board);
      vm_unlock (m->vm);
      break;
    case 4: /* media */
      board_change_media (m->board, s[2] & 1 ? "cdrom0" : "floppy0", s[2] & 2 ? fuzz_image : NULL, -1, TRUE,
                          (s[2] & 4) != 0, &error);
      break;
    case 5:
      {
        int fd;
        g_autofree char *path = fuzz_memfd (&fd);
        g_autofree char *part = g_strdup_printf ("%s.state", fuzz_image);

        fuzz_machine_pause (m);
        if (!vm_save (m->vm, part, &error) || !vm_load (m->vm, part, &error))
          {
            fprintf (stderr, "a machine doesn't load what it saved: %s\n", error->message);
            abort ();
          }
        unlink (part);
        close (fd);
        vm_resume (m->vm);
        break;
      }
    case 6:
      if (m->board->outputs->len > 0)
        display_output_snapshot (m->board->outputs->pdata[0]);
      break;
    case 7:
      if (m->board->outputs->len > 0)
        g_free (display_output_text (m->board->outputs->pdata[0]));
      break;
    case 8: /* the function's own commands: BARs moved about, decoding on and off */
      vm_lock (m->vm);
      address_space_begin (m->vm->memory);
      address_space_commit (m->vm->memory);
      vm_unlock (m->vm);
      break;
    default:
      {
        InputEvent event
            = { .type = (InputEventType)(s[1] % 5), .code = (uint16_t)(s[2] | s[3] << 8), .value = s[4] & 1 };

        event.x = (int8_t)s[5] * (1 << (s[4] >> 1 & 15));
        event.y = (int8_t)s[6];
        vm_lock (m->vm);
        input_router_send (m->board->router, &event);
        if (s[7] == 1)
          input_router_release_all (m->board->router);
        vm_unlock (m->vm);
        break;
      }
    }
}

static inline void
fuzz_machine_step (FuzzMachine *m, const uint8_t *s)
{
  static const uint16_t ports[32]
      = { 0x00,  0x08,  0x0c,  0x20,  0xa0,  0x40,  0x60,  0x70,   0x80,  0x92,  0xc0,
          0xd0,  0x170, 0x1f0, 0x376, 0x3f0, 0x3f8, 0x3c0, 0x3c8,  0x3d0, 0x3b0, 0x1ce,
          0x402, 0x4d0, 0x510, 0x514, 0x600, 0x608, 0xb0,  0xc000, 0xcf8, 0xafe0 };
  static const uint8_t devfns[8] = { 0x00, 0x08, 0x09, 0x0b, 0x10, 0x10, 0x0b, 0x09 };
  uint32_t value = s[4] | (uint32_t)s[5] << 8 | (uint32_t)s[6] << 16 | (uint32_t)s[7] << 24;
  uint16_t port = s[1] & 0x80 ? (uint16_t)(s[2] | s[3] << 8) : (uint16_t)(ports[s[1] & 31] + (s[2] & 15));
  unsigned size = 1u << (s[0] >> 4) % 3, memory_size = 1u << (s[0] >> 4) % 4;

  switch (s[0] & 15)
    {
    case 0:
    case 1:
    case 2:
      fuzz_out (m, port, value, size);
      break;
    case 3:
      address_space_load (m->vm->ports, &m->ports, port, size, FALSE);
      break;
    case 4: /* a burst at a register, as PIO and FIFOs want it */
      for (unsigned i = 0; i < 16u * s[3]; i++)
        if (s[0] & 0x80)
          fuzz_out (m, (uint16_t)(ports[s[1] & 31] + (s[2] & 7)), value + i, size);
        else
          address_space_load (m->vm->ports, &m->ports, (uint16_t)(ports[s[1] & 31] + (s[2] & 7)), size,
                              FALSE);
      break;
    case 5:
      fuzz_out (m, 0xcf8, 0x80000000u | (uint32_t)devfns[s[1] & 7] << 8 | (s[2] & 0xfc), 4);
      fuzz_out (m, (uint16_t)(0xcfc + (s[2] & 3)), value, size);
      break;
    case 6:
      fuzz_out (m, 0xcf8, 0x80000000u | (uint32_t)s[1] << 8 | (s[2] & 0xfc), 4);
      address_space_load (m->vm->ports, &m->ports, (uint16_t)(0xcfc + (s[2] & 3)), size, FALSE);
      break;
    case 7:
    case 8:
      fuzz_poke (m, fuzz_address (s), value * 0x100000001ull, memory_size);
      break;
    case 9:
      address_space_load (m->vm->memory, &m->memory, fuzz_address (s), memory_size, FALSE);
      break;
    case 10: /* a bus master descriptor at 0x1000 … */
      fuzz_poke (m, 0x1000 + (s[1] & 15) * 8, value, 4);
      fuzz_poke (m, 0x1004 + (s[1] & 15) * 8, s[2] | (uint32_t)s[3] << 8 | (s[1] & 0x80 ? 0x80000000u : 0),
                 4);
      fuzz_out (m, 0xc004, 0x1000 + (s[1] & 15) * 8, 4);
      break;
    case 11:
      {
        uint64_t address = s[1] & 0x20   ? fuzz_address (s)
                           : s[1] & 0x40 ? FUZZ_DESCRIPTOR + (s[2] & 15)
                                         : 0xfed00000 + s[3];
        uint32_t length = s[1] & 0x80 ? 0xffffffffu : s[6] | (uint32_t)s[7] << 8;

        fuzz_fw_cfg (m, FUZZ_DESCRIPTOR,
                     (s[4] & 31u) | (uint32_t)s[5] << 16 | (s[4] & 0x80 ? 0x80000000u : 0), length & 0xfffff,
                     address);
        break;
      }
    case 12:
      vm_clock_advance (m->vm->clock, (int64_t)value * (s[1] & 1 ? 1 : 4));
      fuzz_pump ();
      break;
    case 13:
      g_usleep (10);
      fuzz_pump ();
      break;
    default:
      fuzz_life (m, s);
      break;
    }
}

static inline void
fuzz_machine_run (FuzzMachine *m, const uint8_t *data, size_t length)
{
  for (size_t i = 0; i + FUZZ_STEP <= length && vm_state (m->vm) != VM_STATE_STOPPED; i += FUZZ_STEP)
    fuzz_machine_step (m, data + i);
  fuzz_pump ();
}
