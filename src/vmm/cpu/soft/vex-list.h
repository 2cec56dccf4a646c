/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every vector instruction behind a VEX prefix that is carried out in the common way: SDM volume 2, the opcode columns.  Read by C (vex.c) and by the
 * assembler (vex-stubs.S), which makes a function of each form.
 *
 *   X (map, pp, first, last, v, w, imm, form, memory, flags)
 *
 * map    1: 0F, 2: 0F 38, 3: 0F 3A          pp     0: none, 1: 66, 2: F3, 3: F2
 * first, last: opcodes                      v      VEX.vvvv names a source: 1; has to be 15: 15
 * w      VEX.W: 0 or 1, or ignored: 0; 2: forms differ by it.  What it has to be is among the flags
 * imm    1: an immediate byte follows       form   VEX_…
 * memory bytes of a memory operand; + VEX_M_L: of 128 bits, twice as much for 256; VEX_M_W: 4 or 8 by VEX.W
 */
#pragma once

/* clang-format off */
#define VEX_LIST(X)                                                             \
  /* 0F: moves */                                                               \
  X (1, 0, 0x10, 0x10, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x10, 0x10, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 2, 0x10, 0x10, 1, 0, 0, VEX_LOAD_SCALAR, 4, 0)                           \
  X (1, 3, 0x10, 0x10, 1, 0, 0, VEX_LOAD_SCALAR, 8, 0)                           \
  X (1, 0, 0x11, 0x11, 15, 0, 0, VEX_MR, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x11, 0x11, 15, 0, 0, VEX_MR, VEX_M_L + 16, 0)                        \
  X (1, 2, 0x11, 0x11, 1, 0, 0, VEX_STORE_SCALAR, 4, 0)                          \
  X (1, 3, 0x11, 0x11, 1, 0, 0, VEX_STORE_SCALAR, 8, 0)                          \
  X (1, 0, 0x12, 0x12, 1, 0, 0, VEX_RVM_HIGH, 8, VEX_L0)                         \
  X (1, 2, 0x12, 0x12, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 3, 0x12, 0x12, 15, 0, 0, VEX_RM_DOUBLE, 8, 0)                            \
  X (1, 0, 0x13, 0x13, 15, 0, 0, VEX_STORE_LOW, 8, VEX_L0 | VEX_MEM)             \
  X (1, 1, 0x13, 0x13, 15, 0, 0, VEX_STORE_LOW, 8, VEX_L0 | VEX_MEM)             \
  X (1, 0, 0x14, 0x15, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x14, 0x15, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 0, 0x16, 0x16, 1, 0, 0, VEX_RVM, 8, VEX_L0)                              \
  X (1, 2, 0x16, 0x16, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 0, 0x17, 0x17, 15, 0, 0, VEX_STORE_HIGH, 8, VEX_L0 | VEX_MEM)            \
  X (1, 1, 0x17, 0x17, 15, 0, 0, VEX_STORE_HIGH, 8, VEX_L0 | VEX_MEM)            \
  X (1, 0, 0x28, 0x28, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 1, 0x28, 0x28, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 0, 0x29, 0x29, 15, 0, 0, VEX_MR, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 1, 0x29, 0x29, 15, 0, 0, VEX_MR, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 0, 0x2b, 0x2b, 15, 0, 0, VEX_STORE_ALL, VEX_M_L + 16, VEX_ALIGNED | VEX_MEM) \
  X (1, 1, 0x2b, 0x2b, 15, 0, 0, VEX_STORE_ALL, VEX_M_L + 16, VEX_ALIGNED | VEX_MEM) \
  X (1, 1, 0x6e, 0x6e, 15, 2, 0, VEX_FROM_GPR, VEX_M_W, VEX_L0)                  \
  X (1, 1, 0x6f, 0x6f, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 2, 0x6f, 0x6f, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x7e, 0x7e, 15, 2, 0, VEX_STORE_GPR, VEX_M_W, VEX_L0)                 \
  X (1, 2, 0x7e, 0x7e, 15, 0, 0, VEX_RM, 8, VEX_L0)                              \
  X (1, 1, 0x7f, 0x7f, 15, 0, 0, VEX_MR, VEX_M_L + 16, VEX_ALIGNED)              \
  X (1, 2, 0x7f, 0x7f, 15, 0, 0, VEX_MR, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xd6, 0xd6, 15, 0, 0, VEX_MR, 8, VEX_L0)                              \
  X (1, 1, 0xe7, 0xe7, 15, 0, 0, VEX_STORE_ALL, VEX_M_L + 16, VEX_ALIGNED | VEX_MEM) \
  X (1, 3, 0xf0, 0xf0, 15, 0, 0, VEX_LOAD_ALL, VEX_M_L + 16, VEX_MEM)            \
  /* 0F: floating point */                                                      \
  X (1, 2, 0x2a, 0x2a, 1, 2, 0, VEX_FROM_GPR, VEX_M_W, VEX_FLOAT)                \
  X (1, 3, 0x2a, 0x2a, 1, 2, 0, VEX_FROM_GPR, VEX_M_W, VEX_FLOAT)                \
  X (1, 2, 0x2c, 0x2d, 15, 2, 0, VEX_TO_GPR, 4, VEX_FLOAT)                       \
  X (1, 3, 0x2c, 0x2d, 15, 2, 0, VEX_TO_GPR, 8, VEX_FLOAT)                       \
  X (1, 0, 0x2e, 0x2f, 15, 0, 0, VEX_FLAGS, 4, VEX_FLOAT)                        \
  X (1, 1, 0x2e, 0x2f, 15, 0, 0, VEX_FLAGS, 8, VEX_FLOAT)                        \
  X (1, 0, 0x50, 0x50, 15, 0, 0, VEX_MASK, 16, VEX_REG)                          \
  X (1, 1, 0x50, 0x50, 15, 0, 0, VEX_MASK, 16, VEX_REG)                          \
  X (1, 0, 0x51, 0x53, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0x51, 0x51, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0x51, 0x53, 1, 0, 0, VEX_RVM, 4, VEX_FLOAT)                           \
  X (1, 3, 0x51, 0x51, 1, 0, 0, VEX_RVM, 8, VEX_FLOAT)                           \
  X (1, 0, 0x54, 0x57, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x54, 0x57, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 0, 0x58, 0x59, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0x58, 0x59, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0x58, 0x59, 1, 0, 0, VEX_RVM, 4, VEX_FLOAT)                           \
  X (1, 3, 0x58, 0x59, 1, 0, 0, VEX_RVM, 8, VEX_FLOAT)                           \
  X (1, 0, 0x5a, 0x5a, 15, 0, 0, VEX_RM, VEX_M_L + 8, VEX_FLOAT)                 \
  X (1, 1, 0x5a, 0x5a, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0x5a, 0x5a, 1, 0, 0, VEX_RVM, 4, VEX_FLOAT)                           \
  X (1, 3, 0x5a, 0x5a, 1, 0, 0, VEX_RVM, 8, VEX_FLOAT)                           \
  X (1, 0, 0x5b, 0x5b, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0x5b, 0x5b, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0x5b, 0x5b, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 0, 0x5c, 0x5f, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0x5c, 0x5f, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0x5c, 0x5f, 1, 0, 0, VEX_RVM, 4, VEX_FLOAT)                           \
  X (1, 3, 0x5c, 0x5f, 1, 0, 0, VEX_RVM, 8, VEX_FLOAT)                           \
  X (1, 1, 0x7c, 0x7d, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 3, 0x7c, 0x7d, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 0, 0xc2, 0xc2, 1, 0, 1, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0xc2, 0xc2, 1, 0, 1, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0xc2, 0xc2, 1, 0, 1, VEX_RVM, 4, VEX_FLOAT)                           \
  X (1, 3, 0xc2, 0xc2, 1, 0, 1, VEX_RVM, 8, VEX_FLOAT)                           \
  X (1, 0, 0xc6, 0xc6, 1, 0, 1, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xc6, 0xc6, 1, 0, 1, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xd0, 0xd0, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 3, 0xd0, 0xd0, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 1, 0xe6, 0xe6, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (1, 2, 0xe6, 0xe6, 15, 0, 0, VEX_RM, VEX_M_L + 8, VEX_FLOAT)                 \
  X (1, 3, 0xe6, 0xe6, 15, 0, 0, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  /* 0F: integers */                                                            \
  X (1, 1, 0x60, 0x6d, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x70, 0x70, 15, 0, 1, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 2, 0x70, 0x70, 15, 0, 1, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 3, 0x70, 0x70, 15, 0, 1, VEX_RM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0x74, 0x76, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xc4, 0xc4, 1, 0, 1, VEX_FROM_GPR, 2, VEX_L0)                         \
  X (1, 1, 0xc5, 0xc5, 15, 0, 1, VEX_MASK, 16, VEX_L0 | VEX_REG)                 \
  X (1, 1, 0xd1, 0xd3, 1, 0, 0, VEX_RVM, 16, 0)                                  \
  X (1, 1, 0xd4, 0xd5, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xd7, 0xd7, 15, 0, 0, VEX_MASK, 16, VEX_REG)                          \
  X (1, 1, 0xd8, 0xe0, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xe1, 0xe2, 1, 0, 0, VEX_RVM, 16, 0)                                  \
  X (1, 1, 0xe3, 0xe5, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xe8, 0xef, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xf1, 0xf3, 1, 0, 0, VEX_RVM, 16, 0)                                  \
  X (1, 1, 0xf4, 0xf6, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (1, 1, 0xf8, 0xfe, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  /* 0F 38 */                                                                   \
  X (2, 1, 0x00, 0x0b, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x0c, 0x0d, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_W0)                   \
  X (2, 1, 0x0e, 0x0f, 15, 0, 0, VEX_FLAGS, VEX_M_L + 16, VEX_W0)                \
  X (2, 1, 0x13, 0x13, 15, 0, 0, VEX_RM, VEX_M_L + 8, VEX_W0 | VEX_FLOAT | VEX_F16C) \
  X (2, 1, 0x16, 0x16, 1, 0, 0, VEX_RVM, 32, VEX_L1 | VEX_W0)                    \
  X (2, 1, 0x17, 0x17, 15, 0, 0, VEX_FLAGS, VEX_M_L + 16, 0)                     \
  X (2, 1, 0x18, 0x18, 15, 0, 0, VEX_RM, 4, VEX_W0)                              \
  X (2, 1, 0x19, 0x19, 15, 0, 0, VEX_RM, 8, VEX_L1 | VEX_W0)                     \
  X (2, 1, 0x1c, 0x1e, 15, 0, 0, VEX_RM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x20, 0x20, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x21, 0x21, 15, 0, 0, VEX_RM, VEX_M_L + 4, 0)                         \
  X (2, 1, 0x22, 0x22, 15, 0, 0, VEX_RM, VEX_M_L + 2, 0)                         \
  X (2, 1, 0x23, 0x23, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x24, 0x24, 15, 0, 0, VEX_RM, VEX_M_L + 4, 0)                         \
  X (2, 1, 0x25, 0x25, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x28, 0x29, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x2a, 0x2a, 15, 0, 0, VEX_LOAD_ALL, VEX_M_L + 16, VEX_ALIGNED | VEX_MEM) \
  X (2, 1, 0x2b, 0x2b, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x30, 0x30, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x31, 0x31, 15, 0, 0, VEX_RM, VEX_M_L + 4, 0)                         \
  X (2, 1, 0x32, 0x32, 15, 0, 0, VEX_RM, VEX_M_L + 2, 0)                         \
  X (2, 1, 0x33, 0x33, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x34, 0x34, 15, 0, 0, VEX_RM, VEX_M_L + 4, 0)                         \
  X (2, 1, 0x35, 0x35, 15, 0, 0, VEX_RM, VEX_M_L + 8, 0)                         \
  X (2, 1, 0x36, 0x36, 1, 0, 0, VEX_RVM, 32, VEX_L1 | VEX_W0)                    \
  X (2, 1, 0x37, 0x40, 1, 0, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x41, 0x41, 15, 0, 0, VEX_RM, 16, VEX_L0)                             \
  X (2, 1, 0x45, 0x45, 1, 2, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x46, 0x46, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_W0)                   \
  X (2, 1, 0x47, 0x47, 1, 2, 0, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (2, 1, 0x58, 0x58, 15, 0, 0, VEX_RM, 4, VEX_W0)                              \
  X (2, 1, 0x59, 0x59, 15, 0, 0, VEX_RM, 8, VEX_W0)                              \
  X (2, 1, 0x78, 0x78, 15, 0, 0, VEX_RM, 1, VEX_W0)                              \
  X (2, 1, 0x79, 0x79, 15, 0, 0, VEX_RM, 2, VEX_W0)                              \
  X (2, 1, 0x96, 0x98, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0x99, 0x99, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0x9a, 0x9a, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0x9b, 0x9b, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0x9c, 0x9c, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0x9d, 0x9d, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0x9e, 0x9e, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0x9f, 0x9f, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xa6, 0xa8, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xa9, 0xa9, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xaa, 0xaa, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xab, 0xab, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xac, 0xac, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xad, 0xad, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xae, 0xae, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xaf, 0xaf, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xb6, 0xb8, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xb9, 0xb9, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xba, 0xba, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xbb, 0xbb, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xbc, 0xbc, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xbd, 0xbd, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xbe, 0xbe, 1, 2, 0, VEX_RVM, VEX_M_L + 16, VEX_FLOAT | VEX_FMA)      \
  X (2, 1, 0xbf, 0xbf, 1, 2, 0, VEX_RVM, VEX_M_W, VEX_FLOAT | VEX_FMA)           \
  X (2, 1, 0xdb, 0xdb, 15, 0, 0, VEX_RM, 16, VEX_L0 | VEX_AES)                   \
  X (2, 1, 0xdc, 0xdf, 1, 0, 0, VEX_RVM, VEX_M_L + 16, VEX_AES)                  \
  /* 0F 3A */                                                                   \
  X (3, 1, 0x00, 0x01, 15, 1, 1, VEX_RM, 32, VEX_L1 | VEX_W1)                    \
  X (3, 1, 0x02, 0x02, 1, 0, 1, VEX_RVM, VEX_M_L + 16, VEX_W0)                   \
  X (3, 1, 0x04, 0x05, 15, 0, 1, VEX_RM, VEX_M_L + 16, VEX_W0)                   \
  X (3, 1, 0x06, 0x06, 1, 0, 1, VEX_RVM, 32, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x08, 0x09, 15, 0, 1, VEX_RM, VEX_M_L + 16, VEX_FLOAT)                \
  X (3, 1, 0x0a, 0x0a, 1, 0, 1, VEX_RVM, 4, VEX_FLOAT)                           \
  X (3, 1, 0x0b, 0x0b, 1, 0, 1, VEX_RVM, 8, VEX_FLOAT)                           \
  X (3, 1, 0x0c, 0x0f, 1, 0, 1, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (3, 1, 0x14, 0x14, 15, 0, 1, VEX_STORE_GPR, 1, VEX_L0)                       \
  X (3, 1, 0x15, 0x15, 15, 0, 1, VEX_STORE_GPR, 2, VEX_L0)                       \
  X (3, 1, 0x16, 0x16, 15, 2, 1, VEX_STORE_GPR, VEX_M_W, VEX_L0)                 \
  X (3, 1, 0x17, 0x17, 15, 0, 1, VEX_STORE_GPR, 4, VEX_L0)                       \
  X (3, 1, 0x18, 0x18, 1, 0, 1, VEX_RVM, 16, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x19, 0x19, 15, 0, 1, VEX_MR, 16, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x1d, 0x1d, 15, 0, 1, VEX_TO_HALF, VEX_M_L + 8, VEX_W0 | VEX_FLOAT | VEX_F16C) \
  X (3, 1, 0x20, 0x20, 1, 0, 1, VEX_FROM_GPR, 1, VEX_L0)                         \
  X (3, 1, 0x21, 0x21, 1, 0, 1, VEX_RVM, 4, VEX_L0)                              \
  X (3, 1, 0x22, 0x22, 1, 2, 1, VEX_FROM_GPR, VEX_M_W, VEX_L0)                   \
  X (3, 1, 0x38, 0x38, 1, 0, 1, VEX_RVM, 16, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x39, 0x39, 15, 0, 1, VEX_MR, 16, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x40, 0x40, 1, 0, 1, VEX_DOT, VEX_M_L + 16, VEX_FLOAT)                \
  X (3, 1, 0x41, 0x41, 1, 0, 1, VEX_DOT, 16, VEX_L0 | VEX_FLOAT)                 \
  X (3, 1, 0x42, 0x42, 1, 0, 1, VEX_RVM, VEX_M_L + 16, 0)                        \
  X (3, 1, 0x44, 0x44, 1, 0, 1, VEX_RVM, VEX_M_L + 16, VEX_PCLMUL)               \
  X (3, 1, 0x46, 0x46, 1, 0, 1, VEX_RVM, 32, VEX_L1 | VEX_W0)                    \
  X (3, 1, 0x4a, 0x4c, 1, 0, 1, VEX_BLEND, VEX_M_L + 16, VEX_W0)                 \
  X (3, 1, 0xdf, 0xdf, 15, 0, 1, VEX_RM, 16, VEX_L0 | VEX_AES)
/* clang-format on */
