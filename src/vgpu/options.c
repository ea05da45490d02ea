// SPDX-License-Identifier: GPL-2.0-or-later
/* options.c - reads and checks the command line. */
#include "vgpu/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "engine/engine.h"

enum { MAX_EUS = 1024 };

const char facet_vgpu_usage[] =
	"Usage: facet-vgpu (--socket-path PATH | --fd N | --listen-fd N) [OPTION...]\n"
	"Be the GPU of one virtual machine, over vhost-user or vfio-user.\n"
	"\n"
	"Where the virtual machine comes in:\n"
	"  --socket-path PATH    listen there; end when the virtual machine has gone\n"
	"  --fd N                descriptor N is its connection; end when it has gone\n"
	"  --listen-fd N         descriptor N listens; serve one after another\n"
	"  --transport NAME      vhost-user, or vfio-user: a whole PCI device (vhost-user)\n"
	"What it gets:\n"
	"  --virgl               OpenGL; the same as --engine virgl\n"
	"  --engine NAME         virgl, 2d or null (2d)\n"
	"  --render-node PATH    the GPU to draw with (none: on the processor)\n"
	"  --size WxH            of each screen (what its window asks for)\n"
	"  --outputs N           screens, 1 to 16 (1)\n"
	"  --vram SIZE           quota of memory for pictures: bytes, or with K, M, G (512M)\n"
	"  --eu-count N          draw with N threads (without a GPU)\n"
	"  --kvmfr PATH          publish the first screen in that file for Looking Glass, others "
	"in\n"
	"                        PATH.1, PATH.2, ...\n"
	"How it runs:\n"
	"  --name NAME           for messages\n"
	"  --control-fd N        descriptor N listens for io.facet.vgpu calls\n"
	"  --adopt-fd N          go on where a dead predecessor stopped; N describes it\n"
	"  --share-fd N          obey the shares that facetd tells through the memory of N\n"
	"  --doorbell-fd N       eventfd to tell facetd that there is work\n"
	"  --kvmfr-fd N          as --kvmfr, in the file of descriptor N; once for each screen\n"
	"  --sandbox MODE        auto: as far as this host lets it; strict: all or fail; off\n"
	"Instead of running:\n"
	"  --print-capabilities  say what this program can do, as JSON for libvirt\n"
	"  --probe               say which engines work on this host and why not, as JSON\n"
	"  --version, --help\n";

enum option_id {
	OPT_SOCKET_PATH = 256,
	OPT_FD,
	OPT_LISTEN_FD,
	OPT_TRANSPORT,
	OPT_VIRGL,
	OPT_ENGINE,
	OPT_RENDER_NODE,
	OPT_SIZE,
	OPT_OUTPUTS,
	OPT_VRAM,
	OPT_EU_COUNT,
	OPT_NAME,
	OPT_CONTROL_FD,
	OPT_ADOPT_FD,
	OPT_SHARE_FD,
	OPT_DOORBELL_FD,
	OPT_KVMFR,
	OPT_KVMFR_FD,
	OPT_SANDBOX,
	OPT_PRINT_CAPABILITIES,
	OPT_PROBE,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "socket-path", required_argument, NULL, OPT_SOCKET_PATH },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "listen-fd", required_argument, NULL, OPT_LISTEN_FD },
	{ "transport", required_argument, NULL, OPT_TRANSPORT },
	{ "virgl", no_argument, NULL, OPT_VIRGL },
	{ "engine", required_argument, NULL, OPT_ENGINE },
	{ "render-node", required_argument, NULL, OPT_RENDER_NODE },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "outputs", required_argument, NULL, OPT_OUTPUTS },
	{ "vram", required_argument, NULL, OPT_VRAM },
	{ "eu-count", required_argument, NULL, OPT_EU_COUNT },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "control-fd", required_argument, NULL, OPT_CONTROL_FD },
	{ "adopt-fd", required_argument, NULL, OPT_ADOPT_FD },
	{ "share-fd", required_argument, NULL, OPT_SHARE_FD },
	{ "doorbell-fd", required_argument, NULL, OPT_DOORBELL_FD },
	{ "kvmfr", required_argument, NULL, OPT_KVMFR },
	{ "kvmfr-fd", required_argument, NULL, OPT_KVMFR_FD },
	{ "sandbox", required_argument, NULL, OPT_SANDBOX },
	{ "print-capabilities", no_argument, NULL, OPT_PRINT_CAPABILITIES },
	{ "probe", no_argument, NULL, OPT_PROBE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
			uint64_t *ret, struct facet_error *err)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		return facet_error_set(err, -EINVAL,
				       "--%s %s: give a whole number from %" PRIu64 " to %" PRIu64,
				       option, text, min, max);
	*ret = value;
	return 0;
}

static int parse_fd(const char *option, const char *text, int *ret, struct facet_error *err)
{
	uint64_t value = 0;
	int r = parse_number(option, text, 3, 1 << 20, &value, err);

	if (r < 0)
		return r;
	if (fcntl((int)value, F_GETFD) < 0)
		return facet_error_set(err, -EINVAL,
				       "--%s %s: no such descriptor is open in this process",
				       option, text);
	*ret = (int)value;
	return 0;
}

/* The first is of the first output. */
static int parse_kvmfr_fd(const char *text, struct facet_vgpu_options *opts,
			  struct facet_error *err)
{
	int r;

	if (opts->kvmfr_fd_count == FACET_MAX_OUTPUTS)
		return facet_error_set(err, -EINVAL, "--kvmfr-fd %s: at most %d can be given", text,
				       FACET_MAX_OUTPUTS);
	r = parse_fd("kvmfr-fd", text, &opts->kvmfr_fds[opts->kvmfr_fd_count], err);
	if (!r)
		opts->kvmfr_fd_count++;
	return r;
}

static int parse_size(const char *text, struct facet_vgpu_options *opts, struct facet_error *err)
{
	unsigned int width, height;
	char rest;

	if (sscanf(text, "%5ux%5u%c", &width, &height, &rest) != 2 || width < 16 || width > 16384 ||
	    height < 16 || height > 16384)
		return facet_error_set(err, -EINVAL,
				       "--size %s: give WIDTHxHEIGHT, each from 16 to 16384", text);
	opts->width = width;
	opts->height = height;
	return 0;
}

static int parse_vram(const char *text, uint64_t *ret, struct facet_error *err)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno)
		goto bad;
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1] || !facet_mul(value, 1ULL << (10 * (unit - units + 1)), &value))
			goto bad;
	}
	if (value < FACET_VGPU_MIN_VRAM || value > 1ULL << 44)
		goto bad;
	*ret = value;
	return 0;
bad:
	return facet_error_set(err, -EINVAL,
			       "--vram %s: give bytes, or a number with K, M or G; at least 1M",
			       text);
}

static int parse_sandbox(const char *text, enum facet_sandbox_mode *ret, struct facet_error *err)
{
	static const char *const modes[] = {
		[FACET_SANDBOX_AUTO] = "auto",
		[FACET_SANDBOX_OFF] = "off",
		[FACET_SANDBOX_STRICT] = "strict",
	};

	for (size_t i = 0; i < FACET_ARRAY_SIZE(modes); i++) {
		if (!strcmp(text, modes[i])) {
			*ret = i;
			return 0;
		}
	}
	return facet_error_set(err, -EINVAL, "--sandbox %s: give auto, strict or off", text);
}

static int parse_engine(const char *text, const char **ret, struct facet_error *err)
{
	char list[128] = "";
	size_t used = 0;

	for (const char *const *name = facet_engine_names(); *name; name++) {
		if (!strcmp(text, *name)) {
			*ret = *name;
			return 0;
		}
		used += snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", *name);
		if (used >= sizeof(list))
			break;
	}
	return facet_error_set(err, -EINVAL, "--engine %s: this program has %s", text, list);
}

static int parse_transport(const char *text, const char **ret, struct facet_error *err)
{
	if (strcmp(text, "vhost-user") != 0 && strcmp(text, "vfio-user") != 0)
		return facet_error_set(err, -EINVAL, "--transport %s: give vhost-user or vfio-user",
				       text);
	*ret = text;
	return 0;
}

static int parse_one(int id, const char *arg, struct facet_vgpu_options *opts,
		     struct facet_error *err)
{
	uint64_t number = 0;
	int r;

	switch (id) {
	case OPT_SOCKET_PATH:
		opts->socket_path = arg;
		return 0;
	case OPT_FD:
		return parse_fd("fd", arg, &opts->fd, err);
	case OPT_LISTEN_FD:
		return parse_fd("listen-fd", arg, &opts->listen_fd, err);
	case OPT_CONTROL_FD:
		return parse_fd("control-fd", arg, &opts->control_fd, err);
	case OPT_ADOPT_FD:
		return parse_fd("adopt-fd", arg, &opts->adopt_fd, err);
	case OPT_SHARE_FD:
		return parse_fd("share-fd", arg, &opts->share_fd, err);
	case OPT_DOORBELL_FD:
		return parse_fd("doorbell-fd", arg, &opts->doorbell_fd, err);
	case OPT_KVMFR:
		opts->kvmfr = arg;
		return 0;
	case OPT_KVMFR_FD:
		return parse_kvmfr_fd(arg, opts, err);
	case OPT_TRANSPORT:
		return parse_transport(arg, &opts->transport, err);
	case OPT_VIRGL:
		if (opts->engine && strcmp(opts->engine, "virgl"))
			return facet_error_set(err, -EINVAL,
					       "--virgl and --engine %s: give one of them",
					       opts->engine);
		opts->engine = "virgl";
		return 0;
	case OPT_ENGINE:
		if (opts->engine && strcmp(opts->engine, arg))
			return facet_error_set(err, -EINVAL,
					       "--engine %s: it was given as %s before", arg,
					       opts->engine);
		return parse_engine(arg, &opts->engine, err);
	case OPT_RENDER_NODE:
		opts->render_node = arg;
		return 0;
	case OPT_SIZE:
		return parse_size(arg, opts, err);
	case OPT_OUTPUTS:
		r = parse_number("outputs", arg, 1, FACET_MAX_OUTPUTS, &number, err);
		if (!r)
			opts->outputs = (unsigned int)number;
		return r;
	case OPT_EU_COUNT:
		r = parse_number("eu-count", arg, 1, MAX_EUS, &number, err);
		if (!r)
			opts->eu_count = (unsigned int)number;
		return r;
	case OPT_VRAM:
		return parse_vram(arg, &opts->vram_bytes, err);
	case OPT_NAME:
		opts->name = arg;
		return 0;
	case OPT_SANDBOX:
		return parse_sandbox(arg, &opts->sandbox, err);
	case OPT_PROBE:
		opts->action = FACET_VGPU_PROBE;
		return 0;
	}
	return -EINVAL;
}

/* What makes all other arguments unimportant (QEMU's convention for --print-capabilities). */
static enum facet_vgpu_action find_action(int argc, char **argv)
{
	static const struct {
		const char *text;
		enum facet_vgpu_action action;
	} actions[] = {
		{ "--print-capabilities", FACET_VGPU_PRINT_CAPABILITIES },
		{ "--help", FACET_VGPU_HELP },
		{ "--version", FACET_VGPU_VERSION },
	};

	for (size_t a = 0; a < FACET_ARRAY_SIZE(actions); a++)
		for (int i = 1; i < argc; i++)
			if (!strcmp(argv[i], actions[a].text))
				return actions[a].action;
	return FACET_VGPU_RUN;
}

static int check_together(const struct facet_vgpu_options *opts, struct facet_error *err)
{
	int ways = (opts->socket_path != NULL) + (opts->fd >= 0) + (opts->listen_fd >= 0);

	if (opts->action == FACET_VGPU_PROBE)
		return 0;
	if (ways != 1)
		return facet_error_set(err, -EINVAL,
				       "give exactly one of --socket-path, --fd and --listen-fd");
	if (opts->adopt_fd >= 0 && opts->listen_fd < 0)
		return facet_error_set(err, -EINVAL, "--adopt-fd: needs --listen-fd");
	if (opts->doorbell_fd >= 0 && opts->share_fd < 0)
		return facet_error_set(err, -EINVAL, "--doorbell-fd: needs --share-fd");
	if (opts->kvmfr && opts->kvmfr_fd_count)
		return facet_error_set(err, -EINVAL, "give one of --kvmfr and --kvmfr-fd");
	if (opts->kvmfr_fd_count > opts->outputs)
		return facet_error_set(err, -EINVAL, "--kvmfr-fd: given %u times for %u outputs",
				       opts->kvmfr_fd_count, opts->outputs);
	return 0;
}

static int parse_all(int argc, char **argv, struct facet_vgpu_options *opts,
		     struct facet_error *err)
{
	int id, r = 0;

	opterr = 0;
	while (r == 0 && (id = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (id == ':')
			return facet_error_set(err, -EINVAL, "%s: needs a value; see --help",
					       argv[optind - 1]);
		if (id == '?')
			return facet_error_set(err, -EINVAL, "%s: no such option; see --help",
					       argv[optind - 1]);
		r = parse_one(id, optarg, opts, err);
	}
	if (r == 0 && optind < argc)
		return facet_error_set(err, -EINVAL, "%s: only options are known; see --help",
				       argv[optind]);
	return r;
}

int facet_vgpu_options_parse(int argc, char **argv, struct facet_vgpu_options *ret,
			     struct facet_error *err)
{
	struct facet_vgpu_options opts = {
		.action = find_action(argc, argv),
		.name = "vgpu",
		.transport = "vhost-user",
		.fd = -1,
		.listen_fd = -1,
		.control_fd = -1,
		.adopt_fd = -1,
		.share_fd = -1,
		.doorbell_fd = -1,
		.outputs = 1,
		.vram_bytes = 512ULL << 20,
	};
	int r;

	memset(opts.kvmfr_fds, -1, sizeof(opts.kvmfr_fds));
	if (opts.action == FACET_VGPU_RUN) {
		r = parse_all(argc, argv, &opts, err);
		if (!r)
			r = check_together(&opts, err);
		if (r < 0)
			return r;
	}
	if (!opts.engine)
		opts.engine = "2d";
	*ret = opts;
	return 0;
}
