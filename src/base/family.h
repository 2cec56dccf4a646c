/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine's monitor asks its broker (base/message.h), which answers each question with one message of the same `op` and `serial`.  The broker
 * opens nothing but what its table has, made from the definition as the monitor makes its own (machine/definition-files.h): numbers index that table.
 * Behind FAMILY_READY it answers only what is marked so.  More than FAMILY_MOST_QUESTIONS before it, more than a rate behind it, or one that is
 * none, ends the family.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  FAMILY_OPEN = 1,  /* a: file, b: FAMILY_WRITE or 0 → the descriptor */
  FAMILY_LOOK,      /* a: file → a: st_mode, size: of the file */
  FAMILY_TEMPORARY, /* → descriptor of an empty file without a name */
  FAMILY_EXPLAIN, /* a: file, which could not be opened or locked → descriptor of a pipe with words for a person, or ENODATA */
  FAMILY_BLAME,   /* text: the setting that a start fails for (machine/start-blame.h) */
  FAMILY_READY,   /* the machine runs */
  /* From here on also behind FAMILY_READY. */
  FAMILY_HELPER, /* a: FamilyHelper, b: of which, where it says so → a: its number, and descriptor of the socket (base/message.h) to one that was started */
  FAMILY_NEW, /* a: FamilyNew, b: the disk, size: bytes at most → a: number, and a descriptor of an empty file of a snapshot */
  FAMILY_KEEP, /* a: number, b: which of the snapshots since the start, from 0: it is whole, and gets its name */
  FAMILY_DROP,    /* a: number: it is not wanted */
  FAMILY_BACKING, /* a: disk, b: depth (1: what the disk itself lies on), text: the end of the name that the image has for it → a descriptor to read,
                   * if the definition lists it; ENOENT: it doesn't, and the log says what the user can do */
  FAMILY_END_HELPER, /* a: the number of one: it is killed; ESRCH: it was gone */
  FAMILY_SERIAL, /* a: N of serialN → a descriptor of its outside end, and in text what a person finds it by; behind FAMILY_READY only those that the machine calls
                  * again (machine/serial-outside.h) */
  FAMILY_CONNECT, /* a: a port of vsock0 → a connection to who listens for it at the host (machine/vsock-socket.h); ECONNREFUSED: nobody */
} FamilyOp;

#define FAMILY_WRITE 1u

/* The first files of the table. */
typedef enum
{
  FAMILY_FILE_DEFINITION,
  FAMILY_FILE_STATE,    /* to go on from */
  FAMILY_FILE_KVM,      /* /dev/kvm */
  FAMILY_FILE_LISTENER, /* the control socket, which is open */
  FAMILY_FILE_PASSWORD, /* for VNC, to hand to who serves it */
  FAMILY_FILE_VNC, /* a listener for VNC of the first screen, which the broker hands over for good; the next screens' follow */
  FAMILY_FILE_VNC_LAST = FAMILY_FILE_VNC + 3,
  FAMILY_FILE_VSOCK, /* a listener for clients of vsock0 */
  FAMILY_N_FILES,
} FamilyFile;

typedef enum
{
  FAMILY_HELPER_VNC,
  FAMILY_HELPER_NET, /* b: of which card: net0, net1, …; of other kinds than user the descriptor is the wire (vmm/net/backend.h), and the number 0 where no process
                        is behind it */
  FAMILY_HELPER_SHARE, /* b: of which folder: share0, share1, … */
  FAMILY_HELPER_USB,   /* b: which device: usb1, usb2, …; 0: one whose node the monitor has */
  FAMILY_HELPER_TPM, /* swtpm, its state in the machine's folder; the descriptor is its control channel (a stream); EINVAL: the folder's name has a comma */
  FAMILY_N_HELPERS,
} FamilyHelper;

typedef enum
{
  FAMILY_NEW_DISK,
  FAMILY_NEW_MEMORY,
  FAMILY_NEW_PICTURE,
  FAMILY_N_NEW,
} FamilyNew;

/* Of a snapshot's files. */
#define FAMILY_LAST_DISK 63
/* While a machine runs. */
#define FAMILY_MOST_SNAPSHOTS 1000

/* Before the machine runs.  A definition names some 60 files at most, each asked for a few times. */
#define FAMILY_MOST_QUESTIONS 2000
/* Behind that: a snapshot asks twice for each of its files. */
#define FAMILY_QUESTIONS_AT_ONCE    200
#define FAMILY_QUESTIONS_PER_SECOND 20
/* Helpers in a minute. */
#define FAMILY_MOST_HELPERS 20

/* The monitor ends with it where a wall can't be built without namespaces of its own; it is started again, told to do without. */
#define FAMILY_EXIT_NO_NAMESPACES 77

G_END_DECLS
