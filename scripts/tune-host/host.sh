# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# The host as it is: where its files lie, which tools it has, its CPUs, its network devices, and lists and masks of
# them. Only looks; sets nothing and knows no setting.

find_host() {
  ETC=${TUNE_HOST_ETC:-$OPT_ROOT/etc}
  PROC=${TUNE_HOST_PROC:-$OPT_ROOT/proc}
  SYS=${TUNE_HOST_SYS:-$OPT_ROOT/sys}
  STATE_HOME=${TUNE_HOST_STATE:-$OPT_ROOT/var/lib/ultrabalancer-l4/tune-host}
  if ((OPT_ONLY_NETNS)) || is_child_netns; then OWN_HOST=0; else OWN_HOST=1; fi
  [[ -d $PROC/sys && -d $SYS ]] || bad_usage "no $PROC/sys or no $SYS: nothing to work on"
}

# The kernel shows settings that all network namespaces share in the first one only, or shows them read-only.
is_child_netns() {
  local file=$PROC/sys/net/core/netdev_max_backlog
  [[ ! -e $file || $(stat -c %A "$file") != ?rw* ]]
}

# Prints the path of a tool, or fails. With --root, the tools of this machine would act on this machine: those of the
# tree are used and no others.
tool() {
  local folder
  if [[ -z $OPT_ROOT ]]; then
    command -v "$1" && return
    for folder in /usr/sbin /sbin; do
      if [[ -x $folder/$1 ]]; then printf '%s' "$folder/$1" && return; fi
    done
    return 1
  fi
  for folder in usr/sbin usr/bin sbin bin; do
    if [[ -x $OPT_ROOT/$folder/$1 ]]; then printf '%s' "$OPT_ROOT/$folder/$1" && return; fi
  done
  return 1
}

read_words() { # FILE: its first line, blanks made one space; fails where it cannot be read
  local line
  { IFS= read -r line <"$1" || [[ -n ${line:-} ]]; } 2>/dev/null || return 1
  line=${line//$'\t'/ }
  printf '%s' "${line%"${line##*[! ]}"}"
}

# --- lists of numbers -----------------------------------------------------------------------------------------------

expand_list() { # "0-2,5" -> "0 1 2 5", ascending and each once
  local part from to
  for part in ${1//,/ }; do
    from=${part%-*} to=${part#*-}
    for ((; from <= to; from++)); do printf '%d\n' "$from"; done
  done | sort -nu | tr '\n' ' ' | sed 's/ $//'
}

compress_list() { # 0 1 2 5 (ascending) -> "0-2,5"
  local number first='' last='' out=''
  for number in "$@" end; do
    if [[ -n $first && $number != $((last + 1)) ]]; then
      out+=,$first
      ((last > first)) && out+=-$last
      first=''
    fi
    [[ -n $first ]] || first=$number
    last=$number
  done
  printf '%s' "${out#,}"
}

mask_of() { # CPU numbers -> "f" or "1,00000003", as the kernel reads and writes masks
  local cpu most=0 group out='' groups=()
  for cpu in "$@"; do
    ((cpu / 32 > most)) && most=$((cpu / 32))
    groups[cpu / 32]=$((${groups[cpu / 32]:-0} | 1 << cpu % 32))
  done
  printf -v out '%x' "${groups[most]:-0}"
  for ((group = most - 1; group >= 0; group--)); do printf -v out '%s,%08x' "$out" "${groups[group]:-0}"; done
  printf '%s' "$out"
}

plain_mask() { # without commas and leading zeros, to compare
  local mask=${1//,/}
  mask=${mask#"${mask%%[!0]*}"}
  printf '%s' "${mask:-0}"
}

# --- CPUs -----------------------------------------------------------------------------------------------------------

online_cpus() { expand_list "$(read_words "$SYS/devices/system/cpu/online" || printf 0)"; }

cpus_of_node() { # NUMA node -> CPUs, nothing where it is unknown
  local list
  [[ $1 =~ ^[0-9]+$ ]] && list=$(read_words "$SYS/devices/system/node/node$1/cpulist") || return 0
  expand_list "$list"
}

numa_nodes() { find "$SYS/devices/system/node" -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | wc -l; }

# So that neighbours in the list are neighbours on the chip: by package, then core, then thread.
by_topology() {
  local cpu topology
  for cpu in "$@"; do
    topology=$SYS/devices/system/cpu/cpu$cpu/topology
    printf '%s %s %d\n' "$(read_words "$topology/physical_package_id" || printf 0)" \
      "$(read_words "$topology/core_id" || printf '%d' "$cpu")" "$cpu"
  done | sort -k1,1n -k2,2n -k3,3n | awk '{ printf "%s%s", sep, $3; sep = " " }'
}

common() { # "LIST A" "LIST B": the words of A that are in B
  local word
  for word in $1; do [[ " $2 " == *" $word "* ]] && printf '%s ' "$word"; done
  return 0
}

worker_cpus() {
  local online
  online=$(online_cpus)
  if [[ -z $OPT_WORKER_CPUS ]]; then printf '%s' "$online" && return; fi
  common "$(expand_list "$OPT_WORKER_CPUS")" "$online"
}

# --- devices --------------------------------------------------------------------------------------------------------

device_node() { read_words "$SYS/class/net/$1/device/numa_node" || printf -- '-1'; }

queues() { # DEVICE rx|tx -> numbers of its queues
  find "$SYS/class/net/$1/queues" -maxdepth 1 -name "$2-*" -printf '%f\n' 2>/dev/null | sed "s/^$2-//" | sort -n | tr '\n' ' '
}

wanted_devices() {
  local name path
  for name in "${OPT_INTERFACES[@]}"; do
    case $name in
      none) ;;
      auto)
        for path in "$SYS"/class/net/*; do
          [[ -e $path/device && $(read_words "$path/operstate") == @(up|unknown) ]] && printf '%s\n' "${path##*/}"
        done
        ;;
      *) printf '%s\n' "$name" ;;
    esac
  done | awk '!seen[$0]++'
}

irqbalance_runs() {
  local file
  for file in "$PROC"/[0-9]*/comm; do
    if [[ $(read_words "$file") == irqbalance ]]; then return 0; fi
  done
  return 1
}

device_irqs() { # DEVICE -> lines "IRQ KEY", KEY being the number of the queue
  local device=$1 folder parent number action
  folder=$SYS/class/net/$device/device
  [[ -d $folder/msi_irqs ]] || folder+=/..
  parent=$(basename "$(readlink -f "$SYS/class/net/$device/device")")
  for number in $(find "$folder/msi_irqs" -maxdepth 1 -printf '%f\n' 2>/dev/null | grep -E '^[0-9]+$' | sort -n); do
    action=$(awk -v irq="$number:" '$1 == irq { print $NF }' "$PROC/interrupts" 2>/dev/null)
    # Queues only: what configures and supervises a device may interrupt where it likes.
    [[ $action == *"$device"* || $action == "$parent"-* || $action == *[Rr]x* || $action == *[Tt]x* ]] || continue
    [[ $action =~ (config|control|event|async|mgmt|admin|-aq|fdir|ctrl) ]] && continue
    if [[ $action =~ ([0-9]+)$ ]]; then printf '%s %d\n' "$number" "$((10#${BASH_REMATCH[1]}))"; else printf '%s 0\n' "$number"; fi
  done
}
