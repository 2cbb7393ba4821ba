# SPDX-License-Identifier: Apache-2.0
"""What LeRobot computes, for comparison with pi0. See docs/ORACLE.md."""
