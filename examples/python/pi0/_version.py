# SPDX-License-Identifier: Apache-2.0
"""The release of this package, which is that of the library it was made for."""
__version__ = "0.1.0"
