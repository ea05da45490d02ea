// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - facetd: keeps the registry of vGPUs and supervises their processes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/arbitration.h"
#include "daemon/given.h"
#include "daemon/methods.h"
#include "daemon/metrics.h"
#include "daemon/monitor.h"
#include "daemon/process.h"
#include "daemon/types.h"
#include "daemon/vgpu.h"

#define LOG_AREA "facetd"

enum { TRIM_INTERVAL_US = 30000000 };

struct options {
	const char *runtime_dir, *program, *group, *types, *metrics, *host_root;
	struct facetd_arbitration_config arbitration;
	bool verbose;
};

static const char help[] =
	"Usage: facetd [OPTION]...\n"
	"Gives virtual machines GPUs of their own. See facetd(8).\n\n"
	"  --runtime-dir DIR    where sockets live ($XDG_RUNTIME_DIR/facet, else /run/facet)\n"
	"  --socket-group NAME  a group that may use the sockets (root only)\n"
	"  --types FILE         more types of vGPUs ($XDG_CONFIG_HOME/facet/types.yaml or\n"
	"                       /etc/facet/types.yaml, if it is there)\n"
	"  --metrics-listen PATH|127.0.0.1:PORT\n"
	"                       answer GET /metrics there, in OpenMetrics\n"
	"  --vgpu-program FILE  the facet-vgpu to start (or the variable FACET_VGPU)\n"
	"  --vram SIZE          memory that soft0 has to give (64M, 4G; half of this host's)\n"
	"  --overcommit         quotas may add up to more memory than a GPU has\n"
	"  --host-root DIR      for tests: give away the parts of a made-up host below DIR\n"
	"  --verbose            say more\n"
	"  --help, --version\n\n"
	"SIGTERM ends facetd and leaves the vGPUs running; the next facetd finds them again.\n"
	"`facet rm NAME` ends a vGPU.\n";

/* "512M", "4G"; a plain number is in bytes. */
static bool parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (text[0] < '0' || text[0] > '9' || (*end && (!unit || end[1])) || value > 1ULL << 44)
		return false;
	if (unit && !facet_mul(value, 1ULL << (10 * (unit - units + 1)), &value))
		return false;
	*ret = value;
	return value >= 16ULL << 20 && value <= 16ULL << 40;
}

/* 0 go on, 1 done, 2 wrong. */
static int parse(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = {
		{ "runtime-dir", required_argument, NULL, 'd' },
		{ "socket-group", required_argument, NULL, 'g' },
		{ "types", required_argument, NULL, 't' },
		{ "metrics-listen", required_argument, NULL, 'm' },
		{ "vgpu-program", required_argument, NULL, 'p' },
		{ "vram", required_argument, NULL, 'M' },
		{ "overcommit", no_argument, NULL, 'o' },
		{ "host-root", required_argument, NULL, 'r' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			ret->runtime_dir = optarg;
			break;
		case 'g':
			ret->group = optarg;
			break;
		case 't':
			ret->types = optarg;
			break;
		case 'm':
			ret->metrics = optarg;
			break;
		case 'p':
			ret->program = optarg;
			break;
		case 'M':
			if (!parse_size(optarg, &ret->arbitration.soft_vram_bytes)) {
				fprintf(stderr,
					"facetd: --vram %s: must be a size from 16M to 16T, as in "
					"4G\n",
					optarg);
				return 2;
			}
			break;
		case 'o':
			ret->arbitration.overcommit = true;
			break;
		case 'r':
			ret->host_root = optarg;
			break;
		case 'v':
			ret->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case 'V':
			puts("facetd " FACET_VERSION);
			return 1;
		default:
			fputs("facetd: see `facetd --help`\n", stderr);
			return 2;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "facetd: argument %s: none is expected: see `facetd --help`\n",
		argv[optind]);
	return 2;
}

/* Given, or beside us in a build tree, or where it was installed. */
static const char *find_program(const char *given, char buf[static PATH_MAX])
{
	char self[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!given)
		given = getenv("FACET_VGPU");
	/* Children start in another directory. */
	if (given && realpath(given, buf))
		return buf;
	if (given)
		return given;
	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		snprintf(buf, PATH_MAX, "%.*s/../vgpu/facet-vgpu", (int)(slash - self), self);
		if (access(buf, X_OK) == 0)
			return buf;
	}
	return FACET_LIBEXECDIR "/facet-vgpu";
}

/* Each vGPU may leave many descriptors here. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void adopt_one(struct facetd *daemon, const char *name)
{
	char path[PATH_MAX];
	struct facet_error err;
	struct stat st;

	facetd_rundir_path(&daemon->dir, name, "vgpu.json", path);
	/* A creation that was cut short. */
	if (stat(path, &st) < 0 && errno == ENOENT)
		facetd_rundir_remove(&daemon->dir, name);
	else if (facetd_vgpu_adopt(daemon, name, &err))
		log_error("%s: left alone: %s", name, err.text);
}

static void adopt_all(struct facetd *daemon)
{
	DIR *dir = opendir(daemon->dir.path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (facetd_name_valid(entry->d_name) && daemon->count < FACETD_MAX_VGPUS &&
		    fstatat(daemon->dir.fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode))
			adopt_one(daemon, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* The file that was given, or the first of the usual ones that is there. */
static int load_types(struct facetd *daemon, const char *given, struct facet_error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char own[PATH_MAX];

	daemon->types = facetd_types_create();
	if (!daemon->types)
		return facet_error_set(err, -ENOMEM, "types: out of memory");
	if (given)
		return facetd_types_load(daemon->types, given, err);
	if (config && config[0] == '/')
		snprintf(own, sizeof(own), "%s/facet/types.yaml", config);
	else
		snprintf(own, sizeof(own), "%s/.config/facet/types.yaml", home ? home : "");
	if (access(own, F_OK) == 0)
		return facetd_types_load(daemon->types, own, err);
	if (access("/etc/facet/types.yaml", F_OK) == 0)
		return facetd_types_load(daemon->types, "/etc/facet/types.yaml", err);
	return 0;
}

static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct facetd *daemon = userdata;
	struct facet_list *link;

	facet_list_for_each(link, &daemon->vgpus)
		facetd_vgpu_trim_log(facet_container_of(link, struct facetd_vgpu, link));
	sd_event_source_set_time_relative(source, TRIM_INTERVAL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int set_up_loop(struct facetd *daemon)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not be so large is an error, not the end */
	r = sd_event_new(&daemon->event);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_time_relative(daemon->event, &daemon->trim, CLOCK_MONOTONIC,
					       TRIM_INTERVAL_US, 5000000, on_trim, daemon);
	return r;
}

static int run(struct facetd *daemon, struct facet_error *err)
{
	int r;

	adopt_all(daemon);
	facetd_hardware_sweep(daemon);
	log_info("%s/io.facet: ready", daemon->dir.path);
	sd_notify(0, "READY=1");
	r = sd_event_loop(daemon->event);
	sd_notify(0, "STOPPING=1");
	return r < 0 ? facet_error_set(err, r, "event loop: %s", strerror(-r)) : 0;
}

static int serve(struct facetd *daemon, const struct options *options, struct facet_error *err)
{
	static const struct facet_varlink_interface *const interfaces[] = { &facetd_interface,
									    NULL };
	facet_autoclose int fd = -1;
	int r = facetd_rundir_listen(&daemon->dir, NULL, "io.facet",
				     daemon->dir.shared ? 0660 : 0600, &fd, err);

	if (!r)
		r = facet_varlink_server_create(
			&(struct facet_varlink_server_config){ .event = daemon->event,
							       .listen_fd = fd,
							       .product = "facetd",
							       .interfaces = interfaces,
							       .owner = daemon },
			&daemon->server, err);
	if (r)
		return r;
	r = facetd_monitor_create(daemon, err);
	if (!r && options->metrics)
		r = facetd_metrics_create(daemon, options->metrics, err);
	if (!r)
		r = run(daemon, err);
	facetd_metrics_destroy(daemon);
	facet_varlink_server_destroy(daemon->server);
	facetd_monitor_destroy(daemon);
	return r;
}

static void tidy_up(struct facetd *daemon)
{
	/* What it waits for may end a vGPU, or begin one. */
	facetd_hardware_destroy(daemon);
	if (daemon->count)
		log_info("%u vGPUs go on; the next facetd finds them", daemon->count);
	while (!facet_list_empty(&daemon->vgpus))
		facetd_vgpu_forget(
			facet_container_of(daemon->vgpus.next, struct facetd_vgpu, link));
	facetd_arbitration_destroy(daemon);
	facetd_types_destroy(daemon->types);
	sd_event_source_disable_unref(daemon->trim);
	sd_event_unref(daemon->event);
	facetd_rundir_close(&daemon->dir);
}

int main(int argc, char **argv)
{
	struct facetd daemon = { 0 };
	struct options options = { 0 };
	char program[PATH_MAX];
	struct facet_error err;
	int r = parse(argc, argv, &options);

	if (r)
		return r == 1 ? fflush(stdout) != 0 : 2;
	facet_log_set(NULL, options.verbose ? FACET_LOG_DEBUG : FACET_LOG_INFO);
	facet_list_init(&daemon.vgpus);
	daemon.program = find_program(options.program, program);
	raise_limits();
	if (facetd_process_be_prompt())
		log_debug("no priority over what runs: shares are kept less exactly");
	r = facetd_rundir_open(&daemon.dir, options.runtime_dir, options.group, &err);
	if (!r)
		r = load_types(&daemon, options.types, &err);
	if (!r && set_up_loop(&daemon) < 0)
		r = facet_error_set(&err, -EIO, "event loop: cannot be set up");
	if (!r)
		r = facetd_arbitration_create(&daemon, &options.arbitration, &err);
	if (!r)
		r = facetd_hardware_create(&daemon, options.host_root ? options.host_root : "/",
					   &err);
	if (!r)
		r = serve(&daemon, &options, &err);
	tidy_up(&daemon);
	if (r)
		fprintf(stderr, "facetd: %s\n", err.text);
	return r ? 1 : 0;
}
