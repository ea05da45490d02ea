/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli.h - what the verbs of `facet` share: arguments, tables, failures. One file per verb. */
#ifndef FACET_CLI_CLI_H
#define FACET_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "facet/facet.h"

enum {
	CLI_MAX_OPTIONS = 24,
	CLI_MAX_ARGUMENTS = 64,
	CLI_ALL_PPM = 1000000,
	CLI_FAILED = 1, /* exit codes */
	CLI_WRONG = 2,
};

struct cli_option {
	const char *name; /* without "--" */
	const char *meta; /* "WxH"; "[=PATH]": a value may follow with "="; NULL: no value */
	const char *help;
};

struct cli {
	const struct cli_verb *verb;
	const char *socket;
	bool json;
	struct facet_conn *conn;
	const char *values[CLI_MAX_OPTIONS]; /* in the order of verb->options; "" if no value */
	const char *arguments[CLI_MAX_ARGUMENTS];
	unsigned int count;
};

struct cli_verb {
	const char *name;
	const char *arguments; /* "NAME FILE.png" */
	const char *summary;
	unsigned int min, max; /* arguments */
	struct cli_option options[CLI_MAX_OPTIONS];
	bool alone;                  /* does without facetd: a --socket is its own option */
	int (*run)(struct cli *cli); /* an exit code */
};

extern const struct cli_verb cli_gpus, cli_create, cli_ls, cli_show, cli_rm, cli_screenshot,
	cli_qemu_args, cli_restart, cli_set, cli_top, cli_version, cli_types, cli_stats, cli_policy,
	cli_view, cli_ivshmem, cli_doctor, cli_run, cli_stop, cli_ps, cli_console, cli_qmp,
	cli_logs, cli_validate, cli_init, cli_export, cli_vfio, cli_sriov, cli_mdev, cli_place;

/* --- arguments --- */

/* NULL: not given. */
const char *cli_value(const struct cli *cli, const char *option);

/* Says what is wrong with an argument, and gives CLI_WRONG. */
int cli_wrong(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* These write their results only if the option was given. 0, or CLI_WRONG after saying why. */
int cli_number(const struct cli *cli, const char *option, uint32_t min, uint32_t max,
	       uint32_t *ret);
int cli_size(const struct cli *cli, const char *option, uint32_t *ret_width, uint32_t *ret_height);
int cli_bytes(const struct cli *cli, const char *option, uint64_t *ret);
int cli_seconds(const struct cli *cli, const char *option, double *ret);
int cli_percent(const struct cli *cli, const char *option, uint32_t *ret_ppm);
/* --hang: seconds, or "never", which is 0. */
int cli_hang(const struct cli *cli, uint32_t *ret_ms);

/*
 * A path as facetd, which runs elsewhere, understands it. @path is given back if it is one already.
 * False after saying why not.
 */
bool cli_full_path(const struct cli *cli, const char *path, char buf[static 4096],
		   const char **ret);

/* --- failures --- */

/* The other end could not do it: says so, and gives the exit code for @error. */
int cli_failed(const struct cli *cli, int error);
/* The same for what failed here. */
int cli_error(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- pictures --- */

/* What is published in the KVMFR file at @path, as PNG into @fd. An exit code. */
int cli_picture(const struct cli *cli, const char *path, bool with_cursor, int fd);

/* --- output --- */

/* Takes the answer of libfacet: a JSON value, or NULL after saying that it is none. */
json_t *cli_parse(const struct cli *cli, char *answer);
/* What was printed has to arrive. An exit code. */
int cli_flush(void);
/* For --json. Takes the value. An exit code. */
int cli_print_json(json_t *value);

struct cli_column {
	const char *heading;
	bool right; /* aligned */
};

struct libscols_table;

/* @columns ends with a NULL heading; NULL columns: two, without headings, for `show`. */
struct libscols_table *cli_table(const struct cli_column *columns);
/* One cell for each column; NULL is empty. */
void cli_row(struct libscols_table *table, const char *const *cells);
void cli_pair(struct libscols_table *table, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints and releases it. An exit code. */
int cli_print_table(struct libscols_table *table);

/* "512M": the largest unit that loses nothing worth knowing. */
void cli_format_bytes(char *ret, size_t size, uint64_t bytes);

/* "12.5%": as many digits as it takes, at most @digits behind the point. */
void cli_format_percent(char *ret, size_t size, uint64_t ppm, int digits);
/* What a vGPU or a type is to get: "25%", "10% to 30%", "weight 50". */
void cli_format_share(char *ret, size_t size, const json_t *limits);

/* Never NULL, never negative: "" and 0 for what is absent. */
const char *cli_string(const json_t *object, const char *name);
uint64_t cli_integer(const json_t *object, const char *name);

/* Where `qemu-args --spice` has QEMU listen: beside the vGPU's own socket. */
void cli_spice_socket(const json_t *vgpu, char *ret, size_t size);

/* What `ls` and `top` show as guest: "qemu-system-x86_64:1234", or "-". */
void cli_format_guest(char *ret, size_t size, const json_t *vgpu);

#endif
