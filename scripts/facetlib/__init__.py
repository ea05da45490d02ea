# SPDX-License-Identifier: GPL-2.0-or-later
"""What demo, check, the integration tests and the benches share."""
