// SPDX-License-Identifier: LGPL-2.1-or-later
/* error.c - formats the one sentence an error carries. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int facet_error_set(struct facet_error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return code;
}
