# shellcheck shell=bash disable=SC2034,SC2153 # what one part sets, another reads
# What is wanted for the process: limits and priority by way of files that systemd and PAM read, the CPU's speed, huge
# pages, and a word about memory nodes. Only plans.

plan_process() {
  plan_limits
  local file
  if has_setting cpu.governor; then
    file=$(find "$SYS/devices/system/cpu" -maxdepth 3 -path '*/cpu[0-9]*/cpufreq/scaling_governor' 2>/dev/null | head -n 1)
    if [[ -z $file ]]; then
      consider cpu.governor sysfs /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
    fi
    for file in "$SYS"/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor; do
      [[ -e $file ]] || continue
      plan_governor "/sys${file#"$SYS"}"
    done
  fi
  has_setting memory.thp && plan_huge_pages
  note_memory_nodes
}

plan_governor() {
  local id=$1 offered
  offered=$(read_sysfs "${id%/*}/scaling_available_governors" || true)
  if [[ " $offered " == *" ${VALUE[cpu.governor]} "* ]]; then
    consider cpu.governor sysfs "$id"
  else
    add_item cpu.governor sysfs "$id" '' "$(read_sysfs "$id" || true)" "${VALUE[cpu.governor]}" absent 'the driver does not offer it'
  fi
}

plan_huge_pages() {
  local id=/sys/kernel/mm/transparent_hugepage/enabled
  # "never" stalls nobody either.
  if [[ $(read_sysfs "$id" || true) == never ]]; then
    add_item memory.thp sysfs "$id" exactly never never ok ''
  else
    consider memory.thp sysfs "$id"
  fi
}

# The value that the service has already, where systemd knows it and it is not ours.
service_value() { # PROPERTY
  local value
  [[ -z ${STATE_OLD[file:$DROP_IN]+set} ]] || return 1
  [[ $(ask_tool systemctl show -p LoadState --value "$OPT_SERVICE.service") == loaded ]] || return 1
  value=$(ask_tool systemctl show -p "$1" --value "$OPT_SERVICE.service") || return 1
  [[ $value == infinity ]] && value=18446744073709551615
  [[ $value =~ ^-?[0-9]+$ ]] || return 1
  printf '%s' "$value"
}

plan_limits() {
  local nofile='' nice='' most have text
  DROP_IN=/etc/systemd/system/$OPT_SERVICE.service.d/50-host.conf
  if has_setting service.nofile; then
    # A limit above fs.nr_open would keep the service from starting.
    most=$(wanted_sysctl fs.nr_open || printf 1048576)
    nofile=$(smaller "${VALUE[service.nofile]}" "$most")
  fi
  has_setting service.nice && nice=${VALUE[service.nice]}
  [[ -n $nofile$nice ]] || return 0

  if [[ -d $ETC/systemd/system ]]; then
    text=''
    if [[ -n $nofile ]] && ! { have=$(service_value LimitNOFILE) && ! is_larger "$nofile" "$have"; }; then
      text+=$'\n'"LimitNOFILE=$nofile"
    fi
    if [[ -n $nice ]] && ! { have=$(service_value Nice) && ! is_larger "$have" "$nice"; }; then
      text+=$'\n'"Nice=$nice"
    fi
    if [[ -n $text ]]; then
      plan_folder service.nofile "${DROP_IN%/*}"
      plan_text service.nofile "$DROP_IN" $'# Written by scripts/tune-host.sh; its verb revert removes it.\n[Service]'"$text"
    else
      add_item service.nofile file "$DROP_IN" exactly '' '' ok ''
    fi
  else
    add_item service.nofile file "$DROP_IN" '' '' '' absent 'no systemd here'
  fi

  if [[ -d $ETC/security/limits.d ]]; then
    text='# Written by scripts/tune-host.sh; its verb revert removes it.'
    [[ -z $nofile ]] || text+=$'\n'"$OPT_USER - nofile $nofile"
    [[ -z $nice ]] || text+=$'\n'"$OPT_USER - nice $nice"$'\n'"$OPT_USER - priority $nice"
    plan_text service.nofile /etc/security/limits.d/60-ultrabalancer-l4.conf "$text"
  else
    add_item service.nofile file /etc/security/limits.d/60-ultrabalancer-l4.conf '' '' '' absent 'no PAM limits here'
  fi
}

plan_folder() { # SETTING ID
  if [[ $(read_dir "$2") == absent ]]; then consider "$1" dir "$2" present exactly; fi
}

plan_text() { # SETTING ID TEXT
  consider "$1" file "$2" "$(store_text "$3")" exactly
}

note_memory_nodes() {
  local device node near
  if (($(numa_nodes) < 2)); then return; fi
  note "$(numa_nodes) memory nodes: workers are fastest on the node of the network device, with cpu_affinity a list of its CPUs"
  while read -r device; do
    node=$(device_node "$device")
    near=$(cpus_of_node "$node")
    # shellcheck disable=SC2086 # words are wanted
    [[ -z $near ]] || note "$device is on node $node, whose CPUs are $(compress_list $near)"
  done < <(wanted_devices)
}
