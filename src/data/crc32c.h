/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h - CRC-32C (Castagnoli), the checksum of OCDBT's manifests and nodes. */
#ifndef PI0_CRC32C_H
#define PI0_CRC32C_H
#include <stddef.h>
#include <stdint.h>

// of size bytes, as RFC 3720 defines it: "123456789" gives e3069283
uint32_t pi0_crc32c(const void *data, size_t size);
#endif
