/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* strange.h - descriptors that came from strangers, and may be of any kind. */
#ifndef FACET_BASE_STRANGE_H
#define FACET_BASE_STRANGE_H

#include <stdbool.h>

/*
 * Close @fd (-1: nothing) without waiting for anybody. The last thing that a process does with a
 * file of FUSE is to ask its server to flush it, and there is no end to that: who sends such a file
 * would stop us. What may take long is closed by a thread of its own. Any thread.
 */
void facet_strange_close(int fd);

/*
 * Can it be closed at once: is it memory, a Unix socket, a pipe, an eventfd or the like, or on a
 * disk? Asks nobody. Others are not to be kept: a process that is forked closes them as well.
 */
bool facet_strange_is_prompt(int fd);

static inline void facet_strange_close_ptr(int *fd)
{
	facet_strange_close(*fd);
	*fd = -1;
}

/* For declarations: closed as above when the scope ends. */
#define facet_autoclose_strange __attribute__((cleanup(facet_strange_close_ptr)))

#endif
