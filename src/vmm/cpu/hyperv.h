/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The interface of Hyper-V as CPUID tells of it, for Windows under an engine that has it (KVM).  Microsoft, Hypervisor Top Level Functional Specification
 * (6.0b), 2.4 "Microsoft Hypervisor CPUID Leaves".
 *
 * Offered is what keeps time without leaving the guest, waits well and tells other processors cheaply; nothing of partitions, messages or VMBus.  A part
 * is offered where the engine has all that belongs to it: Windows takes a clock page from nobody who leaves out the privileges that it goes with.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define HYPERV_LEAF   0x40000000u
#define HYPERV_LEAVES 7
/* Where KVM's own leaves are beside it: a hypervisor's begin at a multiple of 0x100. */
#define HYPERV_KVM_LEAF 0x40000100u

typedef enum
{
  HYPERV_RELAXED = 1 << 0,     /* timers that are late are no fault */
  HYPERV_VAPIC = 1 << 1,       /* EOI, ICR, TPR by MSR */
  HYPERV_VPINDEX = 1 << 2,     /* which processor this is */
  HYPERV_RUNTIME = 1 << 3,     /* how long it has run */
  HYPERV_TIME = 1 << 4,        /* reference counter, and the page that makes it of the TSC */
  HYPERV_SYNIC = 1 << 5,       /* interrupt controller for the timers */
  HYPERV_STIMER = 1 << 6,      /* timers a processor */
  HYPERV_FREQUENCIES = 1 << 7, /* of TSC and local APIC */
  HYPERV_TLBFLUSH = 1 << 8,    /* of other processors, by hypercall */
  HYPERV_IPI = 1 << 9,         /* to several processors, by hypercall */
} HypervParts;

/* Of leaf 0x40000003's EAX and EDX, and 0x40000004's EAX, as an engine supports them: the parts that it has whole.  0: none of it, as the hypercall page and
 * the processor's number, with which all begins, are missing.  `synic`: the engine's interrupt controller is there. */
HypervParts hyperv_parts (uint32_t privileges, uint32_t features, uint32_t hints, gboolean synic);
/* The answer for one of HYPERV_LEAVES leaves from HYPERV_LEAF; zeroes for others. */
void hyperv_cpuid (HypervParts parts, uint32_t leaf, uint32_t out[4]);

G_END_DECLS
