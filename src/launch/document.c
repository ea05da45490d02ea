// SPDX-License-Identifier: GPL-2.0-or-later
/* document.c - libyaml's events become a tree. */
#include "launch/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"

FACET_DEFINE_CLEANUP(struct facet_doc, facet_doc_destroy)

struct reading {
	struct facet_doc *doc;
	int open[FACET_DOC_DEPTH]; /* mappings and sequences, outermost first */
	unsigned int counts[FACET_DOC_DEPTH], depth, documents;
	char *key; /* of the mapping that is innermost: its value comes next */
	unsigned int key_line;
	struct facet_error *err;
};

void facet_doc_destroy(struct facet_doc *doc)
{
	if (!doc)
		return;
	for (int i = 0; i < doc->count; i++) {
		free(doc->nodes[i].key);
		free(doc->nodes[i].text);
	}
	free(doc->nodes);
	free(doc);
}

__attribute__((format(printf, 3, 4))) static int refuse(struct reading *reading, unsigned int line,
							const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return facet_error_set(reading->err, -EINVAL, "%.80s:%u: %s", reading->doc->path, line,
			       text);
}

static unsigned int line_of(const yaml_event_t *event)
{
	return (unsigned int)event->start_mark.line + 1;
}

static bool in_mapping(const struct reading *reading)
{
	return reading->depth &&
	       reading->doc->nodes[reading->open[reading->depth - 1]].kind == FACET_DOC_MAPPING;
}

/* Takes the key that waits. */
static int add(struct reading *reading, enum facet_doc_kind kind, unsigned int line)
{
	struct facet_doc *doc = reading->doc;
	struct facet_doc_node *node = &doc->nodes[doc->count];
	int parent = reading->depth ? reading->open[reading->depth - 1] : -1;

	if (doc->count == FACET_DOC_NODES)
		return refuse(reading, line, "too much: a file has at most %d values",
			      FACET_DOC_NODES);
	*node = (struct facet_doc_node){ .kind = kind, .parent = parent, .line = line };
	node->key = facet_steal(reading->key);
	if (node->key)
		node->line = reading->key_line;
	if (reading->depth)
		node->index = reading->counts[reading->depth - 1]++;
	doc->count++;
	return 0;
}

static int begin(struct reading *reading, enum facet_doc_kind kind, const yaml_event_t *event)
{
	int r;

	if (in_mapping(reading) && !reading->key)
		return refuse(reading, line_of(event),
			      "a key must be a word, not a list or mapping");
	if (reading->depth == FACET_DOC_DEPTH)
		return refuse(reading, line_of(event), "nested too deep: at most %d levels",
			      FACET_DOC_DEPTH);
	r = add(reading, kind, line_of(event));
	if (r)
		return r;
	reading->counts[reading->depth] = 0;
	reading->open[reading->depth++] = reading->doc->count - 1;
	return 0;
}

static int read_scalar(struct reading *reading, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	char *text;
	int r;

	if (size > FACET_DOC_TEXT)
		return refuse(reading, line_of(event), "%.20s...: too long: at most %d bytes",
			      value, FACET_DOC_TEXT);
	if (strlen(value) != size)
		return refuse(reading, line_of(event), "%.40s: has a zero byte in it", value);
	text = strdup(value);
	if (!text)
		return refuse(reading, line_of(event), "out of memory");
	if (in_mapping(reading) && !reading->key) {
		reading->key = text;
		reading->key_line = line_of(event);
		return 0;
	}
	r = add(reading, FACET_DOC_SCALAR, line_of(event));
	if (r) {
		free(text);
		return r;
	}
	reading->doc->nodes[reading->doc->count - 1].text = text;
	reading->doc->nodes[reading->doc->count - 1].quoted =
		event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

/* An alias makes a few lines gigabytes, or a circle; a tag, something that is not what it says. */
static int refuse_extras(struct reading *reading, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_ALIAS_EVENT)
		return refuse(reading, line_of(event), "*%.40s: aliases are not allowed: repeat it",
			      event->data.alias.anchor);
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	}
	if (anchor)
		return refuse(reading, line_of(event), "&%.40s: anchors are not allowed", anchor);
	if (tag)
		return refuse(reading, line_of(event), "%.40s: tags are not allowed", tag);
	return 0;
}

static int read_event(struct reading *reading, const yaml_event_t *event)
{
	int r = refuse_extras(reading, event);

	if (r)
		return r;
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reading->documents++)
			return refuse(reading, line_of(event),
				      "a second document begins: several VMs go below `vms:`");
		return 0;
	case YAML_MAPPING_START_EVENT:
		return begin(reading, FACET_DOC_MAPPING, event);
	case YAML_SEQUENCE_START_EVENT:
		return begin(reading, FACET_DOC_SEQUENCE, event);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		reading->depth--;
		return 0;
	case YAML_SCALAR_EVENT:
		return read_scalar(reading, event);
	default:
		return 0;
	}
}

static int read_events(struct reading *reading, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool more = true;
	int r = 0;

	while (!r && more) {
		if (!yaml_parser_parse(parser, &event))
			return refuse(
				reading,
				(unsigned int)(parser->problem_mark.line > parser->context_mark.line
						       ? parser->problem_mark.line
						       : parser->context_mark.line) +
					1,
				"not YAML: %.100s%s%.60s",
				parser->problem ? parser->problem : "cannot be read",
				parser->context ? " " : "", parser->context ? parser->context : "");
		more = event.type != YAML_STREAM_END_EVENT;
		r = read_event(reading, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int facet_doc_read(const char *path, const char *text, size_t size, struct facet_doc **ret,
		   struct facet_error *err)
{
	facet_auto(facet_doc_destroy) struct facet_doc *doc = calloc(1, sizeof(*doc));
	struct reading reading = { .doc = doc, .err = err };
	yaml_parser_t parser;
	int r;

	if (doc)
		doc->nodes = calloc(FACET_DOC_NODES, sizeof(*doc->nodes));
	if (!doc || !doc->nodes || !yaml_parser_initialize(&parser))
		return facet_error_set(err, -ENOMEM, "%.80s: out of memory", path);
	doc->path = path;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	r = read_events(&reading, &parser);
	yaml_parser_delete(&parser);
	free(reading.key);
	if (!r && !doc->count)
		r = refuse(&reading, 1, "empty: `facet init` writes a file to begin with");
	if (!r)
		*ret = facet_steal(doc);
	return r;
}

void facet_doc_name(const struct facet_doc *doc, int node, char *ret, size_t size)
{
	const struct facet_doc_node *n = &doc->nodes[node];
	size_t used;

	ret[0] = '\0';
	if (n->parent < 0)
		return;
	facet_doc_name(doc, n->parent, ret, size);
	used = strlen(ret);
	if (n->key)
		snprintf(ret + used, size - used, "%s%.40s", used ? "." : "", n->key);
	else
		snprintf(ret + used, size - used, "[%u]", n->index);
}

int facet_doc_find(const struct facet_doc *doc, const char *name)
{
	char text[200];

	for (int i = 0; i < doc->count; i++) {
		facet_doc_name(doc, i, text, sizeof(text));
		if (strcmp(text, name) == 0)
			return i;
	}
	return -1;
}
