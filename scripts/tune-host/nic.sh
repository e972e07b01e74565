# shellcheck shell=bash disable=SC2034,SC2153 # what one part sets, another reads
# What is wanted of network devices: queues, rings, offloads, and which CPUs they wake, computed from the CPUs of the
# workers and how they lie on the chip. Only plans.

# A contiguous share of a list for the n-th of several: neighbours on the chip stay together.
share_of() { # N COUNT CPU...
  local n=$1 count=$2 from to
  shift 2
  if (($# <= count)); then
    set -- "${@:1 + n % $#:1}"
    printf '%s' "$1"
    return
  fi
  from=$(($# * n / count)) to=$(($# * (n + 1) / count))
  printf '%s' "${*:1 + from:to - from}"
}

# Workers' CPUs on the device's own memory node, where there are any; in the order of the chip.
near_cpus() { # DEVICE "CPU..."
  local near
  near=$(common "$2" "$(cpus_of_node "$(device_node "$1")")")
  # shellcheck disable=SC2086 # words are wanted
  by_topology ${near:-$2}
}

plan_devices() {
  local device count=0
  while read -r device; do
    count=$((count + 1))
    if [[ ! -d $SYS/class/net/$device ]]; then
      add_item nic.txqueuelen link "$device" '' '' '' absent 'no such network device'
      # Asked for by its name and not there is a shortcoming.
      I_STATUS[-1]=failed
      continue
    fi
    plan_queueing "$device"
    plan_offloads "$device"
    plan_interrupts "$device"
    plan_steering "$device"
  done < <(wanted_devices)
  if ((count == 0)) && [[ ${OPT_INTERFACES[*]} != none ]]; then
    note 'no hardware network device is up here: name one with --interface to set it up'
  fi
}

plan_queueing() {
  local device=$1 which sizes value
  if has_setting nic.txqueuelen; then
    if tool ip >/dev/null; then
      consider nic.txqueuelen link "$device"
    else
      add_item nic.txqueuelen link "$device" '' '' '' absent 'ip is not installed'
    fi
  fi
  for which in rx tx; do
    has_setting "nic.${which}_ring" || continue
    value=${VALUE[nic.${which}_ring]}
    if sizes=$(ring_sizes "$device" "$which"); then value=$(smaller "$value" "${sizes% *}"); fi
    consider "nic.${which}_ring" ring "$device $which" "$value"
  done
  if has_setting nic.qdisc; then plan_qdisc "$device"; fi
}

# Only what the kernel gave the device by itself is replaced, and only when it would give the same again: that alone
# can be put back exactly.
plan_qdisc() {
  local device=$1 have wanted=${VALUE[nic.qdisc]} default key=sysctl:net.core.default_qdisc
  if ! have=$(read_qdisc "$device"); then
    add_item nic.qdisc qdisc "$device" '' '' "$wanted" absent 'tc is not installed, or the device has no queue discipline'
    return
  fi
  if [[ $have != *"$wanted" ]] && ! is_offered nic.qdisc; then
    add_item nic.qdisc qdisc "$device" '' "$have" "$wanted" absent "the kernel does not offer $wanted"
    return
  fi
  default=${STATE_OLD[$key]:-$(read_sysctl net.core.default_qdisc || true)}
  case $have in
    *noqueue) add_item nic.qdisc qdisc "$device" '' "$have" "$wanted" absent 'packets do not wait at this device' ;;
    "$wanted" | "default $wanted" | mq/"$wanted" | "default mq/$wanted")
      add_item nic.qdisc qdisc "$device" exactly "$have" "$have" ok ''
      ;;
    "default $default")
      add_item nic.qdisc qdisc "$device" exactly "$have" "$wanted" differs ''
      ;;
    "default mq/$default")
      if [[ $(wanted_sysctl net.core.default_qdisc) == "$wanted" ]]; then
        add_item nic.qdisc qdisc "$device" exactly "$have" "mq/$wanted" differs ''
      else
        add_item nic.qdisc qdisc "$device" '' "$have" "mq/$wanted" absent "needs net.core.default_qdisc = $wanted"
      fi
      ;;
    *) add_item nic.qdisc qdisc "$device" '' "$have" "$wanted" absent 'somebody has set it up: it could not be put back exactly' ;;
  esac
}

plan_offloads() {
  local device=$1 which
  for which in gro gso tso; do
    has_setting "nic.$which" || continue
    if [[ $(offload_state "$device $which" || true) == 'off [fixed]' ]]; then
      add_item "nic.$which" offload "$device $which" '' off on absent 'the device cannot'
    else
      consider "nic.$which" offload "$device $which"
    fi
  done
  has_setting nic.adaptive_rx || return 0
  local have
  if ! have=$(read_coalesce "$device"); then
    add_item nic.adaptive_rx coalesce "$device" '' '' 'adaptive-rx on' absent "$(why_absent nic.adaptive_rx coalesce "$device")"
  elif [[ $have == "adaptive-rx ${VALUE[nic.adaptive_rx]}"* ]]; then
    add_item nic.adaptive_rx coalesce "$device" exactly "$have" "$have" ok ''
  else
    add_item nic.adaptive_rx coalesce "$device" exactly "$have" "adaptive-rx ${VALUE[nic.adaptive_rx]}" differs ''
  fi
}

interrupt_cpus() { if [[ -n $OPT_IRQ_CPUS ]]; then expand_list "$OPT_IRQ_CPUS"; else worker_cpus; fi; }

plan_interrupts() {
  local device=$1 irq key
  local -a cpus
  has_setting nic.irq || return 0
  if irqbalance_runs; then
    add_item nic.irq sysfs "$device" '' '' '' absent 'irqbalance runs and would move them again'
    return
  fi
  read -ra cpus <<<"$(near_cpus "$device" "$(interrupt_cpus)")"
  ((${#cpus[@]})) || return 0
  while read -r irq key; do
    consider nic.irq sysfs "/proc/irq/$irq/smp_affinity_list" "${cpus[key % ${#cpus[@]}]}" exactly
  done < <(device_irqs "$device")
}

plan_steering() {
  local device=$1 queue count n=0 flows
  local -a cpus all rx tx
  read -ra cpus <<<"$(near_cpus "$device" "$(worker_cpus)")"
  # shellcheck disable=SC2046 # words are wanted
  read -ra all <<<"$(by_topology $(online_cpus))"
  read -ra rx <<<"$(queues "$device" rx)"
  read -ra tx <<<"$(queues "$device" tx)"
  count=${#rx[@]}
  if has_setting nic.rps && ((count)); then
    if ((count >= ${#cpus[@]})); then
      add_item nic.rps sysfs "$device" '' '' '' absent "$count receive queues for ${#cpus[@]} worker CPUs: nothing to hand on"
    else
      for queue in "${rx[@]}"; do
        # shellcheck disable=SC2046 # words are wanted
        consider nic.rps sysfs "/sys/class/net/$device/queues/rx-$queue/rps_cpus" "$(mask_of $(share_of "$n" "$count" "${cpus[@]}"))" mask
        n=$((n + 1))
      done
    fi
  fi
  if has_setting nic.rfs && ((count)); then
    if [[ $(wanted_sysctl net.core.rps_sock_flow_entries || printf 0) == 0 ]]; then
      add_item nic.rfs sysfs "$device" '' '' '' absent 'useless without net.core.rps_sock_flow_entries, which is not to be had here'
    else
      # Each device shares the table out among its queues; powers of two only.
      flows=${VALUE[nic.rfs]}
      while ((flows * count > ${VALUE[nic.rfs]} && flows > 1)); do flows=$((flows / 2)); done
      for queue in "${rx[@]}"; do
        consider nic.rfs sysfs "/sys/class/net/$device/queues/rx-$queue/rps_flow_cnt" "$flows"
      done
    fi
  fi
  has_setting nic.xps && ((${#tx[@]})) || return 0
  if ((${#tx[@]} == 1)); then
    add_item nic.xps sysfs "$device" '' '' '' absent 'one send queue: nothing to choose'
    return
  fi
  n=0
  for queue in "${tx[@]}"; do
    # shellcheck disable=SC2046 # words are wanted
    consider nic.xps sysfs "/sys/class/net/$device/queues/tx-$queue/xps_cpus" "$(mask_of $(share_of "$n" "${#tx[@]}" "${all[@]}"))" mask
    n=$((n + 1))
  done
}
