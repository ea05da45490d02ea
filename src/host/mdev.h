/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mdev.h - mediated devices: their types, those that run, and those that are defined. */
#ifndef FACET_HOST_MDEV_H
#define FACET_HOST_MDEV_H

#include "host/change.h"
#include "host/inventory.h"

/*
 * DOC: Theory of Operation
 *
 * A mediated device is a part of a parent, which is a PCI device or a name of its driver's own. It
 * is made with a UUID and a type, runs until it is removed or the host ends, and may be defined: a
 * file /etc/mdevctl.d/PARENT/UUID says what it is to be, in the format of mdevctl(8), byte for
 * byte. Whichever of the two tools writes, the other reads. There is no list of our own besides.
 *
 * A UUID names at most one device that runs, but may be defined under several parents.
 */

enum {
	FACET_MDEV_UUID = 37,       /* with its end; lower case */
	FACET_MDEV_ATTRIBUTES = 64, /* of one device */
	FACET_MDEV_VALUE = 4096,   /* of one attribute, with its end: what sysfs takes in a write */
	FACET_MDEV_FILE = 1 << 20, /* of a definition; a longer one is broken */
};

/* A file below the device's directory, and what is written to it. */
struct facet_mdev_attribute {
	char *name, *value;
};

/* What a device is, or is to be. */
struct facet_mdev_spec {
	char uuid[FACET_MDEV_UUID];
	char parent[FACET_TREE_NAME];
	char type[FACET_TREE_NAME];
	bool autostart;
	struct facet_mdev_attribute *attributes; /* in the order in which they are written */
	unsigned int count;
};

/* Releases what is in it; as after { 0 }. */
void facet_mdev_spec_fini(struct facet_mdev_spec *spec);
/* 0; -EINVAL for a name that leads out of the device or ends it, -E2BIG, -ENOMEM. */
int facet_mdev_spec_add(struct facet_mdev_spec *spec, const char *name, const char *value,
			struct facet_error *err);
/* Forgets the attributes alone. */
void facet_mdev_spec_clear(struct facet_mdev_spec *spec);

/* A UUID as people write it, in lower case; false if it is none. */
bool facet_mdev_uuid_parse(const char *text, char ret[FACET_MDEV_UUID]);
int facet_mdev_uuid_random(char ret[FACET_MDEV_UUID]);
/* A name that can stand in a path: of a parent, a type. */
bool facet_mdev_name_sound(const char *name);

/**
 * facet_mdev_spec_parse() - the content of a definition.
 * @ret: its uuid and parent, which the file's path tells, stay as they are
 *
 * As mdevctl takes it: "mdev_type" and "start" are there, "attrs" may be. Keys that neither tool
 * knows are not kept.
 *
 * Return: 0; -EINVAL after a sentence without the file's name, -ENOMEM.
 */
int facet_mdev_spec_parse(const char *text, size_t size, struct facet_mdev_spec *ret,
			  struct facet_error *err);
/* What mdevctl would write; the caller frees it. NULL: out of memory. */
char *facet_mdev_spec_format(const struct facet_mdev_spec *spec);

/* --- what there is --- */

struct facet_mdev {
	struct facet_mdev_spec spec; /* as defined; else as it runs, without attributes */
	bool defined;
	bool active; /* runs, under that parent and with that type */
	int group;   /* -1: it does not run, or has none */
	char api[FACET_TREE_NAME];
	char fault[160]; /* why the definition cannot be read; "": it can */
};

/**
 * facet_mdev_list() - all that run or are defined, by parent, then UUID.
 *
 * One that runs with another type than it is defined as is there twice.
 *
 * Return: 0 or -ENOMEM. Released by facet_mdev_list_fini().
 */
int facet_mdev_list(struct facet_tree *tree, struct facet_mdev **ret, unsigned int *ret_count,
		    struct facet_error *err);
void facet_mdev_list_fini(struct facet_mdev *list, unsigned int count);

/* Parents, below /sys/class/mdev_bus. Release with facet_names_fini(). */
void facet_mdev_parents(struct facet_tree *tree, struct facet_names *ret);
/* Its types, as in the inventory; the caller frees them. 0, -ENOENT or -ENOMEM. */
int facet_mdev_types(struct facet_tree *tree, const char *parent, struct facet_host_type **ret,
		     unsigned int *ret_count, struct facet_error *err);
/* What a type is, in words: by what GVT-g or NVIDIA's driver tells, else the driver's own text. */
void facet_mdev_explain(const struct facet_host_type *type, char *ret, size_t size);

/* What the description of NVIDIA's types tells, as some versions write it. */
struct facet_mdev_nvidia {
	bool known;
	uint32_t heads, frame_rate, memory_mib, width, height, instances;
};
bool facet_mdev_parse_nvidia(const char *text, struct facet_mdev_nvidia *ret);

/* --- changes --- */

/* Each begins a change and ends it: whole, or not there, also when this program is killed. */

/**
 * facet_mdev_start() - make a device.
 * @spec: uuid, parent, type; attributes are written in their order
 * @define: also write its definition, last
 *
 * If a step fails the device is removed again.
 *
 * Return: 0; -ENOENT: no such parent or type; -EEXIST: the UUID runs already; -ENOSPC: none of the
 * type is left; or what the kernel or the driver said, after a sentence in @err.
 */
int facet_mdev_start(struct facet_change *change, const struct facet_mdev_spec *spec, bool define,
		     struct facet_error *err);
/**
 * facet_mdev_stop() - remove a device that runs; its definition stays.
 * @parent, @type: what it has to be, or NULL
 * @forced: also if a process has it open; the kernel then waits for that process
 *
 * Return: 0; -ENOENT: it does not run; -ESTALE: it runs under another parent or type; -EBUSY.
 */
int facet_mdev_stop(struct facet_change *change, const char *uuid, const char *parent,
		    const char *type, bool forced, struct facet_error *err);
/* Makes all that are defined so, of one parent or (NULL) of all; goes on after one that fails. */
int facet_mdev_autostart(struct facet_change *change, const char *parent, unsigned int *ret_started,
			 struct facet_error *err);

/* 0; -EEXIST: there is a definition, and it is not to be replaced. Looks at no device. */
int facet_mdev_define(struct facet_change *change, const struct facet_mdev_spec *spec, bool replace,
		      struct facet_error *err);
/* 0 or -ENOENT. */
int facet_mdev_undefine(struct facet_change *change, const char *parent, const char *uuid,
			struct facet_error *err);
/*
 * The definition of a UUID, whose parent has to be told (or NULL) if it has several: -ENOTUNIQ. One
 * that is broken gives -EINVAL, with its parent in @ret.
 */
int facet_mdev_find_definition(struct facet_tree *tree, const char *uuid, const char *parent,
			       struct facet_mdev_spec *ret, struct facet_error *err);
/* The one that runs: 0 or -ENOENT. Nothing in @ret is to be released. */
int facet_mdev_find_active(struct facet_tree *tree, const char *uuid, struct facet_mdev *ret);

#endif
