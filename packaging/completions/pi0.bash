# SPDX-License-Identifier: Apache-2.0
# pi0.bash - completion of the command pi0 in bash. Commands, options and what they take are asked
# of the command on the line itself, by --help=options, so that they are always those it has.
# Installed as share/bash-completion/completions/pi0; without that: source pi0.bash

# into COMPREPLY: folders that begin with $1 and, where $2 is given, files that end with $2 as well
_pi0_files() {
    local name
    compopt -o filenames 2>/dev/null
    while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -d -- "$1")
    [ $# -gt 1 ] || return 0
    while IFS= read -r name; do
        if [ ! -d "$name" ] && [[ $name == *"$2" ]]; then COMPREPLY+=("$name"); fi
    done < <(compgen -f -- "$1")
}

# the words of $2 that begin with $1
_pi0_words() {
    local word
    for word in $2; do
        if [[ $word == "$1"* ]]; then COMPREPLY+=("$word"); fi
    done
}

# the value of option $3, of which $2 is there; $1: the command. Fails where it takes none
_pi0_value() {
    local kind name takes value choices
    while IFS=$'\t' read -r kind name takes value choices _; do
        if [ "$kind" = option ] && [ "$name" = "$3" ]; then break; fi
        takes=flag
    done <<<"$_pi0_table"
    case ${takes%+} in
    flag) return 1 ;;
    folder) _pi0_files "$2" ;;
    file) _pi0_files "$2" "${value#FILE}" ;;
    choice) _pi0_words "$2" "${choices//|/ }" ;;
    config)
        _pi0_words "$2" "$("$1" configs 2>/dev/null | awk '!NF { exit } NR > 1 { print $1 }')"
        _pi0_files "$2" .json
        ;;
    esac
    return 0
}

# the options that may still be given
_pi0_options() {
    local kind name takes given=" ${COMP_WORDS[*]:2:COMP_CWORD-2} " options=''
    while IFS=$'\t' read -r kind name takes _; do
        if [ "$kind" = option ] && { [[ $takes == *+ ]] || [[ $given != *" --$name "* ]]; }; then
            options+=" --$name"
        fi
    done <<<"$_pi0_table"
    _pi0_words "$1" "$options"
}

_pi0() {
    local pi0=${1/#\~/$HOME} sub=${COMP_WORDS[1]-} cur=${COMP_WORDS[COMP_CWORD]}
    local at=$((COMP_CWORD - 1)) commands _pi0_table
    COMPREPLY=()

    # pi0 COMMAND, pi0 help COMMAND
    if [ "$COMP_CWORD" -eq 1 ] || { [ "$COMP_CWORD" -eq 2 ] && [ "$sub" = help ]; }; then
        commands=$("$pi0" --help=options 2>/dev/null | cut -f 2)
        [ "$COMP_CWORD" -eq 2 ] || commands+=' help --help --version'
        _pi0_words "$cur" "$commands"
        return
    fi
    if [[ ! $sub =~ ^[a-z]+$ ]] || [ "$sub" = help ]; then return; fi
    _pi0_table=$("$pi0" "$sub" --help=options 2>/dev/null) || return

    # bash parts words at "=": --name = value, --image CAMERA = file
    if [ "$cur" = = ]; then cur='' at=$((COMP_CWORD)); fi
    if [ "${COMP_WORDS[at]}" = = ]; then
        at=$((at - 1))
        if [ "${COMP_WORDS[at - 1]}" = --image ]; then
            _pi0_files "$cur" ''
            return
        fi
    fi
    if [[ ${COMP_WORDS[at]} == --* ]] && _pi0_value "$pi0" "$cur" "${COMP_WORDS[at]#--}"; then
        return
    fi

    # what is not an option is a folder, where there may be one
    if [[ $cur == -* ]] || [[ $_pi0_table == *$'arguments\t0'* ]]; then
        _pi0_options "$cur"
    else
        _pi0_files "$cur"
    fi
}

complete -F _pi0 pi0
