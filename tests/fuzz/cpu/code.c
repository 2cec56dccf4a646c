/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the instructions of a batch lie in its page of code, and what is around them.
 */
#include "fuzz.h"

#include <string.h>

uint32_t
fuzz_code_address (unsigned which, unsigned slot, const FuzzCase *c)
{
  uint32_t page = FUZZ_CODE + which * FUZZ_CODE_STRIDE;

  /* The last slot's instruction runs over the end of the page, into an unmapped one. */
  if (slot == FUZZ_BATCH - 1)
    return page + FUZZ_PAGE - 1 - (uint32_t)(c->number % MAX (1, c->length));
  return page + slot * FUZZ_SLOT + FUZZ_SLOT_START;
}

void
fuzz_fill_code (const FuzzBatch *batch, uint8_t page[FUZZ_PAGE])
{
  memset (page, 0xcc, FUZZ_PAGE);
  for (unsigned i = 0; i < batch->n_cases; i++)
    {
      const FuzzCase *c = &batch->cases[i];
      uint32_t offset = (uint32_t)(c->in.rip % FUZZ_PAGE);
      uint32_t after = offset + c->length;

      memcpy (page + offset, c->code, MIN (c->length, FUZZ_PAGE - offset));
      if (c->no_exit || after + 7 > FUZZ_PAGE)
        continue;
      if (c->compat)
        {
          uint32_t exit_address = FUZZ_EXIT;

          page[after] = 0xea;
          memcpy (page + after + 1, &exit_address, 4);
          page[after + 5] = FUZZ_CS64;
          page[after + 6] = 0;
        }
      else
        {
          int32_t distance = (int32_t)(FUZZ_EXIT - (c->in.rip + c->length + 5));

          page[after] = 0xe9;
          memcpy (page + after + 1, &distance, 4);
        }
    }
}
