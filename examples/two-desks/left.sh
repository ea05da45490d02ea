#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the left desk of two-desks.yaml runs in its guest.
exec facet-scene --name left --theme A --seconds 1e9
