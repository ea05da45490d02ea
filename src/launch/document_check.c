// SPDX-License-Identifier: GPL-2.0-or-later
/* document_check.c - holds a tree against a schema, and says in words what does not fit. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "launch/document.h"

struct check {
	const struct facet_doc *doc;
	int (*scalar)(const struct facet_doc *doc, int node, struct facet_error *err);
	struct facet_error *err;
};

/* What a terminal should not be sent is not. */
static void show(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		ret[n++] = *text >= 0x20 && *text < 0x7f ? *text : '?';
	ret[n] = '\0';
}

static void found(const struct facet_doc_node *node, char *ret, size_t size)
{
	if (node->kind == FACET_DOC_MAPPING)
		snprintf(ret, size, "a mapping");
	else if (node->kind == FACET_DOC_SEQUENCE)
		snprintf(ret, size, "a list");
	else if (!node->text[0])
		snprintf(ret, size, "nothing");
	else
		show(node->text, ret, size);
}

int facet_doc_wrong(const struct facet_doc *doc, int node, struct facet_error *err,
		    const char *allowed, ...)
{
	char name[80], plain[80], value[50], text[160];
	va_list args;

	va_start(args, allowed);
	vsnprintf(text, sizeof(text), allowed, args);
	va_end(args);
	facet_doc_name(doc, node, name, sizeof(name));
	show(name, plain, sizeof(plain));
	found(&doc->nodes[node], value, sizeof(value));
	return facet_error_set(err, -EINVAL, "%.80s:%u: %s%s%s: must be %s", doc->path,
			       doc->nodes[node].line, plain, plain[0] ? " " : "", value, text);
}

static void list_keys(const cyaml_schema_field_t *fields, char *ret, size_t size)
{
	ret[0] = '\0';
	for (; fields->key; fields++)
		snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", ret[0] ? ", " : "",
			 fields->key);
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
	for (; fields->key; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields;
	return NULL;
}

static int check_value(const struct check *check, int node, const cyaml_schema_value_t *schema);

static int find_child(const struct facet_doc *doc, int parent, const char *key, int from)
{
	for (int i = from; i < doc->count; i++)
		if (doc->nodes[i].parent == parent && strcmp(doc->nodes[i].key, key) == 0)
			return i;
	return -1;
}

static int check_key(const struct check *check, int node, const cyaml_schema_field_t *fields)
{
	const struct facet_doc *doc = check->doc;
	const struct facet_doc_node *n = &doc->nodes[node];
	const cyaml_schema_field_t *field = find_field(fields, n->key);
	char name[80], plain[80], keys[200];
	int other = find_child(doc, n->parent, n->key, 0);

	facet_doc_name(doc, node, name, sizeof(name));
	show(name, plain, sizeof(plain));
	list_keys(fields, keys, sizeof(keys));
	if (!field)
		return facet_error_set(check->err, -EINVAL,
				       "%.80s:%u: key %s: not known: must be one of %s", doc->path,
				       n->line, plain, keys);
	if (other < node)
		return facet_error_set(check->err, -EINVAL,
				       "%.80s:%u: key %s: given twice, first in line %u: once is "
				       "allowed",
				       doc->path, n->line, plain, doc->nodes[other].line);
	return check_value(check, node, &field->value);
}

static int check_mapping(const struct check *check, int node, const cyaml_schema_field_t *fields)
{
	const struct facet_doc *doc = check->doc;
	char name[80], keys[200];
	int r = 0;

	list_keys(fields, keys, sizeof(keys));
	if (doc->nodes[node].kind != FACET_DOC_MAPPING)
		return facet_doc_wrong(doc, node, check->err, "a mapping of %s", keys);
	for (int i = node + 1; !r && i < doc->count; i++)
		if (doc->nodes[i].parent == node)
			r = check_key(check, i, fields);
	facet_doc_name(doc, node, name, sizeof(name));
	for (; !r && fields->key; fields++)
		if (!(fields->value.flags & CYAML_FLAG_OPTIONAL) &&
		    find_child(doc, node, fields->key, node + 1) < 0)
			r = facet_error_set(check->err, -EINVAL, "%.80s:%u: key %s%s%s is missing",
					    doc->path, doc->nodes[node].line, name,
					    name[0] ? "." : "", fields->key);
	return r;
}

static int check_sequence(const struct check *check, int node, const cyaml_schema_value_t *schema)
{
	const struct facet_doc *doc = check->doc;
	unsigned int count = 0;
	int r = 0;

	if (doc->nodes[node].kind != FACET_DOC_SEQUENCE)
		return facet_doc_wrong(doc, node, check->err, "a list, each item behind a -");
	for (int i = node + 1; !r && i < doc->count; i++) {
		if (doc->nodes[i].parent != node)
			continue;
		if (++count > schema->sequence.max)
			return facet_doc_wrong(doc, node, check->err, "of at most %u items",
					       schema->sequence.max);
		r = check_value(check, i, schema->sequence.entry);
	}
	if (!r && count < schema->sequence.min)
		r = facet_doc_wrong(doc, node, check->err, "of at least %u items",
				    schema->sequence.min);
	return r;
}

static int check_enum(const struct check *check, int node, const cyaml_schema_value_t *schema)
{
	const cyaml_strval_t *strings = schema->enumeration.strings;
	char allowed[120] = "";

	for (uint32_t i = 0; i < schema->enumeration.count; i++) {
		if (strcmp(strings[i].str, check->doc->nodes[node].text) == 0)
			return 0;
		snprintf(allowed + strlen(allowed), sizeof(allowed) - strlen(allowed), "%s%s",
			 i ? ", " : "", strings[i].str);
	}
	return facet_doc_wrong(check->doc, node, check->err, "one of %s", allowed);
}

static int check_value(const struct check *check, int node, const cyaml_schema_value_t *schema)
{
	const struct facet_doc_node *n = &check->doc->nodes[node];

	if (schema->type == CYAML_MAPPING)
		return check_mapping(check, node, schema->mapping.fields);
	if (schema->type == CYAML_SEQUENCE)
		return check_sequence(check, node, schema);
	if (n->kind != FACET_DOC_SCALAR)
		return facet_doc_wrong(check->doc, node, check->err, "one value");
	if (schema->type == CYAML_ENUM)
		return check_enum(check, node, schema);
	if (schema->type == CYAML_BOOL && strcmp(n->text, "true") != 0 &&
	    strcmp(n->text, "false") != 0)
		return facet_doc_wrong(check->doc, node, check->err, "true or false");
	return schema->type == CYAML_BOOL ? 0 : check->scalar(check->doc, node, check->err);
}

int facet_doc_check(const struct facet_doc *doc, const cyaml_schema_value_t *schema,
		    int (*scalar)(const struct facet_doc *doc, int node, struct facet_error *err),
		    struct facet_error *err)
{
	return check_value(&(struct check){ .doc = doc, .scalar = scalar, .err = err }, 0, schema);
}
