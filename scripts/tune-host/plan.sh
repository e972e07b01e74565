# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# The plan: one item for each thing that was looked at, with what is there, what is wanted, and how it stands.
# Changes nothing. Items are parallel arrays, in the order in which they are to be set.
#
#   ok       as wanted, or better                    host     belongs to the whole machine: not touched from here
#   differs  to be set                               absent   does not exist here, or has no use here
#   set, restored, failed, left: how it ended

I_SETTING=() I_KIND=() I_ID=() I_RULE=() I_OLD=() I_WANT=() I_STATUS=() I_NOTE=()
NOTES=()

note() { NOTES+=("$1"); }

add_item() { # SETTING KIND ID RULE OLD WANT STATUS NOTE
  I_SETTING+=("$1") I_KIND+=("$2") I_ID+=("$3") I_RULE+=("$4") I_OLD+=("$5") I_WANT+=("$6") I_STATUS+=("$7") I_NOTE+=("$8")
}

scope_of() {
  case $1 in
    persistence) printf netns ;;
    *) printf '%s' "${SCOPE[$1]:-host}" ;;
  esac
}

# With --only-namespace it is what was asked for, and no shortcoming.
add_foreign() { # SETTING KIND ID OLD WANT
  local old=${4:-}
  if ((OPT_ONLY_NETNS)); then
    add_item "$1" "$2" "$3" '' "$old" "$5" absent 'shared by the whole machine, and only this namespace was asked for'
  else
    add_item "$1" "$2" "$3" '' "$old" "$5" host 'shared by the whole machine: run this on the host itself'
  fi
}

# Looks at one thing and judges it by the rule of a setting.
consider() { # SETTING KIND ID [VALUE] [RULE]
  local setting=$1 kind=$2 id=$3 value=${4:-${VALUE[$1]}} rule=${5:-${RULE[$1]}} old want
  if ! old=$("read_$kind" "$id"); then
    # Only kernel settings are hidden; any other thing that cannot be read is not there for anybody.
    if ((!OWN_HOST)) && [[ $kind == sysctl && $(scope_of "$setting") == host ]] && ! is_module_setting "$setting"; then
      add_foreign "$setting" "$kind" "$id" '' "$value"
    else
      add_item "$setting" "$kind" "$id" "$rule" '' "$value" absent "$(why_absent "$setting" "$kind" "$id")"
    fi
    return 0
  fi
  if [[ $rule == mask ]]; then
    want=$value
    if [[ $(plain_mask "$old") == "$(plain_mask "$want")" ]]; then want=$old; fi
  else
    want=$(wanted_value "$rule" "$old" "$value")
  fi
  if [[ $old == "$want" ]]; then
    add_item "$setting" "$kind" "$id" "$rule" "$old" "$want" ok ''
  elif ((!OWN_HOST)) && [[ $(scope_of "$setting") == host ]]; then
    add_foreign "$setting" "$kind" "$id" "$old" "$want"
  else
    add_item "$setting" "$kind" "$id" "$rule" "$old" "$want" differs ''
  fi
}

# There only while a module is loaded, and visible everywhere then.
is_module_setting() { [[ $1 == net.netfilter.* ]]; }

why_absent() { # SETTING KIND ID
  case $1:$2 in
    net.netfilter.*) printf 'connection tracking is not loaded' ;;
    *:sysctl) printf 'this kernel has no such setting' ;;
    nic.*:ring | nic.*:coalesce | nic.*:offload)
      if tool ethtool >/dev/null; then printf 'the device cannot'; else printf 'ethtool is not installed'; fi
      ;;
    cpu.governor:*) printf 'the CPU frequency is not this system'\''s to choose' ;;
    *) printf 'not there' ;;
  esac
}

can_load() { # MODULE
  local modprobe
  modprobe=$(tool modprobe) && "$modprobe" -n -q "$1" 2>/dev/null
}

# A congestion control is offered when it is compiled in or its module can be loaded.
offers_congestion() {
  local offered
  offered=$(read_sysctl net.ipv4.tcp_available_congestion_control) || return 1
  if [[ " $offered " == *" $1 "* ]]; then return 0; fi
  ((OWN_HOST)) && can_load "tcp_$1"
}

# There is no list of queue disciplines; a kernel that has one built in has its functions.
offers_qdisc() {
  if can_load "sch_$1" || ! grep -q . "$PROC/kallsyms" 2>/dev/null; then return 0; fi
  grep -qw "${1}_enqueue" "$PROC/kallsyms"
}

is_offered() { # SETTING
  case $1 in
    *congestion*) offers_congestion "${VALUE[$1]}" ;;
    *qdisc*) offers_qdisc "${VALUE[$1]}" ;;
  esac
}

plan_sysctls() {
  local name
  for name in "${SETTING_NAMES[@]}"; do
    [[ $name == net.* || $name == fs.* || $name == kernel.* || $name == vm.* ]] || continue
    has_setting "$name" || continue
    if [[ ${RULE[$name]} == offered ]] && ! is_offered "$name"; then
      add_item "$name" sysctl "$name" offered "$(read_sysctl "$name" || true)" "${VALUE[$name]}" absent \
        "the kernel does not offer ${VALUE[$name]}"
      continue
    fi
    consider "$name" sysctl "$name"
  done
}

wanted_sysctl() { # what a setting will be once the plan is carried out; fails where it is unknown
  local i
  for i in "${!I_ID[@]}"; do
    if [[ ${I_KIND[i]}:${I_ID[i]} == "sysctl:$1" && ${I_STATUS[i]} == @(ok|differs|set) ]]; then
      printf '%s' "${I_WANT[i]}"
      return 0
    fi
  done
  read_sysctl "$1"
}

# --- over reboots ---------------------------------------------------------------------------------------------------

PERSISTENT_FILE=/etc/sysctl.d/99-ultrabalancer-l4.conf

persistent_text() { # what was set by us, now or before; and what is about to be
  local i key seen=' ' name
  printf '# Written by scripts/tune-host.sh of ultrabalancer-l4; its verb revert removes it.\n'
  for i in "${!I_ID[@]}"; do
    [[ ${I_KIND[i]} == sysctl && ${I_STATUS[i]} == @(differs|set) ]] || continue
    printf '%s = %s\n' "$(tolerant "${I_ID[i]}")" "${I_WANT[i]}"
    seen+="${I_ID[i]} "
  done
  for key in "${STATE_ORDER[@]}"; do
    name=${key#sysctl:}
    [[ $key == sysctl:* && $seen != *" $name "* ]] || continue
    printf '%s = %s\n' "$(tolerant "$name")" "${STATE_NEW[$key]}"
  done
}

# The tables of connection tracking are not there yet at boot: a line that begins with - may fail.
tolerant() { if [[ $1 == net.netfilter.* ]]; then printf -- '-%s' "$1"; else printf '%s' "$1"; fi; }

plan_persistence() {
  local text
  if ! has_setting_file; then
    [[ $OPT_PERSIST == no ]] || note "not kept over a reboot: $PERSISTENT_NOT"
    return 0
  fi
  text=$(persistent_text)
  [[ $text == *' = '* ]] || return 0
  consider persistence file "$PERSISTENT_FILE" "$(store_text "$text")" exactly
}

has_setting_file() {
  PERSISTENT_NOT=''
  case $OPT_PERSIST in
    no) return 1 ;;
    auto)
      if is_child_netns; then
        PERSISTENT_NOT='inside a network namespace /etc/sysctl.d may be the host'\''s; --persist writes it all the same'
        return 1
      fi
      ;;
  esac
  [[ -d $ETC/sysctl.d ]] && return
  PERSISTENT_NOT="there is no $ETC/sysctl.d"
  return 1
}

# Whoever speaks last at boot wins.
note_rivals() {
  local file i name value
  for file in "$ETC"/sysctl.d/*.conf "$ETC/sysctl.conf"; do
    [[ -f $file && ${file##*/} != "${PERSISTENT_FILE##*/}" ]] || continue
    [[ ${file##*/} > ${PERSISTENT_FILE##*/} || $file == */sysctl.conf ]] || continue
    for i in "${!I_ID[@]}"; do
      [[ ${I_KIND[i]} == sysctl && ${I_STATUS[i]} == @(ok|set|differs) ]] || continue
      name=${I_ID[i]}
      value=$(sed -n "s|^[[:space:]]*-\{0,1\}${name//./[./]}[[:space:]]*=[[:space:]]*||p" "$file" | tail -n 1 | tr -s '\t ' ' ')
      [[ -z $value || $value == "${I_WANT[i]}" ]] || note "$file sets $name to $value at boot, after $PERSISTENT_FILE"
    done
  done
}
