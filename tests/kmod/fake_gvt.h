/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_gvt.h - what a guest of the fake vGPU sees: one source for the module and its guests. */
#ifndef FAKE_GVT_H
#define FAKE_GVT_H

#define FAKE_GVT_VENDOR 0x1234
#define FAKE_GVT_DEVICE 0x4756

/* BAR 0: registers of 32 bits, and only such accesses. BAR 2: the picture, XRGB8888. */
#define FAKE_GVT_MAGIC        0x00 /* R: FAKE_GVT_IS */
#define FAKE_GVT_SIZE         0x04 /* R: width << 16 | height */
#define FAKE_GVT_ADDRESS_LOW  0x08 /* RW: in the guest's memory */
#define FAKE_GVT_ADDRESS_HIGH 0x0c
#define FAKE_GVT_OFFSET       0x10 /* RW: in BAR 2 */
#define FAKE_GVT_LENGTH       0x14 /* RW: bytes */
#define FAKE_GVT_COMMAND      0x18 /* W: a command, done when the write is; R: pages that are pinned */
#define FAKE_GVT_RESULT       0x1c /* R: 0, or the errno of the last command */
#define FAKE_GVT_REGISTERS    0x20

#define FAKE_GVT_IS 0x66474754

#define FAKE_GVT_TO_GUEST   1 /* BAR 2 to memory, by vfio_dma_rw() */
#define FAKE_GVT_FROM_GUEST 2 /* memory to BAR 2 */
#define FAKE_GVT_PIN        3 /* the page at the address; it stays so until it is unpinned or unmapped */
#define FAKE_GVT_UNPIN      4
#define FAKE_GVT_TO_PINNED  5 /* BAR 2 to the pinned page, at the address' offset in it */
#define FAKE_GVT_INTERRUPT  6 /* the MSI */

#endif
