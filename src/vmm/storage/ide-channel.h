/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of the IDE function: its channels.
 */
#pragma once

#include "pci/pci.h"
#include "storage/ide-core.h"

G_BEGIN_DECLS

typedef struct Ide Ide;
typedef struct IdeChannel IdeChannel;

struct IdeChannel
{
  IdeCable cable; /* first */
  Ide *ide;
  IrqLine irq;
  gboolean irq_level;
  IdeDrive drive[IDE_N_UNITS];
  uint32_t selected;
  uint8_t control;
  Region *command_region, *control_region;
  Mapping *command_mapping, *control_mapping;

  /* Bus master, SFF-8038i. */
  uint8_t bm_command, bm_status;
  uint32_t bm_table;                     /* as written */
  uint32_t prd_next, prd_addr, prd_left; /* see IdePrd */
  gboolean prd_last;
};

struct Ide
{
  PciDevice pci;
  PciBus *bus;
  uint32_t devfn;
  IdeChannel channel[IDE_N_CHANNELS];
  Region *bm_region;
};

static inline IdeDrive *
ide_selected (IdeChannel *channel)
{
  return &channel->drive[channel->selected & 1];
}

/* -- ide-bmdma.c -- */
void ide_update_irq (IdeChannel *channel);

G_END_DECLS
