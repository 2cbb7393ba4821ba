# SPDX-License-Identifier: Apache-2.0
# test_report.awk - ctest's JUnit report, one test a line: pass, fail or skip, its name, its seconds
# or, of what did not run, the reason (the last line of its output that begins with "SKIP: ").
# With -v ci=true what did not run has failed.

function attribute(name) {
    if (!match($0, "[ \t]" name "=\"[^\"]*\"")) return ""
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
}

function finish() {
    if (kind == "skip" && ci == "true") kind = "fail"
    print kind "\t" name "\t" (kind == "pass" || reason == "" ? seconds : reason)
    n++
    name = ""
}

/^[ \t]*<testcase / {
    name = attribute("name")
    seconds = attribute("time") + 0
    kind = attribute("status") == "run" ? "pass" : "fail"
    reason = ""
}
# skipped by itself; whatever else ctest did not run is a failure
name != "" && /<skipped message="SKIP_RETURN_CODE=/ {
    kind = "skip"
    reason = "did not say why"
}
name != "" && kind != "pass" && match($0, /SKIP: /) {
    reason = substr($0, RSTART + 6)
    gsub(/&lt;/, "<", reason)
    gsub(/&gt;/, ">", reason)
    gsub(/&quot;/, "\"", reason)
    gsub(/&amp;/, "\\&", reason)
}
/<\/testcase>/ && name != "" { finish() }

# a report that ends early, or has other tests than it says
FNR == 1, /tests="/ { if (match($0, /tests="[0-9]+/)) expected = substr($0, RSTART + 7, RLENGTH - 7) }
END { exit !(n > 0 && n == expected) }
