// SPDX-License-Identifier: GPL-2.0-or-later
/* types_yaml.c - types from a file. What is wrong in it is said with its line. */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/units.h"
#include "daemon/call.h"
#include "daemon/gpus.h"
#include "daemon/types.h"

enum { MAX_TEXT = 64 << 10, MAX_VALUE = 64, MAX_KEYS = 1024 };

/* --- the schema: values are texts here, so that ours are the sentences about them --- */

struct raw_type {
	char *name, *gpu, *mechanism, *weight, *cap, *reservation, *vram, *size, *outputs, *eus,
		*eus_exclusive, *hang;
};

struct raw_file {
	struct raw_type *types;
	unsigned int types_count;
};

#define OPTIONAL(key, member)                                                                  \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_type, \
			       member, 1, MAX_VALUE)

static const cyaml_schema_field_t type_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_type, name, 1, MAX_VALUE),
	OPTIONAL("gpu", gpu),
	OPTIONAL("mechanism", mechanism),
	OPTIONAL("weight", weight),
	OPTIONAL("cap", cap),
	OPTIONAL("reservation", reservation),
	OPTIONAL("vram", vram),
	OPTIONAL("size", size),
	OPTIONAL("outputs", outputs),
	OPTIONAL("eus", eus),
	OPTIONAL("eus-exclusive", eus_exclusive),
	OPTIONAL("hang", hang),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t type_schema = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_type, type_fields) };

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_SEQUENCE("types", CYAML_FLAG_POINTER, struct raw_file, types, &type_schema, 0,
			     FACETD_MAX_TYPES),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_schema = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct raw_file, file_fields) };

/* --- where in the file a key stands: libcyaml does not remember --- */

struct key {
	unsigned int item, line; /* item 0: outside the types */
	char name[MAX_VALUE];
};

struct keys {
	unsigned int count;
	struct key keys[MAX_KEYS];
};

static void note_key(struct keys *keys, unsigned int item, const yaml_event_t *event)
{
	struct key *key = &keys->keys[keys->count];

	if (keys->count == MAX_KEYS)
		return;
	*key = (struct key){ .item = item, .line = (unsigned int)event->start_mark.line + 1 };
	snprintf(key->name, sizeof(key->name), "%s", (const char *)event->data.scalar.value);
	keys->count++;
}

struct walk {
	unsigned int depth, item;
	bool value; /* the next scalar of a mapping is a value */
};

/* Depth 1: the file's mapping, 2: its sequence, 3: a type. */
static void walk_event(struct walk *walk, struct keys *keys, const yaml_event_t *event)
{
	bool begins =
		event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
	bool ends = event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;

	if (begins) {
		walk->depth++;
		walk->item += walk->depth == 3;
		walk->value = false;
	} else if (ends) {
		walk->depth--;
		walk->value = false;
	} else if (event->type == YAML_SCALAR_EVENT && (walk->depth == 1 || walk->depth == 3)) {
		if (!walk->value)
			note_key(keys, walk->depth == 3 ? walk->item : 0, event);
		walk->value = !walk->value;
	}
}

static void find_keys(const char *text, size_t size, struct keys *keys)
{
	struct walk walk = { 0 };
	yaml_parser_t parser;
	yaml_event_t event;
	bool more = yaml_parser_initialize(&parser);

	keys->count = 0;
	if (!more)
		return;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (more && yaml_parser_parse(&parser, &event)) {
		more = event.type != YAML_STREAM_END_EVENT;
		walk_event(&walk, keys, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

/* @item counts from 1; 0 is any. The last one: the first may be in order. 0: not there. */
static unsigned int line_of(const struct keys *keys, unsigned int item, const char *name)
{
	unsigned int line = 0;

	for (unsigned int i = 0; i < keys->count; i++)
		if ((!item || keys->keys[i].item == item) && strcmp(keys->keys[i].name, name) == 0)
			line = keys->keys[i].line;
	return line;
}

/* --- libcyaml's complaints --- */

struct complaint {
	char text[200];    /* the first: "Unexpected key: colour" */
	unsigned int line; /* the innermost */
};

static void on_log(cyaml_log_t level, void *context, const char *fmt, va_list args)
{
	struct complaint *complaint = context;
	const char *at, *prefix = "Load: ";
	char text[200];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	at = strstr(text, "(line: ");
	if (at && !complaint->line)
		complaint->line = (unsigned int)strtoul(at + strlen("(line: "), NULL, 10);
	/* Some have no words of their own before that. */
	if (at || complaint->text[0] || strstr(text, "Backtrace"))
		return;
	snprintf(complaint->text, sizeof(complaint->text), "%s",
		 strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text);
}

/* What follows @prefix in the complaint, or NULL. */
static const char *complains(const struct complaint *complaint, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(complaint->text, prefix, size) == 0 ? complaint->text + size : NULL;
}

static int fail_schema(const char *path, const struct keys *keys, const struct complaint *complaint,
		       cyaml_err_t code, struct facet_error *err)
{
	const char *key = complains(complaint, "Unexpected key: ");
	bool outside;

	if (key) {
		outside = keys->count && line_of(keys, 0, key) == keys->keys[0].line;
		return facet_error_set(err, -EINVAL, "%s:%u: key %.40s: not known; there are %s",
				       path, line_of(keys, 0, key), key,
				       outside ? "types"
					       : "name, gpu, mechanism, weight, cap, reservation, "
						 "vram, size, outputs, eus, eus-exclusive, hang");
	}
	key = complains(complaint, "Mapping field already seen: ");
	if (key)
		return facet_error_set(err, -EINVAL,
				       "%s:%u: key %.40s: given twice; once is enough", path,
				       line_of(keys, 0, key), key);
	key = complains(complaint, "Missing required mapping field: ");
	if (key)
		return facet_error_set(err, -EINVAL,
				       "%s:%u: key %.40s is missing: a file has "
				       "`types:`, and each type a name",
				       path, complaint->line ? complaint->line : 1, key);
	return facet_error_set(err, -EINVAL, "%s:%u: %.120s", path,
			       complaint->line ? complaint->line : 1,
			       complaint->text[0] ? complaint->text : cyaml_strerror(code));
}

/* --- values --- */

struct reader {
	const char *path;
	const struct keys *keys;
	unsigned int item;
	const struct raw_type *raw;
	struct facetd_type *type;
	struct facet_error *err;
};

static int wrong(const struct reader *r, const char *key, const char *value, const char *allowed)
{
	return facet_error_set(r->err, -EINVAL, "%s:%u: %s %.64s: must be %s", r->path,
			       line_of(r->keys, r->item, key), key, value, allowed);
}

static int read_names(const struct reader *r)
{
	const struct raw_type *raw = r->raw;
	struct facetd_type *type = r->type;
	const char *const *m;

	if (!facetd_name_valid(raw->name))
		return wrong(r, "name", raw->name,
			     "1 to 64 of A-Z a-z 0-9 _ . - and begin with a letter or digit");
	strcpy(type->name, raw->name);
	if (raw->gpu && strlen(raw->gpu) >= sizeof(type->gpu))
		return wrong(r, "gpu", raw->gpu, "a name that `facet gpus` lists");
	if (raw->gpu)
		strcpy(type->gpu, raw->gpu);
	for (m = facetd_mechanisms; raw->mechanism && *m && strcmp(*m, raw->mechanism) != 0; m++)
		;
	if (raw->mechanism && !*m)
		return wrong(r, "mechanism", raw->mechanism, "virgl or 2d, if facet has it");
	if (raw->mechanism)
		strcpy(type->mechanism, raw->mechanism);
	return 0;
}

static int read_shares(const struct reader *r)
{
	struct facet_share *share = &r->type->limits.share;
	const struct raw_type *raw = r->raw;
	uint64_t weight = share->weight;

	if (raw->weight && facet_units_number(raw->weight, 1, FACET_WEIGHT_MAX, &weight))
		return wrong(r, "weight", raw->weight, "a number from 1 to 10000");
	share->weight = (uint32_t)weight;
	if (raw->cap && (facet_units_percent(raw->cap, &share->cap_ppm) || !share->cap_ppm))
		return wrong(r, "cap", raw->cap, "a part of the GPU up to 100%, such as 12.5%");
	if (raw->reservation && facet_units_percent(raw->reservation, &share->reservation_ppm))
		return wrong(r, "reservation", raw->reservation,
			     "a part of the GPU up to 100%, such as 12.5%");
	if (share->reservation_ppm > share->cap_ppm)
		return wrong(r, "reservation", raw->reservation, "no more than cap");
	return 0;
}

static int read_vram(const struct reader *r)
{
	struct facetd_limits *limits = &r->type->limits;
	const char *vram = r->raw->vram;

	if (!vram)
		return 0;
	if (vram[strlen(vram) - 1] == '%') {
		limits->vram_bytes = 0;
		if (facet_units_percent(vram, &r->type->vram_ppm) == 0 && r->type->vram_ppm)
			return 0;
	} else if (facet_units_bytes(vram, &limits->vram_bytes) == 0 &&
		   limits->vram_bytes >> 20 >= FACETD_MIN_VRAM_MIB &&
		   limits->vram_bytes <= (uint64_t)FACETD_MAX_VRAM_MIB << 20) {
		return 0;
	}
	return wrong(r, "vram", vram, "such as 256M (at least 16M), or 25% of the GPU's");
}

static int read_screens(const struct reader *r)
{
	struct facetd_type *type = r->type;
	const struct raw_type *raw = r->raw;
	uint64_t outputs = FACETD_MAX_OUTPUTS;

	if (raw->size && (facet_units_size(raw->size, &type->width, &type->height) ||
			  type->width < FACETD_MIN_SIDE || type->height < FACETD_MIN_SIDE ||
			  type->width > FACETD_MAX_SIDE || type->height > FACETD_MAX_SIDE))
		return wrong(r, "size", raw->size, "WIDTHxHEIGHT in pixels, 64x64 to 8192x8192");
	if (raw->outputs && facet_units_number(raw->outputs, 1, FACETD_MAX_OUTPUTS, &outputs))
		return wrong(r, "outputs", raw->outputs, "a number from 1 to 16");
	type->outputs = (unsigned int)outputs;
	return 0;
}

static int read_rest(const struct reader *r)
{
	struct facetd_limits *limits = &r->type->limits;
	const struct raw_type *raw = r->raw;
	uint64_t seconds = limits->hang_ms / 1000;

	if (raw->eus && (strlen(raw->eus) >= sizeof(limits->eus) ||
			 strspn(raw->eus, "0123456789,-") != strlen(raw->eus)))
		return wrong(r, "eus", raw->eus, "a list such as 0-3,6, or how many");
	if (raw->eus)
		strcpy(limits->eus, raw->eus);
	if (raw->eus_exclusive && strcmp(raw->eus_exclusive, "true") != 0 &&
	    strcmp(raw->eus_exclusive, "false") != 0)
		return wrong(r, "eus-exclusive", raw->eus_exclusive, "true or false");
	limits->eus_exclusive = raw->eus_exclusive && strcmp(raw->eus_exclusive, "true") == 0;
	if (raw->hang && facet_units_number(raw->hang, 0, FACETD_MAX_HANG_MS / 1000, &seconds))
		return wrong(r, "hang", raw->hang, "a number of seconds from 0 (never) to 3600");
	limits->hang_ms = (uint32_t)seconds * 1000;
	return 0;
}

static int read_type(struct facetd_types *types, struct reader *r)
{
	struct facetd_type type = { .limits = FACETD_LIMITS_DEFAULT,
				    .width = FACETD_MAX_SIDE,
				    .height = FACETD_MAX_SIDE };
	struct facet_error why;
	int code;

	r->type = &type;
	code = read_names(r);
	if (!code)
		code = read_shares(r);
	if (!code)
		code = read_vram(r);
	if (!code)
		code = read_screens(r);
	if (!code)
		code = read_rest(r);
	if (code)
		return code;
	code = facetd_types_add(types, &type, &why);
	return code ? facet_error_set(r->err, code, "%s:%u: name %s: %s", r->path,
				      line_of(r->keys, r->item, "name"), type.name, why.text)
		    : 0;
}

/* All of a file, or nothing. */
static int read_types(struct facetd_types *types, const char *path, const struct raw_file *file,
		      const struct keys *keys, struct facet_error *err)
{
	unsigned int before = types->count;
	int code = 0;

	for (unsigned int i = 0; !code && i < file->types_count; i++)
		code = read_type(types, &(struct reader){ .path = path,
							  .keys = keys,
							  .item = i + 1,
							  .raw = &file->types[i],
							  .err = err });
	if (code)
		types->count = before;
	return code;
}

int facetd_types_parse(struct facetd_types *types, const char *path, const char *text, size_t size,
		       struct facet_error *err)
{
	struct complaint complaint = { .text = "" };
	/* Aliases would let a few lines become gigabytes. */
	cyaml_config_t config = { .log_fn = on_log,
				  .log_ctx = &complaint,
				  .log_level = CYAML_LOG_ERROR,
				  .mem_fn = cyaml_mem,
				  .flags = CYAML_CFG_NO_ALIAS };
	facet_autofree struct keys *keys = malloc(sizeof(*keys));
	struct raw_file *file = NULL;
	cyaml_err_t code;
	int r;

	if (!keys)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", path);
	find_keys(text, size, keys);
	code = cyaml_load_data((const uint8_t *)text, size, &config, &file_schema,
			       (cyaml_data_t **)&file, NULL);
	if (code != CYAML_OK)
		return fail_schema(path, keys, &complaint, code, err);
	if (!file)
		return facet_error_set(err, -EINVAL, "%s:1: empty: must have `types:`", path);
	r = read_types(types, path, file, keys, err);
	cyaml_free(&config, &file_schema, file, 0);
	return r;
}

int facetd_types_load(struct facetd_types *types, const char *path, struct facet_error *err)
{
	facet_autofree char *text = malloc(MAX_TEXT + 1);
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t size;
	int failed;

	if (!file)
		return facet_error_set(err, -errno, "types: %s: %s", path, strerror(errno));
	size = fread(text, 1, MAX_TEXT + 1, file);
	failed = ferror(file) ? errno : 0;
	fclose(file);
	if (failed)
		return facet_error_set(err, -failed, "types: %s: %s", path, strerror(failed));
	if (size > MAX_TEXT)
		return facet_error_set(err, -EFBIG, "types: %s: longer than %d KiB", path,
				       MAX_TEXT >> 10);
	return facetd_types_parse(types, path, text, size, err);
}
