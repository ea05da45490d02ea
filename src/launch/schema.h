/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema.h - the format of the file, for libcyaml. */
#ifndef FACET_LAUNCH_SCHEMA_H
#define FACET_LAUNCH_SCHEMA_H

#include <cyaml/cyaml.h>

#include "launch/document.h"

extern const cyaml_schema_value_t facet_vm_schema;      /* struct facet_vm: a file of one */
extern const cyaml_schema_value_t facet_vm_file_schema; /* struct facet_vm_list: `vms:` */

struct facet_vm_list {
	struct facet_vm *vms;
	unsigned int vms_count;
};

/* For facet_doc_check(): the rules of numbers and texts. */
int facet_vm_check_scalar(const struct facet_doc *doc, int node, struct facet_error *err);

#endif
