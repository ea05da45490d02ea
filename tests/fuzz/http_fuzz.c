// SPDX-License-Identifier: GPL-2.0-or-later
/* http_fuzz.c - what a scraper of metrics may send, byte by byte as it arrives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facetd_http_request request;
	int status = 0;

	/* Long ones in pieces: each is read from its beginning again. */
	for (size_t n = 0; status == 0 && n <= size; n += n < 512 || size - n < 64 ? 1 : 64) {
		/* As long as it is, so that reading past its end is noticed. */
		char *text = malloc(n ? n : 1);

		if (!text)
			abort();
		memcpy(text, data, n);
		status = facetd_http_parse(text, n, &request);
		free(text);
	}
	if (status == 0 && size >= FACETD_HTTP_MAX_HEAD)
		abort();
	if (status == 200 && (request.path[0] != '/' || strlen(request.path) >= 128))
		abort();
	if (status && !facetd_http_reason(status)[0])
		abort();
	return 0;
}
