# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of `facet`: verbs, the options that each verb's help tells, and names of vGPUs.
_facet() {
	local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} words
	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(facet --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = --type ]; then
		words=$(facet types 2>/dev/null | awk 'NR > 1 { print $1 }')
	elif [ "${COMP_WORDS[COMP_CWORD - 1]}" = --gpu ]; then
		words=$(facet gpus 2>/dev/null | awk 'NR > 1 { print $1 }')
	elif [[ $word == -* ]]; then
		words=$(facet "$verb" --help 2>/dev/null | grep -o -e '--[a-z-]*')
	else
		case $verb in
		show | rm | restart | qemu-args | set | stats | view) words=$(facet ls 2>/dev/null | awk 'NR > 1 { print $1 }') ;;
		policy) if [ "$COMP_CWORD" -eq 2 ]; then
			words=$(facet gpus 2>/dev/null | awk 'NR > 1 { print $1 }')
		else
			words="best-effort equal fixed"
		fi ;;
		stop | console | qmp | logs) words=$(facet ps 2>/dev/null | awk 'NR > 1 { print $1 }') ;;
		help) words=$(facet help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p') ;;
		run | validate | place | export | import) words=$(compgen -f -- "$word") ;;
		screenshot) words=$(facet ls 2>/dev/null | awk 'NR > 1 { print $1 }'; compgen -f -- "$word") ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _facet facet
