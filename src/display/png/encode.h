/* SPDX-License-Identifier: GPL-2.0-or-later */
/* encode.h - one picture as a PNG file. */
#ifndef FACET_DISPLAY_PNG_ENCODE_H
#define FACET_DISPLAY_PNG_ENCODE_H

#include "display/display.h"

/*
 * Writes @frame to @fd, with @cursor composited over it if it is not NULL. Thread: engine.
 * Return: 0, the error of reading or writing, or -ETIMEDOUT when @fd made us wait for a second.
 */
int facet_png_write(int fd, const struct facet_frame *frame, const struct facet_cursor *cursor,
		    struct facet_error *err);

#endif
