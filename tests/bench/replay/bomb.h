/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bomb.h - a guest that takes all of a GPU's memory it can get. */
#ifndef FACET_BENCH_BOMB_H
#define FACET_BENCH_BOMB_H

#include "port.h"

/*
 * For so long: textures of 16 MiB, each filled, until one is refused for want of memory; then it
 * frees all of them and begins anew. Prints what it got as a line of JSON. 0 or -errno.
 */
int bomb_drop(struct port *port, double seconds);

#endif
