/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpulist.h - sets of CPUs as the kernel writes them: "0-3,5". */
#ifndef FACET_BASE_CPULIST_H
#define FACET_BASE_CPULIST_H

#include <sched.h>
#include <stddef.h>

/* A newline may end it. 0 or -EINVAL; an empty list is none. */
int facet_cpulist_parse(const char *text, cpu_set_t *ret);
/* 0, or -ENOSPC. */
int facet_cpulist_format(const cpu_set_t *set, char *ret, size_t size);

#endif
