#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the right desk of two-desks.yaml runs in its guest.
exec facet-scene --name right --theme B --seconds 1e9
