// SPDX-License-Identifier: GPL-2.0-or-later
/* change.c - the lock, and the steps of a change. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/cleanup.h"
#include "host/change_internal.h"
#include "host/tree_internal.h"

struct facet_change {
	struct facet_change_config cfg;
	int lock_fd, journal_fd;      /* of the journal: -1 between changes */
	struct facet_journal journal; /* what was done since begin */
	char recovered[128];
	bool stuck; /* what was done could not be undone, and its journal has to stay */
};

enum { LOOK_AGAIN_MS = 20 };

static int refuse(struct facet_change *change, int code, struct facet_error *err)
{
	if ((code == -EACCES || code == -EPERM || code == -EROFS) &&
	    facet_tree_is_real(change->cfg.tree))
		return facet_error_set(err, -EACCES,
				       "changing this host needs root: /" CHANGE_STATE
				       " cannot be written (%s)",
				       strerror(-code));
	return facet_error_set(err, code, "/" CHANGE_STATE ": %s", strerror(-code));
}

static int open_lock(struct facet_change *change)
{
	struct facet_tree *tree = change->cfg.tree;
	int r = 0;

	/* Makes the directory, too. */
	if (!facet_tree_exists(tree, CHANGE_STATE "/lock"))
		r = facet_tree_replace(tree, "", CHANGE_STATE "/lock");
	return r < 0 ? r : facet_tree_openat(tree, CHANGE_STATE "/lock", O_RDWR, 0);
}

static int lock(struct facet_change *change, struct facet_error *err)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };
	unsigned int waited = 0;

	change->lock_fd = open_lock(change);
	if (change->lock_fd < 0)
		return refuse(change, change->lock_fd, err);
	while (flock(change->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return refuse(change, -errno, err);
		if (waited >= change->cfg.wait_ms)
			return facet_error_set(err, -EBUSY,
					       "another facet is changing this host now "
					       "(/" CHANGE_STATE "/lock); try again");
		nanosleep(&pause, NULL);
		waited += LOOK_AGAIN_MS;
	}
	return 0;
}

/* What a program that died left half done. */
static int recover(struct facet_change *change, struct facet_error *err)
{
	facet_autofree uint8_t *bytes = NULL;
	struct facet_journal journal;
	size_t size;
	int r = facet_tree_bytes(change->cfg.tree, &bytes, &size, CHANGE_JOURNAL);

	if (r < 0)
		return r == -ENOENT ? 0 : refuse(change, r, err);
	r = facet_journal_parse((const char *)bytes, size, &journal);
	if (r < 0)
		return facet_error_set(err, r == -EINVAL ? -EUCLEAN : r,
				       "/" CHANGE_JOURNAL
				       ": not a journal; look what was half done, "
				       "then remove it");
	if (journal.what)
		snprintf(change->recovered, sizeof(change->recovered), "%s", journal.what);
	r = facet_journal_undo(change->cfg.tree, &journal, err);
	facet_journal_fini(&journal);
	if (r == 0) {
		r = facet_tree_replace(change->cfg.tree, NULL, CHANGE_JOURNAL);
		return r < 0 ? refuse(change, r, err) : 0;
	}
	return r;
}

int facet_change_open(const struct facet_change_config *cfg, struct facet_change **ret,
		      struct facet_error *err)
{
	struct facet_change *change = calloc(1, sizeof(*change));
	int r = 0;

	if (!change)
		return facet_error_set(err, -ENOMEM, "out of memory");
	change->cfg = *cfg;
	change->lock_fd = change->journal_fd = -1;
	if (!cfg->dry_run) {
		r = lock(change, err);
		if (r == 0)
			r = recover(change, err);
	}
	if (r < 0) {
		facet_change_close(change);
		return r;
	}
	*ret = change;
	return 0;
}

void facet_change_close(struct facet_change *change)
{
	if (!change)
		return;
	facet_change_rollback(change, NULL);
	if (change->lock_fd >= 0)
		close(change->lock_fd);
	free(change);
}

struct facet_tree *facet_change_tree(const struct facet_change *change)
{
	return change->cfg.tree;
}

bool facet_change_is_dry(const struct facet_change *change)
{
	return change->cfg.dry_run;
}

const char *facet_change_recovered(const struct facet_change *change)
{
	return change->recovered;
}

/* One line, on disk. Takes @line. */
static int append(struct facet_change *change, char *line)
{
	facet_autofree char *held = line;
	size_t size, done = 0;

	if (!held)
		return -ENOMEM;
	size = strlen(line);
	line[size] = '\n'; /* in the place of its end */
	while (done <= size) {
		ssize_t n = write(change->journal_fd, line + done, size + 1 - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return fdatasync(change->journal_fd) < 0 ? -errno : 0;
}

int facet_change_begin(struct facet_change *change, const char *what, struct facet_error *err)
{
	struct facet_tree *tree = change->cfg.tree;
	char boot[64];
	int r;

	if (change->stuck)
		return facet_error_set(err, -EUCLEAN,
				       "/" CHANGE_JOURNAL ": has to be undone first");
	r = facet_change_commit(change, err);
	if (r < 0 || change->cfg.dry_run)
		return r;
	facet_tree_boot(tree, boot, sizeof(boot));
	change->journal.what = strdup(what);
	change->journal.boot = strdup(boot);
	if (!change->journal.what || !change->journal.boot)
		return facet_error_set(err, -ENOMEM, "out of memory");
	r = facet_tree_replace(tree, "", CHANGE_JOURNAL);
	if (r == 0)
		r = change->journal_fd =
			facet_tree_openat(tree, CHANGE_JOURNAL, O_WRONLY | O_APPEND, 0);
	if (r >= 0)
		r = append(change, facet_journal_format_begin(what, boot));
	return r < 0 ? refuse(change, r, err) : 0;
}

/* NULL stays NULL; *failed is set when there is no memory. */
static char *copy(const char *text, bool *failed)
{
	char *ret = text ? strdup(text) : NULL;

	*failed |= text && !ret;
	return ret;
}

static int note(struct facet_change *change, const struct facet_change_step *step, bool file,
		struct facet_error *err)
{
	struct facet_journal *journal = &change->journal;
	struct facet_journal_step *more;
	bool failed = false;
	int r;

	if (journal->count == FACET_JOURNAL_STEPS)
		return facet_error_set(err, -E2BIG, "%s: more than %d steps", journal->what,
				       FACET_JOURNAL_STEPS);
	more = reallocarray(journal->steps, journal->count + 1, sizeof(*more));
	if (!more)
		return facet_error_set(err, -ENOMEM, "out of memory");
	journal->steps = more;
	more += journal->count++;
	*more = (struct facet_journal_step){
		.path = copy(step->path, &failed),
		.text = copy(step->text, &failed),
		.undo_path = copy(step->undo_path, &failed),
		.undo_text = copy(step->undo_text, &failed),
		.guard_path = copy(step->guard_path, &failed),
		.guard_text = copy(step->guard_text, &failed),
		.file = file,
	};
	r = failed ? -ENOMEM : append(change, facet_journal_format_step(more));
	return r < 0 ? refuse(change, r, err) : 0;
}

static int make(struct facet_change *change, const struct facet_change_step *step, bool file,
		struct facet_error *err)
{
	struct facet_tree *tree = change->cfg.tree;
	int r;

	if (change->cfg.tell && step->path)
		change->cfg.tell(change->cfg.tell_arg, step->path, step->text);
	if (change->cfg.dry_run)
		return 0;
	r = note(change, step, file, err);
	if (r < 0 || !step->path)
		return r;
	if (file)
		r = facet_tree_replace(tree, step->text, "%s", step->path);
	else
		r = facet_tree_write(tree, step->text, "%s", step->path);
	if (r < 0)
		return facet_error_set(err, r, "%s \"%.60s\" to /%s: %s",
				       file ? "writing" : "the kernel refused",
				       step->text ? step->text : "", step->path, strerror(-r));
	return 0;
}

int facet_change_do(struct facet_change *change, const struct facet_change_step *step,
		    struct facet_error *err)
{
	return make(change, step, false, err);
}

int facet_change_set(struct facet_change *change, const char *path, const char *text,
		     struct facet_error *err)
{
	char before[4096];
	const struct facet_change_step step = {
		.path = path,
		.text = text,
		.undo_path = path,
		.undo_text = before,
		.guard_path = path,
		.guard_text = text,
	};
	int r = facet_tree_text(change->cfg.tree, before, sizeof(before), "%s", path);

	if (r < 0 && !change->cfg.dry_run)
		return facet_error_set(err, r, "/%s: %s", path, strerror(-r));
	return make(change, &step, false, err);
}

int facet_change_file(struct facet_change *change, const char *path, const char *content,
		      struct facet_error *err)
{
	facet_autofree uint8_t *bytes = NULL;
	facet_autofree char *before = NULL;
	size_t size = 0;
	int r = facet_tree_bytes(change->cfg.tree, &bytes, &size, "%s", path);

	if (r < 0 && r != -ENOENT)
		return facet_error_set(err, r, "/%s: %s", path, strerror(-r));
	if (r == 0) {
		before = strndup((const char *)bytes, size);
		if (!before)
			return facet_error_set(err, -ENOMEM, "out of memory");
	}
	return make(change,
		    &(struct facet_change_step){
			    .path = path, .text = content, .undo_path = path, .undo_text = before },
		    true, err);
}

/* The journal ends: in memory, and on disk. */
static int forget(struct facet_change *change)
{
	int r = 0;

	if (change->journal_fd >= 0) {
		close(change->journal_fd);
		change->journal_fd = -1;
		r = facet_tree_replace(change->cfg.tree, NULL, CHANGE_JOURNAL);
	}
	facet_journal_fini(&change->journal);
	return r;
}

int facet_change_commit(struct facet_change *change, struct facet_error *err)
{
	int r = forget(change);

	return r < 0 ? refuse(change, r, err) : 0;
}

int facet_change_rollback(struct facet_change *change, struct facet_error *err)
{
	int r = 0;

	if (change->journal.what)
		r = facet_journal_undo(change->cfg.tree, &change->journal, err);
	if (r < 0) {
		/* It stays on disk for who comes next. */
		facet_close_ptr(&change->journal_fd);
		change->journal_fd = -1;
		change->stuck = true;
	}
	forget(change);
	return r;
}

int facet_change_end(struct facet_change *change, int r, struct facet_error *err)
{
	struct facet_error undone;

	if (r == 0)
		return facet_change_commit(change, err);
	if (facet_change_rollback(change, &undone) < 0) {
		r = undone.code;
		if (err)
			*err = undone;
	}
	return r;
}
