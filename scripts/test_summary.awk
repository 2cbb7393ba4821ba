# SPDX-License-Identifier: Apache-2.0
# test_summary.awk - the results of test.sh as a table: a line per tier, what did not run, what
# failed, the sum. Exit status 0: tests ran, and none failed.
BEGIN { FS = "\t" }
function tier(name) {
    if (!(name in seen)) { seen[name] = 1; order[++tiers] = name }
}
$2 == "time" { tier($1); seconds[$1] += $4; all += $4; next }
{ tier($1); ran[$1] = 1; count[$1, $2]++; sum[$2]++ }
$2 == "skip" { skipped[++skips] = $1 " " $3 ": " $4 }
$2 == "fail" { failed[++fails] = $1 " " $3 ($4 ~ /[a-z]/ ? ": " $4 : "") }
END {
    printf "\n%-10s %6s %6s %11s %6s\n", "tier", "passed", "failed", "did not run", "s"
    for (i = 1; i <= tiers; i++) {
        name = order[i]
        if (!ran[name]) printf "%-10s %6s %6s %11s %6s\n", name, "", "", "", seconds[name]
        else printf "%-10s %6d %6d %11d %6s\n", name, count[name, "pass"], count[name, "fail"],
                    count[name, "skip"], seconds[name]
    }
    for (i = 1; i <= skips; i++) print "SKIP: " skipped[i]
    for (i = 1; i <= fails; i++) print "FAILED: " failed[i]
    printf "%d passed, %d failed, %d did not run, %d s\n", sum["pass"], sum["fail"], sum["skip"], all
    exit !(sum["pass"] > 0 && sum["fail"] == 0)
}
