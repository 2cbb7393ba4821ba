/* SPDX-License-Identifier: Apache-2.0 */
/* noise.c - the noise that a chunk of actions starts from: Philox4x32-10 words (Salmon, Moraes,
 * Dror, Shaw 2011) turned into normal values by their quantile (Wichura 1988, algorithm AS 241).
 * Nothing but integers, + - * / and sqrt, all of which IEEE 754 rounds the same way everywhere. */
#include "core/noise.h"
#include "pi0.h"
#include <float.h>
#include <math.h>
#include <string.h>

// excess precision would change the bits
_Static_assert(FLT_EVAL_METHOD == 0, "noise.c needs double arithmetic in double");

void pi0_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        // the key schedule is a Weyl sequence
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

// ln(x) of a positive finite x: exponent * ln 2 + 2 atanh((m - 1) / (m + 1)), m near 1
static double log_plain(double x)
{
    int e = 0;
    // subnormals: scale into the normal range first
    if (x < DBL_MIN) {
        x *= 0x1p54;
        e = -54;
    }
    // x = m * 2^e with m in [1, 2), exact
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    e += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    // |s| < 0.1716: the first term left out is below 2^-65 of the sum
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double series = 0;
    for (int k = 23; k >= 3; k -= 2) series = (series + 1.0 / k) * s2;
    // ln 2 in two parts: e times the upper one is exact
    const double ln2_hi = 0x1.62e42fefap-1, ln2_lo = 0x1.cf79abc9e3b3ap-40;
    return e * ln2_hi + (2 * s + (2 * s * series + e * ln2_lo));
}

typedef struct rational {
    double num[8], den[8]; // highest power first
} rational;

// AS 241 (PPND16): |p - 1/2| <= 0.425; then by r = sqrt(-ln min(p, 1-p)): up to 5; beyond
static const rational centre = {
    { 2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
      4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
      1.3314166789178437745e+2, 3.3871328727963666080e+0 },
    { 5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4,
      2.1213794301586595867e+4, 5.3941960214247511077e+3, 6.8718700749205790830e+2,
      4.2313330701600911252e+1, 1.0 }
};
static const rational middle = {
    { 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
      1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
      4.63033784615654529590e+0, 1.42343711074968357734e+0 },
    { 1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
      1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e+0,
      2.05319162663775882187e+0, 1.0 }
};
static const rational far = {
    { 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
      2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e+0,
      5.46378491116411436990e+0, 6.65790464350110377720e+0 },
    { 2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
      7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
      5.99832206555887937690e-1, 1.0 }
};

static double ratio_at(const rational *f, double x)
{
    double num = f->num[0], den = f->den[0];
    for (int i = 1; i < 8; i++) {
        num = num * x + f->num[i];
        den = den * x + f->den[i];
    }
    return num / den;
}

double pi0_normal_quantile(double p)
{
    const double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio_at(&centre, 0.180625 - q * q);
    // a tail: by its distance from the end
    const double r = sqrt(-log_plain(q < 0 ? p : 1 - p));
    const double z = r <= 5 ? ratio_at(&middle, r - 1.6) : ratio_at(&far, r - 5);
    return q < 0 ? -z : z;
}

void pi0_noise(uint64_t seed, uint64_t stream, float *out, size_t n)
{
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t word[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0) {
            // blocks beyond 2^32 carry into the second counter word
            const uint64_t block = i / 4;
            const uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32),
                                          (uint32_t)stream, (uint32_t)(stream >> 32) };
            pi0_philox(word, counter, key);
        }
        // the middle of one of 2^32 equal intervals: never 0 or 1, exact in double
        out[i] = (float)pi0_normal_quantile((word[i % 4] + 0.5) * 0x1p-32);
    }
}
