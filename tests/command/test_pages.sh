#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_pages.sh - the pages of pi0 demo in headless Chromium: browser.py with the command of $PI0.
# Where there is no Chromium it says so and is skipped (77), except in continuous integration.
here=$(dirname "$0") python='' missing=''
. "$here/../support/skip.sh"
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import selenium' 2>/dev/null && python=$candidate && break
done
for need in chromium chromedriver; do
    command -v $need >/dev/null || missing="$missing $need"
done
[ -n "$python" ] || missing="$missing python3-selenium"
if [ -n "$missing" ]; then
    skip "not here:$missing"
fi
CHROMIUM=$(command -v chromium) CHROMEDRIVER=$(command -v chromedriver)
export CHROMIUM CHROMEDRIVER
# the sanitizers are for pi0, and not for the interpreter
exec "$python" "$here/browser.py" "$PI0" $PI0_SCREENSHOTS
