// SPDX-License-Identifier: GPL-2.0-or-later
/* part.c - takes and gives back parts: under one lock, and never two for one. */
#include "host/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/part_internal.h"
#include "host/tree_internal.h"

enum {
	LOCK_TRIES = 3000, /* of 10 ms: as long as drivers may take for another's part */
};

static const struct facet_part_ops *const mechanisms[FACET_MECHANISM_COUNT] = {
	[FACET_VFIO] = &facet_part_vfio,        [FACET_SRIOV] = &facet_part_sriov,
	[FACET_MDEV] = &facet_part_mdev,        [FACET_GVTG] = &facet_part_gvtg,
	[FACET_VENDOR_VF] = &facet_part_vendor,
};

const struct facet_part_ops *facet_part_ops(enum facet_mechanism mechanism)
{
	return mechanisms[mechanism];
}

bool facet_part_mechanism(const char *name, enum facet_mechanism *ret)
{
	for (int i = 0; i < FACET_MECHANISM_COUNT; i++) {
		if (mechanisms[i] &&
		    strcmp(facet_mechanism_name((enum facet_mechanism)i), name) == 0) {
			*ret = (enum facet_mechanism)i;
			return true;
		}
	}
	return false;
}

bool facet_part_typed(enum facet_mechanism mechanism)
{
	return mechanisms[mechanism] && mechanisms[mechanism]->typed;
}

void facet_part_token(char ret[static FACET_PART_TOKEN])
{
	uint8_t bytes[(FACET_PART_TOKEN - 1) / 2];

	/* So few never come short, and the pool is full long before there is anything to give. */
	while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		continue;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

/* --- where the files are --- */

int facet_parts_find_dir(struct facet_parts *parts, bool create)
{
	facet_autoclose int run = -1, fd = -1;
	int root_fd = parts->tree->root_fd;
	struct stat st;

	if (parts->dir_fd >= 0)
		return 0;
	if (create && mkdirat(root_fd, "run", 0755) < 0 && errno != EEXIST)
		return -errno;
	run = openat(root_fd, "run", O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (run < 0)
		return -errno;
	if (create && mkdirat(run, "facet-parts", 0755) == 0 &&
	    fchmodat(run, "facet-parts", 0755, 0) < 0)
		return -errno;
	fd = openat(run, "facet-parts", O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != geteuid() && st.st_uid != 0) || st.st_mode & 022)
		return -EPERM;
	parts->dir_fd = facet_steal_fd(&fd);
	return 0;
}

int facet_parts_open_tree(struct facet_tree *tree, struct facet_parts **ret,
			  struct facet_error *err)
{
	struct facet_parts *parts = calloc(1, sizeof(*parts));
	int r;

	if (!parts)
		return facet_error_set(err, -ENOMEM, "out of memory");
	parts->tree = tree;
	parts->borrowed = true;
	parts->dir_fd = parts->lock_fd = -1;
	r = facet_parts_find_dir(parts, false);
	if (r && r != -ENOENT) {
		facet_parts_close(parts);
		return facet_error_set(err, r, "/" FACET_PARTS_DIR ": %s",
				       r == -EPERM ? "others may write there: it is not facet's"
						   : strerror(-r));
	}
	*ret = parts;
	return 0;
}

int facet_parts_open(const char *root, struct facet_parts **ret, struct facet_error *err)
{
	struct facet_tree *tree;
	int r = facet_tree_open(root, &tree, err);

	if (r)
		return r;
	r = facet_parts_open_tree(tree, ret, err);
	if (r)
		facet_tree_close(tree);
	else
		(*ret)->borrowed = false;
	return r;
}

static void unlock(struct facet_parts *parts)
{
	if (parts->lock_fd >= 0)
		close(parts->lock_fd);
	parts->lock_fd = -1;
}

void facet_parts_close(struct facet_parts *parts)
{
	if (!parts)
		return;
	unlock(parts);
	if (parts->dir_fd >= 0)
		close(parts->dir_fd);
	if (!parts->borrowed)
		facet_tree_close(parts->tree);
	free(parts);
}

static int fail_root(int r, struct facet_error *err)
{
	if ((r == -EACCES || r == -EPERM || r == -EROFS) && geteuid() != 0)
		return facet_error_set(err, -EACCES,
				       "to give away hardware needs root: start facetd as root "
				       "(`systemctl start facetd`), and speak to that one: `facet "
				       "--socket /run/facet/io.facet ...`");
	return facet_error_set(err, r, "/" FACET_PARTS_DIR ": %s", strerror(-r));
}

static int wait_for_lock(int fd)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (tries == LOCK_TRIES)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int lock(struct facet_parts *parts, struct facet_error *err)
{
	facet_autoclose int fd = -1;
	int r = facet_parts_find_dir(parts, true);

	if (r)
		return fail_root(r, err);
	/* Nobody else may open it: whoever can lock it keeps us all waiting. */
	fd = openat(parts->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail_root(-errno, err);
	r = wait_for_lock(fd);
	if (r == -EBUSY)
		return facet_error_set(err, r,
				       "another facet has been at this host's parts for %d s: wait "
				       "for it, or look at what it hangs (fuser "
				       "/" FACET_PARTS_DIR "/lock)",
				       LOCK_TRIES / 100);
	if (r)
		return fail_root(r, err);
	parts->lock_fd = facet_steal_fd(&fd);
	return 0;
}

/* --- what is common to parts --- */

void facet_part_device(const struct facet_part *part, char *ret, size_t size)
{
	if (part->uuid[0])
		snprintf(ret, size, "sys/bus/mdev/devices/%s", part->uuid);
	else
		snprintf(ret, size, "sys/bus/pci/devices/%s", part->bdf);
}

void facet_part_holders(struct facet_parts *parts, const struct facet_part *part,
			struct facet_holders *ret)
{
	char device[FACET_TREE_PATH];

	facet_part_device(part, device, sizeof(device));
	facet_holders_find(parts->tree, device, ret);
}

static const char *label(const struct facet_part *part)
{
	return part->uuid[0] ? part->uuid : part->bdf;
}

int facet_part_check_device(struct facet_parts *parts, const struct facet_part *part,
			    struct facet_error *err)
{
	char device[FACET_TREE_PATH], driver[FACET_TREE_NAME];
	uint64_t inode = 0;

	facet_part_device(part, device, sizeof(device));
	if (facet_tree_inode(parts->tree, &inode, "%s", device) < 0)
		return facet_error_set(err, -ESTALE, "%s: is not there any more", label(part));
	if (part->inode && inode != part->inode)
		return facet_error_set(err, -ESTALE,
				       "%s: was removed, and another device has its name now",
				       label(part));
	facet_tree_link(parts->tree, driver, sizeof(driver), "%s/driver", device);
	if (part->bdf[0] && strcmp(driver, part->driver) != 0)
		return facet_error_set(err, -ESTALE,
				       "%s: was with driver %s, and somebody has given it to %s",
				       part->bdf, part->driver, driver[0] ? driver : "none");
	return 0;
}

/* A device that is given away is all of its group, and all that can be split off it. */
static bool excludes(const struct facet_part *a, const struct facet_part *b)
{
	char left[FACET_TREE_NAME], right[FACET_TREE_NAME];
	bool whole = a->mechanism == FACET_VFIO || b->mechanism == FACET_VFIO;

	facet_part_key(a, left);
	facet_part_key(b, right);
	return strcmp(left, right) == 0 || (whole && strcmp(a->gpu, b->gpu) == 0) ||
	       (a->bdf[0] && strcmp(a->bdf, b->bdf) == 0) ||
	       (a->bdf[0] && strcmp(a->bdf, b->parent) == 0) ||
	       (b->bdf[0] && strcmp(b->bdf, a->parent) == 0) ||
	       (a->bdf[0] && b->bdf[0] && a->group >= 0 && a->group == b->group);
}

const struct facet_part *facet_part_conflict(const struct facet_part_choice *choice,
					     const struct facet_part *candidate)
{
	for (unsigned int i = 0; i < choice->taken_count; i++)
		if (excludes(candidate, &choice->taken[i]))
			return &choice->taken[i];
	return NULL;
}

/* --- taking --- */

/*
 * The lock is ours: whoever was at a part that is not ready has died. Parts that cannot be put
 * right stay taken: better nobody has one than two.
 */
static void repair(struct facet_parts *parts, struct facet_part *list, unsigned int *count)
{
	char device[FACET_TREE_PATH];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < *count; i++) {
		const struct facet_part *part = &list[i];

		facet_part_device(part, device, sizeof(device));
		if (!part->ready &&
		    facet_holders_refuse(parts->tree, device, label(part), false, NULL) == 0 &&
		    facet_part_ops(part->mechanism)->undo(parts, part, NULL) == 0 &&
		    facet_part_drop(parts, part, NULL) == 0)
			continue;
		list[kept++] = list[i];
	}
	*count = kept;
}

static const struct facet_host_gpu *find_gpu(const struct facet_host *host, const char *bdf)
{
	for (unsigned int i = 0; i < host->count; i++)
		if (strcmp(host->gpus[i].function.bdf, bdf) == 0)
			return &host->gpus[i];
	return NULL;
}

static int choose(struct facet_part_choice *choice, struct facet_part *part,
		  struct facet_error *err)
{
	const struct facet_part_request *request = choice->request;
	const struct facet_part_ops *ops = facet_part_ops(request->mechanism);
	const char *name = facet_mechanism_name(request->mechanism);

	choice->gpu = find_gpu(choice->host, request->gpu);
	if (!choice->gpu &&
	    !(ops->typed &&
	      facet_tree_exists(choice->parts->tree, "sys/class/mdev_bus/%.60s", request->gpu)))
		return facet_error_set(err, -EINVAL,
				       "gpu %.40s: there is no such PCI device here: "
				       "`facet gpus --host` lists them",
				       request->gpu);
	if (ops->typed && !request->type)
		return facet_error_set(err, -EINVAL,
				       "mechanism %s needs a type: `facet gpus --host` lists those "
				       "of %.40s",
				       name, request->gpu);
	if (!ops->typed && request->type)
		return facet_error_set(err, -EINVAL,
				       "type %.60s: mechanism %s has none: leave it out",
				       request->type, name);
	return ops->choose(choice, part, err);
}

static void begin(struct facet_part *part, const struct facet_part_request *request)
{
	*part = (struct facet_part){ .mechanism = request->mechanism, .vf = -1, .group = -1 };
	snprintf(part->token, sizeof(part->token), "%s", request->token);
	snprintf(part->gpu, sizeof(part->gpu), "%s", request->gpu);
	snprintf(part->owner, sizeof(part->owner), "%s", request->owner);
	snprintf(part->keeper, sizeof(part->keeper), "%s", request->keeper);
	if (request->type)
		snprintf(part->type, sizeof(part->type), "%s", request->type);
}

static void note_device(struct facet_parts *parts, struct facet_part *part)
{
	char device[FACET_TREE_PATH];

	facet_part_device(part, device, sizeof(device));
	facet_tree_inode(parts->tree, &part->inode, "%s", device);
	if (part->bdf[0])
		facet_tree_link(parts->tree, part->driver, sizeof(part->driver), "%s/driver",
				device);
}

/* Chosen, and nobody else's by its file. */
static int make_ready(struct facet_parts *parts, struct facet_part *part, struct facet_error *err)
{
	const struct facet_part_ops *ops = facet_part_ops(part->mechanism);
	int r = facet_part_add(parts, part, err);

	if (r)
		return r;
	r = ops->prepare(parts, part, err);
	if (r == 0) {
		note_device(parts, part);
		part->ready = true;
		r = facet_part_replace(parts, part, err);
	}
	/* Else its file tells the next one what is to be undone. */
	if (r && ops->undo(parts, part, NULL) == 0)
		facet_part_drop(parts, part, NULL);
	return r;
}

static int take(struct facet_parts *parts, const struct facet_part_request *request,
		struct facet_part *ret, struct facet_error *err)
{
	struct facet_host_options options = { .all = true, .also = request->gpu };
	struct facet_part_choice choice = { .parts = parts, .request = request };
	struct facet_part part, *taken = NULL;
	struct facet_host *host = NULL;
	int r = facet_part_load(parts, &taken, &choice.taken_count, err);

	begin(&part, request);
	if (r == 0) {
		repair(parts, taken, &choice.taken_count);
		r = facet_host_scan(parts->tree, &options, &host, err);
	}
	if (r == 0) {
		choice.taken = taken;
		choice.host = host;
		r = choose(&choice, &part, err);
	}
	if (r == 0)
		r = make_ready(parts, &part, err);
	facet_host_destroy(host);
	free(taken);
	if (r == 0)
		*ret = part;
	return r;
}

int facet_part_take(struct facet_parts *parts, const struct facet_part_request *request,
		    struct facet_part *ret, struct facet_error *err)
{
	int r;

	if (!facet_part_ops(request->mechanism))
		return facet_error_set(err, -EINVAL, "mechanism %s: gives no part of a device away",
				       facet_mechanism_name(request->mechanism));
	r = lock(parts, err);
	if (r)
		return r;
	r = take(parts, request, ret, err);
	unlock(parts);
	return r;
}

/* --- what was taken --- */

static int find(struct facet_parts *parts, const char *token, struct facet_part *ret,
		struct facet_error *err)
{
	struct facet_part *list;
	unsigned int count;
	int r = facet_part_load(parts, &list, &count, err);

	if (r)
		return r;
	r = -ENOENT;
	for (unsigned int i = 0; i < count && r; i++) {
		if (strcmp(list[i].token, token) == 0) {
			*ret = list[i];
			r = 0;
		}
	}
	free(list);
	return r ? facet_error_set(err, r, "nothing of this host is taken for it any more") : 0;
}

int facet_part_verify(struct facet_parts *parts, const char *token, struct facet_part *ret,
		      struct facet_error *err)
{
	struct facet_part part;
	int r = find(parts, token, &part, err);

	if (r)
		return r;
	*ret = part;
	if (!part.ready)
		return facet_error_set(err, -EINPROGRESS,
				       "%s: whoever took it or gave it back did not finish",
				       label(&part));
	return facet_part_ops(part.mechanism)->check(parts, &part, err);
}

static int give_back(struct facet_parts *parts, struct facet_part *part, struct facet_error *err)
{
	const struct facet_part_ops *ops = facet_part_ops(part->mechanism);
	char device[FACET_TREE_PATH];
	int r = part->ready ? ops->check(parts, part, err) : 0;

	if (r == -ESTALE)
		return facet_part_drop(parts, part, err) ? -EIO : r;
	facet_part_device(part, device, sizeof(device));
	if (r == 0)
		r = facet_holders_refuse(parts->tree, device, label(part), false, err);
	if (r)
		return r;
	part->ready = false;
	r = facet_part_replace(parts, part, err);
	if (r == 0)
		r = ops->undo(parts, part, err);
	return r ? r : facet_part_drop(parts, part, err);
}

int facet_part_release(struct facet_parts *parts, const char *token, struct facet_error *err)
{
	struct facet_part part;
	int r = lock(parts, err);

	if (r)
		return r;
	r = find(parts, token, &part, err);
	if (r == 0)
		r = give_back(parts, &part, err);
	unlock(parts);
	return r;
}

int facet_parts_list(struct facet_parts *parts, struct facet_part **ret, unsigned int *ret_count,
		     struct facet_error *err)
{
	return facet_part_load(parts, ret, ret_count, err);
}

/* What QEMU can open beside @bdf: no bridges, which stay with the host. */
static void add_members(struct facet_tree *tree, int group, const char *bdf,
			struct facet_part_facts *ret)
{
	struct facet_names members;
	int64_t class;

	facet_tree_list(tree, &members, "sys/kernel/iommu_groups/%d/devices", group);
	for (unsigned int i = 0; i < members.count && ret->function_count < FACET_PART_FUNCTIONS;
	     i++) {
		class = 0;
		facet_tree_number(tree, &class, "sys/bus/pci/devices/%s/class", members.items[i]);
		if (strcmp(members.items[i], bdf) != 0 && class >> 16 != 0x06 &&
		    strlen(members.items[i]) < FACET_HOST_BDF)
			strcpy(ret->functions[ret->function_count++], members.items[i]);
	}
	facet_names_fini(&members);
}

void facet_part_facts(struct facet_parts *parts, const struct facet_part *part,
		      struct facet_part_facts *ret)
{
	int64_t class = 0;

	*ret = (struct facet_part_facts){ 0 };
	if (!part->bdf[0])
		return;
	strcpy(ret->functions[ret->function_count++], part->bdf);
	facet_tree_number(parts->tree, &class, "sys/bus/pci/devices/%s/class", part->bdf);
	ret->vga = class >> 8 == 0x0300;
	if (part->mechanism == FACET_VFIO && part->group >= 0)
		add_members(parts->tree, part->group, part->bdf, ret);
}

bool facet_part_limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		      struct facet_part_limit *ret)
{
	const struct facet_part_ops *ops = facet_part_ops(part->mechanism);

	return ops->limit && ops->limit(parts, part, i, ret);
}
