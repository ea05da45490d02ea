// SPDX-License-Identifier: GPL-2.0-or-later
/* preempt.c - no thread may be stopped that has not said so. */
#include "base/preempt.h"

_Thread_local volatile sig_atomic_t facet_preemptible;
