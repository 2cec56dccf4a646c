/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where translated code and the thunks, which are written in assembly, find things: offsets from RSP, which is the SoftCpu while translated
 * code runs.  translate/runtime.c asserts that they are right.
 */
#pragma once

#define FRAME_AF     144
#define FRAME_BUDGET 152
/* The host's stack pointer while translated code runs on the processor's own stack. */
#define FRAME_HOST_SP 176
#define FRAME_ENTRY   184
#define FRAME_EXIT    192 /* what translated code was left with: 0, or which SoftExit */
#define FRAME_POLL    200
#define FRAME_RUN     208 /* soft_unit_thunk_run and so on */
#define FRAME_COLD    216
#define FRAME_LEAVE   224
#define FRAME_TEMP    232
#define FRAME_BOUNCE  240 /* 16 bytes: the value of a load that isn't from RAM */
#define FRAME_SSE     256 /* soft_unit_thunk_sse */
#define FRAME_LIVE    264 /* 1: XMM registers and MXCSR are in the host's; 2: all of YMM is */
#define FRAME_MXCSR   268
#define FRAME_XMM     272
#define FRAME_YMM     528 /* upper halves */
#define FRAME_HIGH    784 /* soft_unit_thunk_high */
#define FRAME_GAP     792
/* SoftGap: by the address's page, and what is in it. */
#define GAP_MASK  7
#define GAP_SHIFT 5
#define GAP_ROOM  8
#define GAP_HOST  16
/* Of what ESI carries (translate.h): which stores look at gaps. */
#define GAP_ACCESS 0x28000000 /* SOFT_ACCESS_WRITE, SOFT_ACCESS_ALIGNED */
#define GAP_STORE  0x08000000
