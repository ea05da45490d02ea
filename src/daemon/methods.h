/* SPDX-License-Identifier: GPL-2.0-or-later */
/* methods.h - the interface io.facet; the owner of its calls is a struct facetd. */
#ifndef FACET_DAEMON_METHODS_H
#define FACET_DAEMON_METHODS_H

#include "varlink/varlink.h"

extern const struct facet_varlink_interface facetd_interface;

#endif
