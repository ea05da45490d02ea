# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for facet(1). What there is, `facet help` says: nothing is listed here.

function __facet_verb
    for word in (commandline -opc)[2..]
        if not string match -q -- '-*' $word
            echo $word
            return
        end
    end
end

function __facet_verbs
    facet help 2>/dev/null | string match -rg '^  ([a-z][a-z-]*) '
end

function __facet_options
    facet help (__facet_verb) 2>/dev/null | string match -rg '^  (--[a-z-]+)'
end

function __facet_names
    switch (__facet_verb)
        case show rm screenshot view qemu-args restart set
            facet ls 2>/dev/null | awk 'NR > 1 && !/^no / { print $1 }'
        case stop console qmp logs
            facet ps 2>/dev/null | awk 'NR > 1 { print $1 }'
        case help
            __facet_verbs
    end
end

complete -c facet -n 'test -z (__facet_verb)' -f -a '(__facet_verbs)'
complete -c facet -n 'test -n "$(__facet_verb)"' -a '(__facet_names)'
complete -c facet -a '(__facet_options)'
