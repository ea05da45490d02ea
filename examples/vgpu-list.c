// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vgpu-list.c - lists GPUs and vGPUs through libfacet, then follows what happens to them.
 *
 *	cc -o vgpu-list vgpu-list.c $(pkg-config --cflags --libs facet)
 *	./vgpu-list [--follow]
 */
#include <stdio.h>
#include <string.h>

#include <facet/facet.h>

static int print_gpus(struct facet_conn *conn)
{
	struct facet_gpu_info **gpus;
	int r = facet_get_gpus(conn, &gpus);

	for (int i = 0; !r && gpus[i]; i++)
		printf("%s: %s, %u execution units, %.1f%% free\n", gpus[i]->name, gpus[i]->policy,
		       gpus[i]->eus, gpus[i]->share_free_ppm / 1e4);
	if (!r)
		facet_free(gpus);
	return r;
}

static int print_vgpus(struct facet_conn *conn)
{
	struct facet_stats **stats;
	int r = facet_get_stats(conn, &stats);

	for (int i = 0; !r && stats[i]; i++)
		printf("%s on %s: %s, got %.1f%% of %.1f%%, %llu frames\n", stats[i]->name,
		       stats[i]->gpu, stats[i]->state, stats[i]->used_ppm / 1e4,
		       stats[i]->entitled_ppm / 1e4, (unsigned long long)stats[i]->frames);
	if (!r)
		facet_free(stats);
	return r;
}

static int follow(struct facet_conn *conn)
{
	struct facet_event event = { .size = sizeof(event) };
	struct facet_events *events;
	int r = facet_events_open(conn, &events);

	if (r)
		return r;
	while (facet_events_next(events, -1, &event) == 0) {
		printf("%s %s %s\n", event.event, event.name, event.state);
		fflush(stdout);
	}
	facet_events_close(events);
	return 0;
}

int main(int argc, char **argv)
{
	struct facet_conn *conn;
	int r = facet_connect(NULL, &conn);

	if (!r)
		r = print_gpus(conn);
	if (!r)
		r = print_vgpus(conn);
	if (!r && argc > 1 && strcmp(argv[1], "--follow") == 0)
		r = follow(conn);
	if (r)
		fprintf(stderr, "vgpu-list: %s\n", conn ? facet_error_text(conn) : "no memory");
	facet_close(conn);
	return r ? 1 : 0;
}
