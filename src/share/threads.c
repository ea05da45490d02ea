// SPDX-License-Identifier: GPL-2.0-or-later
/* threads.c - finds the renderer's threads among those of this process. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "share/internal.h"

/*
 * The directory was opened before the sandbox took /proc away. It belongs to an outer process
 * namespace, where threads have other numbers than the ones that signals are sent to: status has
 * both. Nothing here allocates: a thread that was stopped may be in the middle of malloc.
 *
 * #syscalls fstat newfstatat lseek getdents64 read close
 */

struct thread_status {
	char name[32];
	pid_t tid;
	bool blocks; /* the signal would not reach it */
};

/* The rest of the line that begins with @key. */
static const char *find_line(const char *text, const char *key)
{
	size_t size = strlen(key);

	for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
		if (strncmp(text, key, size) == 0)
			return text + size;
	return NULL;
}

static bool parse(const char *text, struct thread_status *ret)
{
	const char *name = find_line(text, "Name:\t");
	const char *ids = find_line(text, "NSpid:");
	const char *blocked = find_line(text, "SigBlk:\t");
	unsigned long long mask;
	char *end;

	if (!name || !ids || !blocked)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(name, "\n"), name);
	ret->tid = 0;
	/* The innermost namespace is last, and ours. */
	for (; *ids == '\t' || *ids == ' '; ids = end) {
		long id = strtol(ids, &end, 10);

		if (end == ids)
			break;
		ret->tid = (pid_t)id;
	}
	mask = strtoull(blocked, NULL, 16);
	ret->blocks = mask >> (FACET_STOP_SIGNAL - 1) & 1;
	return ret->tid > 0;
}

static bool read_status(int task_fd, const char *entry, struct thread_status *ret)
{
	char path[300], text[4096];
	ssize_t size;

	snprintf(path, sizeof(path), "%s/status", entry);
	facet_autoclose int fd = openat(task_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	size = read(fd, text, sizeof(text) - 1);
	if (size <= 0)
		return false;
	text[size] = '\0';
	return parse(text, ret);
}

bool facet_stop_is_name(const char *name, const char *engine_name)
{
	static const char rasteriser[] = "llvmpipe";

	return strncmp(name, rasteriser, sizeof(rasteriser) - 1) == 0 ||
	       strcmp(name, engine_name) == 0;
}

/* A thread keeps its place: its handler may be waiting there. */
static void keep(struct facet_stop_list *list, pid_t tid)
{
	struct facet_stop_thread *place = NULL;

	for (unsigned int i = 0; i < FACET_STOP_THREADS; i++) {
		struct facet_stop_thread *thread = &list->threads[i];

		if (thread->tid == tid) {
			thread->found = true;
			return;
		}
		if (!thread->tid && !place)
			place = thread;
	}
	if (!place)
		return;
	place->found = true;
	place->used_ns = 0;
	place->held = false;
	place->tid = tid;
	if (list->count <= (unsigned int)(place - list->threads))
		list->count = (unsigned int)(place - list->threads) + 1;
}

static void add(struct facet_stop_list *list, const char *entry, const char *engine_name)
{
	struct thread_status status;

	if (entry[0] == '.' || !read_status(list->task_fd, entry, &status) ||
	    !facet_stop_is_name(status.name, engine_name))
		return;
	if (status.blocks)
		list->blocked++;
	else
		keep(list, status.tid);
}

static void scan(struct facet_stop_list *list, const char *engine_name)
{
	_Alignas(struct dirent64) char entries[4096];
	ssize_t size;

	list->blocked = 0;
	for (unsigned int i = 0; i < list->count; i++)
		list->threads[i].found = false;
	lseek(list->task_fd, 0, SEEK_SET);
	while ((size = getdents64(list->task_fd, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *entry =
				(const struct dirent64 *)(const void *)(entries + at);

			add(list, entry->d_name, engine_name);
			at += entry->d_reclen;
		}
	}
	for (unsigned int i = 0; i < list->count; i++)
		if (!list->threads[i].found)
			list->threads[i].tid = 0;
}

void facet_stop_list_refresh(struct facet_stop_list *list, const char *engine_name)
{
	struct stat st;

	/* Such a directory has as many links as there are threads, and two more. */
	if (list->task_fd < 0 || fstat(list->task_fd, &st) < 0 || list->seen == st.st_nlink)
		return;
	list->seen = st.st_nlink;
	scan(list, engine_name);
}
