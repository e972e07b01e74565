# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# The table of settings and its rules: which value is wanted, given the one that is there. A value that is better
# already is the wanted one. Reads the table only; knows no file of the host.

declare -A RULE VALUE SCOPE WHY NOT_WHEN
SETTING_NAMES=()

trim() { # VARIABLE...: blanks at both ends go, in place
  local -n text
  for text in "$@"; do
    text=${text#"${text%%[![:space:]]*}"}
    text=${text%"${text##*[![:space:]]}"}
  done
}

load_settings() { # FILE
  local file=$1 line number=0 name rule value scope why not_when
  [[ -f $file && -r $file ]] || bad_usage "cannot read the settings: $file"
  while IFS= read -r line || [[ -n $line ]]; do
    number=$((number + 1))
    [[ -z ${line//[[:space:]]/} || $line == \#* ]] && continue
    IFS='|' read -r name rule value scope why not_when <<<"$line"
    trim name rule value scope why not_when
    [[ $name =~ ^[a-z][a-z0-9_.-]+$ && -z ${RULE[$name]:-} ]] || bad_usage "$file:$number: no name, or one that was there: $name"
    [[ $rule == @(at_least|enough|at_most|exactly|bits|widest|offered) ]] || bad_usage "$file:$number: no such rule: $rule"
    [[ $scope == @(netns|host) && -n $value && -n $not_when ]] ||
      bad_usage "$file:$number: six columns, please: name | rule | value | netns or host | why | not when"
    SETTING_NAMES+=("$name")
    RULE[$name]=$rule VALUE[$name]=$value SCOPE[$name]=$scope
    WHY[$name]=$why
    NOT_WHEN[$name]=$not_when
  done <"$file"
  if [[ -n $OPT_PORTS ]]; then
    name=net.ipv4.ip_local_reserved_ports
    SETTING_NAMES+=("$name")
    RULE[$name]=ports VALUE[$name]=$OPT_PORTS SCOPE[$name]=netns
    WHY[$name]='Listeners keep these ports: no connection to a backend takes one while they are not listening.'
    NOT_WHEN[$name]='Never harmful; the ports are few.'
  fi
}

has_setting() { # it is in the table, and nobody asked to leave it alone
  local pattern
  [[ -n ${RULE[$1]:-} ]] || return 1
  for pattern in "${OPT_SKIP[@]}"; do
    # shellcheck disable=SC2053 # a pattern is wanted
    if [[ $1 == $pattern ]]; then return 1; fi
  done
}

# Some kernel limits are near 2^64, which is beyond the shell's arithmetic.
is_larger() { # A B, whole numbers
  local a=$1 b=$2
  if [[ $a == -* || $b == -* ]]; then ((a > b)) && return 0 || return 1; fi
  ((${#a} > ${#b})) && return 0
  # shellcheck disable=SC2071 # same length: the order of text is the order of numbers
  [[ ${#a} == "${#b}" && $a > $b ]]
}

larger() { if is_larger "$1" "$2"; then printf '%s' "$1"; else printf '%s' "$2"; fi; }
smaller() { if is_larger "$1" "$2"; then printf '%s' "$2"; else printf '%s' "$1"; fi; }

each_larger() { # "A A A" "B B B"
  local -a have want
  local i out=''
  read -ra have <<<"$1"
  read -ra want <<<"$2"
  for i in "${!want[@]}"; do out+=" $(larger "${have[i]:-0}" "${want[i]}")"; done
  printf '%s' "${out# }"
}

# What there ought to be, given what there is; the same text where nothing has to change.
wanted_value() { # RULE CURRENT VALUE
  local rule=$1 current=$2 value=$3 low high
  case $rule in
    at_least) each_larger "$current" "$value" ;;
    enough) if [[ $current == 0 ]]; then printf 0; else larger "$current" "$value"; fi ;;
    at_most) smaller "$current" "$value" ;;
    exactly | offered) printf '%s' "$value" ;;
    bits) printf '%d' $((current | value)) ;;
    widest)
      low=$(smaller "${current% *}" "${value% *}") high=$(larger "${current#* }" "${value#* }")
      printf '%s %s' "$low" "$high"
      ;;
    ports)
      # shellcheck disable=SC2046 # words are wanted
      compress_list $(expand_list "$current,$value")
      ;;
  esac
}

# Read back after it was set: the kernel may round a figure up, which serves as well.
serves() { # RULE READ WANTED
  case $1 in
    at_least | enough | at_most) [[ $(wanted_value "$1" "$2" "$3") == "$2" ]] ;;
    *) [[ $2 == "$3" ]] ;;
  esac
}
