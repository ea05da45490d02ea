// SPDX-License-Identifier: GPL-2.0-or-later
/* attach.c - who publishes in the file, in which version, and where its queues are. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "viewer/internal.h"

static const struct wire_kvmfr_release *const releases[] = { &wire_kvmfr_b7 };

static int wrong_version(const char *what, uint32_t found, uint32_t known, struct facet_error *err)
{
	return facet_error_set(err, -EPROTONOSUPPORT,
			       "kvmfr: the publisher speaks %s version %u and facet %u (Looking "
			       "Glass %s); use a publisher of that release",
			       what, found, known, releases[0]->name);
}

/* All releases have the magic and the version of LGMP in the same place, so far. */
static int find_release(struct facet_viewer *v, struct facet_error *err)
{
	const struct wire_kvmfr_release *w = releases[0];
	uint32_t version;

	/* First: if it changes while we read the rest, the next look finds out. */
	if (v->shm.size >= sizeof(struct wire_lgmp6_header))
		v->info.session = facet_shm_get32(&v->shm, w->lgmp.session);
	if (v->shm.size < sizeof(struct wire_lgmp6_header) ||
	    facet_shm_get32(&v->shm, w->lgmp.magic) != WIRE_LGMP_MAGIC)
		return facet_error_set(err, -ENODATA,
				       "kvmfr: nobody has published in this file yet; start the "
				       "VM, or give another file");
	version = facet_shm_get32(&v->shm, w->lgmp.version);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(releases); i++) {
		if (releases[i]->lgmp_version != version)
			continue;
		v->wire = releases[i];
		return 0;
	}
	return wrong_version("LGMP", version, w->lgmp_version, err);
}

/* --- records --- */

static void copy_text(char *to, size_t to_size, const uint8_t *from, size_t size)
{
	size_t n = strnlen((const char *)from, size);

	if (n >= to_size)
		n = to_size - 1;
	for (size_t i = 0; i < n; i++) /* it may end on a terminal */
		to[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
	to[n] = '\0';
}

static void read_record(struct facet_viewer_info *info, uint8_t type, const uint8_t *data,
			size_t size)
{
	const size_t model = sizeof(struct wire_kvmfr20_vm), name = sizeof(struct wire_kvmfr20_os);

	if (type == WIRE_KVMFR_RECORD_VM && size >= model) {
		copy_text(info->capture, sizeof(info->capture),
			  data + offsetof(struct wire_kvmfr20_vm, capture), 32);
		copy_text(info->model, sizeof(info->model), data + model, size - model);
	} else if (type == WIRE_KVMFR_RECORD_OS && size >= name) {
		copy_text(info->os, sizeof(info->os), data + name, size - name);
	}
}

static void read_records(struct facet_viewer_info *info, const uint8_t *data, size_t size)
{
	struct wire_kvmfr20_record record;
	uint32_t bytes;

	while (size >= sizeof(record)) {
		memcpy(&record, data, sizeof(record));
		data += sizeof(record);
		size -= sizeof(record);
		bytes = le32toh(record.size);
		if (bytes > size)
			return;
		read_record(info, record.type, data, bytes);
		data += bytes;
		size -= bytes;
	}
}

static int read_user(struct facet_viewer *v, struct facet_error *err)
{
	const struct wire_kvmfr_release *w = v->wire;
	uint32_t size = facet_shm_get32(&v->shm, w->lgmp.user_size), version;
	uint8_t user[VIEWER_MAX_USER];

	if (size < w->user.bytes || size > sizeof(user) ||
	    !facet_inside(w->lgmp.user, size, v->shm.size))
		return facet_error_set(err, -EBADMSG,
				       "kvmfr: the publisher's %u bytes about itself make no sense",
				       size);
	memcpy(user, facet_shm_at(&v->shm, w->lgmp.user, size), size);
	if (memcmp(user + w->user.magic, wire_kvmfr_magic, sizeof(wire_kvmfr_magic)))
		return facet_error_set(err, -ENODATA,
				       "kvmfr: the file holds LGMP queues, but no KVMFR: another "
				       "program's");
	memcpy(&version, user + w->user.version, sizeof(version));
	version = le32toh(version);
	if (version != w->kvmfr_version)
		return wrong_version("KVMFR", version, w->kvmfr_version, err);
	v->info = (struct facet_viewer_info){ .release = w->name,
					      .session = v->info.session,
					      .lgmp_version = w->lgmp_version,
					      .kvmfr_version = version };
	copy_text(v->info.publisher, sizeof(v->info.publisher), user + w->user.publisher,
		  w->user.publisher_bytes);
	read_records(&v->info, user + w->user.bytes, size - w->user.bytes);
	return 0;
}

/* --- queues --- */

static bool read_queue(struct facet_viewer *v, uint32_t index, struct viewer_queue *ret)
{
	const struct wire_kvmfr_release *w = v->wire;
	struct viewer_queue q = { .at = w->lgmp.queues + index * w->queue.bytes, .bit = -1 };

	q.id = facet_shm_get32(&v->shm, q.at + w->queue.id);
	q.slots = facet_shm_get32(&v->shm, q.at + w->queue.slots);
	q.ring = facet_shm_get32(&v->shm, q.at + w->queue.messages);
	if (q.slots < 2 || q.ring % 4 ||
	    !facet_inside(q.ring, (uint64_t)q.slots * w->message.bytes, v->shm.size))
		return false;
	*ret = q;
	return true;
}

static int read_queues(struct facet_viewer *v, struct facet_error *err)
{
	const uint32_t count = facet_shm_get32(&v->shm, v->wire->lgmp.queue_count);
	struct viewer_queue q;

	v->frame_queue = v->pointer_queue = (struct viewer_queue){ .bit = -1 };
	for (uint32_t i = 0; i < count && i < WIRE_LGMP_QUEUES; i++) {
		if (!read_queue(v, i, &q))
			return facet_error_set(err, -EBADMSG,
					       "kvmfr: queue %u is not inside the file", i);
		if (q.id == WIRE_KVMFR_QUEUE_FRAME)
			v->frame_queue = q;
		else if (q.id == WIRE_KVMFR_QUEUE_POINTER)
			v->pointer_queue = q;
	}
	if (!v->frame_queue.slots)
		return facet_error_set(err, -ENODATA,
				       "kvmfr: the publisher offers no frames (yet)");
	return 0;
}

/* A mapping that was torn is of use again once the file is as long as it was. */
static int mend(struct facet_viewer *v, struct facet_error *err)
{
	struct stat st;

	if (!facet_shm_torn(&v->shm))
		return 0;
	if (fstat(v->fd, &st) < 0 || (uint64_t)st.st_size < v->shm.size ||
	    facet_shm_mend(&v->shm, v->fd) < 0)
		return facet_error_set(err, -EIO,
				       "kvmfr: the file has become shorter while it was read");
	return 0;
}

int facet_viewer_attach(struct facet_viewer *v, uint64_t now, struct facet_error *err)
{
	int r = mend(v, err);

	if (r == 0)
		r = find_release(v, err);
	if (r == 0)
		r = read_user(v, err);
	if (r == 0)
		r = read_queues(v, err);
	if (r < 0)
		return r;
	v->beat = facet_shm_get64(&v->shm, v->wire->lgmp.timestamp);
	v->beat_since = now;
	v->lives = false;
	v->whole = true;
	v->late_since = 0;
	v->attached = true;
	return 0;
}

/* What we had in it is gone with the session; nothing there is touched. */
void facet_viewer_detach(struct facet_viewer *v)
{
	v->attached = false;
	v->frame_queue.bit = v->pointer_queue.bit = -1;
}
