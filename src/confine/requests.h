/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What may be asked of a descriptor by ioctl(2): a list for the filter (calls-make.c), the attack test and `tests/lint-requests.py`, which compares it with what
 * the sources of cpu/kvm ask.  The numbers have sizes and, for KVM, the architecture in them.
 */
#pragma once

#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>

/* KVM, before the walls: the engine is made, and asked what it can.  Refused behind them: no more machines, processors or capabilities. */
#define REQUESTS_BEFORE(X)       \
  X (KVM_GET_API_VERSION)        \
  X (KVM_CHECK_EXTENSION)        \
  X (KVM_CREATE_VM)              \
  X (KVM_GET_VCPU_MMAP_SIZE)     \
  X (KVM_CREATE_VCPU)            \
  X (KVM_SET_IDENTITY_MAP_ADDR)  \
  X (KVM_SET_TSS_ADDR)           \
  X (KVM_ENABLE_CAP)             \
  X (KVM_GET_SUPPORTED_CPUID)    \
  X (KVM_GET_SUPPORTED_HV_CPUID) \
  X (KVM_SET_CPUID2)             \
  X (KVM_GET_MSR_INDEX_LIST)

/* KVM, of a machine that is there: its processors run, are interrupted, move its memory and read their own state for a report. */
#define REQUESTS_PROCESSORS(X)   \
  X (KVM_RUN)                    \
  X (KVM_INTERRUPT)              \
  X (KVM_NMI)                    \
  X (KVM_SIGNAL_MSI)             \
  X (KVM_IOEVENTFD)              \
  X (KVM_SET_GSI_ROUTING)        \
  X (KVM_SET_USER_MEMORY_REGION) \
  X (KVM_GET_DIRTY_LOG)          \
  X (KVM_SET_SIGNAL_MASK)        \
  X (KVM_GET_REGS)               \
  X (KVM_GET_SREGS)              \
  X (KVM_GET_SREGS2)             \
  X (KVM_GET_MSRS)               \
  X (KVM_GET_TSC_KHZ)            \
  X (KVM_GET_XSAVE)              \
  X (KVM_GET_XCRS)               \
  X (KVM_GET_LAPIC)              \
  X (KVM_GET_MP_STATE)           \
  X (KVM_GET_VCPU_EVENTS)        \
  X (KVM_GET_DEBUGREGS)

/* KVM, who saves, loads, resets and pauses it. */
#define REQUESTS_STATE(X) \
  X (KVM_SET_REGS)        \
  X (KVM_SET_SREGS)       \
  X (KVM_SET_SREGS2)      \
  X (KVM_SET_MSRS)        \
  X (KVM_SET_XSAVE)       \
  X (KVM_SET_XCRS)        \
  X (KVM_SET_LAPIC)       \
  X (KVM_SET_MP_STATE)    \
  X (KVM_SET_VCPU_EVENTS) \
  X (KVM_SET_DEBUGREGS)   \
  X (KVM_SET_GUEST_DEBUG) \
  X (KVM_GET_CLOCK)       \
  X (KVM_SET_TSC_KHZ)     \
  X (KVM_SET_CLOCK)       \
  X (KVM_KVMCLOCK_CTRL)   \
  X (KVM_HAS_DEVICE_ATTR) \
  X (KVM_GET_DEVICE_ATTR) \
  X (KVM_SET_DEVICE_ATTR)

/* A disk that is a block device. */
#define REQUESTS_DISKS(X) \
  X (BLKDISCARD)          \
  X (BLKZEROOUT)

/* Sockets; all that a helper has. */
#define REQUESTS_SOCKETS(X) \
  X (FIONREAD)              \
  X (FIONBIO)

/* A device of this computer's USB, whose node is open: what libusb asks of it. */
#define REQUESTS_USB(X)         \
  X (USBDEVFS_CONTROL)          \
  X (USBDEVFS_SETINTERFACE)     \
  X (USBDEVFS_SETCONFIGURATION) \
  X (USBDEVFS_GETDRIVER)        \
  X (USBDEVFS_SUBMITURB)        \
  X (USBDEVFS_DISCARDURB)       \
  X (USBDEVFS_REAPURB)          \
  X (USBDEVFS_REAPURBNDELAY)    \
  X (USBDEVFS_CLAIMINTERFACE)   \
  X (USBDEVFS_RELEASEINTERFACE) \
  X (USBDEVFS_CONNECTINFO)      \
  X (USBDEVFS_IOCTL)            \
  X (USBDEVFS_RESET)            \
  X (USBDEVFS_CLEAR_HALT)       \
  X (USBDEVFS_GET_CAPABILITIES) \
  X (USBDEVFS_DISCONNECT_CLAIM) \
  X (USBDEVFS_GET_SPEED)

/* Others: the size of a disk or medium that is a block device. */
#define REQUESTS_FILES(X) \
  REQUESTS_SOCKETS (X)    \
  X (BLKGETSIZE64)

/* Behind the walls, of any thread. */
#define REQUESTS(X) REQUESTS_PROCESSORS (X) REQUESTS_STATE (X) REQUESTS_DISKS (X) REQUESTS_FILES (X)
