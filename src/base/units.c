// SPDX-License-Identifier: GPL-2.0-or-later
/* units.c - reads amounts; nothing of it depends on the locale. */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number at the beginning of *@text, which moves behind it. */
static bool read_number(const char **text, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

int facet_units_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t number;

	if (!read_number(&text, &number) || *text || number < min || number > max)
		return -EINVAL;
	*ret = number;
	return 0;
}

int facet_units_bytes(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t number;
	int shift = 0;

	if (!read_number(&text, &number) || !number)
		return -EINVAL;
	unit = *text ? strchr(units, *text) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		text++;
	}
	if (*text || number > (uint64_t)INT64_MAX >> shift)
		return -EINVAL;
	*ret = number << shift;
	return 0;
}

int facet_units_percent(const char *text, uint32_t *ret_ppm)
{
	uint64_t number, ppm;
	unsigned int place = 1000; /* ppm of the next digit behind the point */

	if (!read_number(&text, &number) || number > 100)
		return -EINVAL;
	ppm = number * 10000;
	if (*text == '.') {
		do {
			text++;
			if (*text < '0' || *text > '9' || !place)
				return -EINVAL;
			ppm += (uint64_t)(*text - '0') * place;
			place /= 10;
		} while (text[1] && text[1] != '%');
		text++;
	}
	if (*text == '%')
		text++;
	if (*text || ppm > 1000000)
		return -EINVAL;
	*ret_ppm = (uint32_t)ppm;
	return 0;
}

int facet_units_size(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
	uint64_t width, height;

	if (!read_number(&text, &width) || *text++ != 'x' || !read_number(&text, &height) ||
	    *text || !width || !height || width > 65535 || height > 65535)
		return -EINVAL;
	*ret_width = (uint32_t)width;
	*ret_height = (uint32_t)height;
	return 0;
}
