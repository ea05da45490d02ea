// SPDX-License-Identifier: GPL-2.0-or-later
/* vgpu_load.c - a guest's OpenGL without a guest: recorded once, played on any vhost-user-gpu. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"
#include "load.h"
#include "player.h"
#include "shading.h"

struct options {
	const char *file, *socket;
	struct shading shading;
	struct load_config load;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: vgpu-load record FILE [--scene NAME] [--gpu-ms MS] [--socket PATH]\n"
		"       vgpu-load play FILE --socket PATH [--seconds S] [--in-flight N]\n"
		"                 [--period-ms MS] [--burst ON_MS:OFF_MS] [--interval-ms MS] "
		"[--control]\n"
		"       vgpu-load bomb --socket PATH [--seconds S]\n"
		"\n"
		"record draws a scene on stock Mesa's virgl driver and writes down what a guest's\n"
		"kernel would send; what the host can do is asked of the backend at PATH, or of a\n"
		"vGPU inside this process. play is a front-end and a guest for the backend at "
		"PATH:\n"
		"it sends those frames, and prints lines of JSON. bomb takes all memory it can "
		"get.\n"
		"\n"
		"  --gpu-ms MS       what a frame shall cost: milliseconds of all cores\n"
		"  --in-flight N     frames that may be under way (1)\n"
		"  --period-ms MS    a frame is due each MS, and its latency counts from then\n"
		"  --burst ON:OFF    so many ms of load, then none\n"
		"  --interval-ms MS  a line each MS: frames so far, longest time without one\n"
		"  --control         starts at \"go\" on standard input, pauses at \"stop\", ends "
		"with it\n"
		"\n"
		"scenes:\n");
	for (unsigned int i = 0; shading_at(i); i++)
		fprintf(to, "  %-8s %s\n", shading_at(i)->name, shading_at(i)->what);
}

static int record(struct options *options)
{
	static struct recording recording;
	static struct player player = { .recording = &recording };
	struct recorder_process process;

	/* Both before there are threads. */
	if (shading_calibrate(&options->shading) ||
	    recorder_start(shading_draw, &options->shading, &process))
		return 1;
	recording.name = options->shading.name;
	player.port = options->socket ? port_vhost_user(options->socket) : port_loopback();
	if (!player.port || recorder_finish(&process, &player, 1, &recording) ||
	    recording_save(&recording, options->file))
		return 1;
	printf("{\"scene\": \"%s\", \"iterations\": %d, \"requests\": %u, \"bytes\": %zu}\n",
	       options->shading.name, options->shading.iterations, recording.takes[0].requests,
	       recording.size);
	if (player.port->ops->destroy)
		player.port->ops->destroy(player.port);
	return 0;
}

static int play(struct options *options)
{
	static struct recording recording;
	static struct player player = { .recording = &recording };
	int r;

	if (!options->socket) {
		fprintf(stderr, "vgpu-load: play needs --socket\n");
		return 2;
	}
	if (recording_load(&recording, options->file))
		return 1;
	options->load.name = recording.name;
	player.port = port_vhost_user(options->socket);
	if (!player.port)
		return 1;
	r = player_start(&player, 0);
	if (r)
		fprintf(stderr, "vgpu-load: the scene cannot be made: %s\n", strerror(-r));
	else
		r = load_play(&player, &options->load);
	player.port->ops->destroy(player.port);
	free(recording.steps);
	return r || player.errors ? 1 : 0;
}

static int bomb(struct options *options)
{
	struct port *port = options->socket ? port_vhost_user(options->socket) : NULL;
	int r;

	if (!options->socket)
		fprintf(stderr, "vgpu-load: bomb needs --socket\n");
	if (!port)
		return options->socket ? 1 : 2;
	r = bomb_drop(port, options->load.seconds);
	port->ops->destroy(port);
	return r ? 1 : 0;
}

static int set_scene(struct options *options, const char *name)
{
	const struct shading *shading = shading_find(name);

	if (shading)
		options->shading = *shading;
	else
		fprintf(stderr, "vgpu-load: there is no scene '%s'\n", name);
	return shading ? 0 : -1;
}

static int set_burst(struct options *options, const char *text)
{
	char end;

	if (sscanf(text, "%lf:%lf%c", &options->load.on_ms, &options->load.off_ms, &end) == 2 &&
	    options->load.on_ms > 0 && options->load.off_ms >= 0)
		return 0;
	fprintf(stderr, "vgpu-load: '%s' is not ON_MS:OFF_MS\n", text);
	return -1;
}

/* A number from 0 on. */
static int set_number(const char *option, double least, double most, double *ret)
{
	char *end;
	double value = strtod(optarg, &end);

	if (end != optarg && !*end && value >= least && value <= most) {
		*ret = value;
		return 0;
	}
	fprintf(stderr, "vgpu-load: --%s takes a number from %g to %g, not '%s'\n", option, least,
		most, optarg);
	return -1;
}

enum option_number {
	OPTION_SCENE = 1,
	OPTION_GPU_MS,
	OPTION_SOCKET,
	OPTION_SECONDS,
	OPTION_IN_FLIGHT,
	OPTION_PERIOD,
	OPTION_BURST,
	OPTION_INTERVAL,
	OPTION_CONTROL,
	OPTION_HELP,
};

static int set_option(struct options *options, enum option_number option, const char *name)
{
	double number;

	switch (option) {
	case OPTION_SCENE:
		return set_scene(options, optarg);
	case OPTION_GPU_MS:
		options->shading.iterations = 0;
		return set_number(name, 0.01, 10000, &options->shading.gpu_ms);
	case OPTION_SOCKET:
		options->socket = optarg;
		return 0;
	case OPTION_SECONDS:
		return set_number(name, 0, 1e6, &options->load.seconds);
	case OPTION_IN_FLIGHT:
		if (set_number(name, 1, PLAYER_MAX_FRAMES, &number))
			return -1;
		options->load.in_flight = (unsigned int)number;
		return 0;
	case OPTION_PERIOD:
		return set_number(name, 0, 1e6, &options->load.period_ms);
	case OPTION_BURST:
		return set_burst(options, optarg);
	case OPTION_INTERVAL:
		return set_number(name, 1, 1e6, &options->load.interval_ms);
	case OPTION_CONTROL:
		options->load.control = true;
		return 0;
	case OPTION_HELP:
		usage(stdout);
		exit(0);
	}
	return -1;
}

static int parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "scene", 1, NULL, OPTION_SCENE },
		{ "gpu-ms", 1, NULL, OPTION_GPU_MS },
		{ "socket", 1, NULL, OPTION_SOCKET },
		{ "seconds", 1, NULL, OPTION_SECONDS },
		{ "in-flight", 1, NULL, OPTION_IN_FLIGHT },
		{ "period-ms", 1, NULL, OPTION_PERIOD },
		{ "burst", 1, NULL, OPTION_BURST },
		{ "interval-ms", 1, NULL, OPTION_INTERVAL },
		{ "control", 0, NULL, OPTION_CONTROL },
		{ "help", 0, NULL, OPTION_HELP },
		{ 0 },
	};
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", names, &index)) != -1)
		if (option == '?' || set_option(options, option, names[index].name))
			return -1;
	if (optind == argc || optind + 2 < argc)
		return -1;
	options->file = argv[optind + 1]; /* or NULL */
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .load = { .seconds = 10, .in_flight = 1 } };

	signal(SIGPIPE, SIG_IGN);
	setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
	options.shading = *shading_find("light");
	if (parse(&options, argc, argv)) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(argv[optind], "record") && options.file)
		return record(&options);
	if (!strcmp(argv[optind], "play") && options.file)
		return play(&options);
	if (!strcmp(argv[optind], "bomb") && !options.file)
		return bomb(&options);
	usage(stderr);
	return 2;
}
