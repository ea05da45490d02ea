/* SPDX-License-Identifier: GPL-2.0-or-later */
/* preempt.h - where a thread may be stopped for a while: when it holds no lock of ours. */
#ifndef FACET_BASE_PREEMPT_H
#define FACET_BASE_PREEMPT_H

#include <signal.h>
#include <stdbool.h>

/* Read by a signal handler in the same thread (share/stop.c). */
extern _Thread_local volatile sig_atomic_t facet_preemptible;

/*
 * Around long work of a library, and around what it calls of ours in between. Returns what it was,
 * which is to be put back: facet_preempt_set(was).
 */
static inline bool facet_preempt_set(bool may)
{
	bool was = facet_preemptible;

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	facet_preemptible = may;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return was;
}

#endif
