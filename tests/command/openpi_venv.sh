# SPDX-License-Identifier: Apache-2.0
# openpi_venv.sh - read by tests that need PyPI's openpi-client: $venv, a virtual environment beside
# the build, which is made once, with openpi_requirements.txt and, in $old, the last openpi-client
# that waits for a server. Without network the test is skipped. $here is this folder, $work one for
# files.
. "$here/../support/skip.sh"
. "$here/../support/venv.sh"

requirements=$here/openpi_requirements.txt
venv=$(dirname "$PI0")/openpi_client
stamp=$venv/stamp
old=$venv/old
if ! cmp -s "$requirements" "$stamp"; then
    command -v python3 >/dev/null || skip "no python3"
    new_venv python3 || { cat "$work/log"; skip "python3 -m venv fails"; }
    pip_install --only-binary :all: -r "$requirements" 2>"$work/log" &&
        pip_install --no-deps --only-binary :all: --target "$old" openpi-client==0.1.1 \
            2>>"$work/log" || {
        tail -3 "$work/log"
        skip "openpi-client could not be installed from the package index"
    }
    cp "$requirements" "$stamp"
fi
