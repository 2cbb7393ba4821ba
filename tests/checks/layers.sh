#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers.sh ROOT - each part includes only the parts that it may stand on; includes name the part
# ("core/error.h") and exist; the tokenizer is the only C++; the model has no #if.
cd "$1" || exit 1

# what a folder may include; "." are the files of src itself
allowed() {
    case $1 in
    core) echo core ;;
    data) echo core data ;;
    policy) echo core data policy ;;
    ops) echo core ops ;;
    model) echo core data policy ops model ;;
    reference) echo core ops reference ;;
    cpu) echo core ops cpu ;;
    .) echo core data policy ops model reference cpu . ;;
    demo) echo core demo ;;
    wire) echo core wire ;;
    client) echo core wire client ;;
    tools) echo data wire demo tools ;;
    # a robot's driver needs a robot
    examples) echo examples demo ;;
    esac
}

# includes in quotes: "folder of the file, file, line, what is included"
list_includes() {
    find src demo tools examples -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) 2>/dev/null |
        while read -r file; do
            case $file in
            src/*/*) part=${file#src/} part=${part%%/*} ;;
            src/*) part=. ;;
            *) part=${file%%/*} ;;
            esac
            sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$file" |
                while read -r name; do echo "$part $file $name"; done
        done
}

check() {
    n=0 bad=0
    while read -r part file name; do
        n=$((n + 1))
        here=${file%/*}
        if [ -z "$(allowed "$part")" ]; then
            echo "$file: layers.sh does not know the part \"$part\""
            bad=$((bad + 1))
            continue
        fi
        # which part is included
        case $part in demo | tools | examples) own=$part ;; *) own= ;; esac
        if [ "$name" = pi0.h ] && [ -f include/pi0.h ]; then
            continue
        elif [ "$name" = pi0_client.h ] && [ -f include/pi0_client.h ]; then
            # the client, and the command that shows it
            case $part in
            client | tools | examples) continue ;;
            esac
            echo "$file: $part may not include \"$name\""
            bad=$((bad + 1))
            continue
        elif [ -n "$own" ] && { [ -f "$here/$name" ] || [ -f "$own/$name" ]; }; then
            target=$own
        elif [ -f "demo/$name" ]; then
            target=demo
        elif [ -f "src/$name" ]; then
            case $name in */*) target=${name%%/*} ;; *) target=. ;; esac
        else
            echo "$file: \"$name\" is not found from include, src or its own folder"
            bad=$((bad + 1))
            continue
        fi
        case " $(allowed "$part") " in
        *" $target "*) ;;
        *)
            echo "$file: $part may not include \"$name\" (it may: $(allowed "$part"))"
            bad=$((bad + 1))
            ;;
        esac
    done
    echo "$n includes, $bad wrong"
    [ $n -gt 0 ] && [ $bad -eq 0 ]
}

status=0
list_includes | check || status=1

# one language, but for the example that is there for the other
for file in $(find src demo tools examples -path examples/cpp -prune -o \( -name '*.cc' -o -name '*.[ch]pp' \
    -o -name '*.cxx' \) -print); do
    if [ "$file" != src/data/tokenizer.cc ]; then
        echo "$file: the only C++ is src/data/tokenizer.cc"
        status=1
    fi
done

# one model
if grep -nE '^[ \t]*#[ \t]*(if|ifdef|elif|else)\b' src/model/*.[ch]; then
    echo "src/model: it is written once, without #if"
    status=1
fi
exit $status
