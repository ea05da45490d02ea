// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - says what this program can do, and what this host lets it do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vgpu/vgpu.h"

static int print(json_t *json)
{
	int r = json ? json_dumpf(json, stdout, JSON_COMPACT) : -1;

	json_decref(json);
	return r < 0 || putchar('\n') == EOF || fflush(stdout) ? -EIO : 0;
}

int facet_vgpu_print_capabilities(void)
{
	json_t *features = json_array();

	if (HAVE_VIRGL) {
		json_array_append_new(features, json_string("render-node"));
		json_array_append_new(features, json_string("virgl"));
	}
	return print(json_pack("{s:s, s:o}", "type", "gpu", "features", features));
}

static json_t *probe_engine(const char *name, const struct facet_vgpu_options *opts)
{
	facet_autoclose int fd = -1;
	struct facet_engine_config cfg = { .render_node = opts->render_node };
	struct facet_error err = { 0 };
	int r = 0;

	if (opts->render_node) {
		fd = open(opts->render_node, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			r = facet_error_set(&err, -errno, "%s: %s", opts->render_node,
					    strerror(errno));
	}
	cfg.render_fd = fd;
	if (!r)
		r = facet_engine_probe(name, &cfg, &err);
	return json_pack("{s:s, s:b, s:s}", "name", name, "works", r == 0, "why", err.text);
}

int facet_vgpu_print_probe(const struct facet_vgpu_options *opts)
{
	json_t *engines = json_array();

	/* The null engine is for tests: nobody wants to choose it. */
	for (const char *const *name = facet_engine_names(); *name; name++)
		if (strcmp(*name, "null"))
			json_array_append_new(engines, probe_engine(*name, opts));
	return print(json_pack("{s:o}", "mechanisms", engines));
}
