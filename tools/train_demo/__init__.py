# SPDX-License-Identifier: Apache-2.0
"""A table, an arm, and the training of a small π0 for it. See README.md beside this file."""
