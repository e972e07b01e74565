# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# Carrying out: save what is there, set, read back; and the way back. Every change that is made here is in the saved
# state before it is made.

need_root() {
  [[ -n $OPT_ROOT || $(id -u) == 0 ]] && return
  fail "$1 needs root (sudo); 'check' looks without"
}

fail() { # nothing was done
  if ((OPT_JSON)); then report_json 1 "$1"; else printf 'tune-host.sh: %s\n' "$1" >&2; fi
  exit 1
}

lock_state() {
  mkdir -p "$STORE" 2>/dev/null || fail "the old values cannot be saved: $STATE_HOME cannot be written"
  if ! { exec 9>"$STATE_HOME/lock"; } 2>/dev/null; then fail "the old values cannot be saved: $STATE_HOME cannot be written"; fi
  if command -v flock >/dev/null; then flock -n 9 || fail 'another tune-host.sh is at work'; fi
}

set_item() { # INDEX
  local i=$1 kind=${I_KIND[$1]} id=${I_ID[$1]} read
  WRITE_ERROR=''
  # Each queue gets the discipline that is the default at that moment.
  if [[ $kind == qdisc && ${I_WANT[i]} == mq/* && $(read_sysctl net.core.default_qdisc) != "${I_WANT[i]#mq/}" ]]; then
    I_STATUS[i]=absent I_NOTE[i]="needs net.core.default_qdisc = ${I_WANT[i]#mq/}"
    return 0
  fi
  if ! "write_$kind" "$id" "${I_WANT[i]}"; then
    I_STATUS[i]=failed I_NOTE[i]=${WRITE_ERROR:-could not be set}
    # Some drivers tell only when asked to do it what they cannot do.
    case ${I_SETTING[i]}:$WRITE_ERROR in
      nic.irq:*'nput/output error'*) I_STATUS[i]=absent I_NOTE[i]='the driver places it' ;;
      nic.*:*'ot supported'* | nic.*:*'Could not change any'* | nic.qdisc:*'kind is unknown'*) I_STATUS[i]=absent I_NOTE[i]='the device cannot' ;;
    esac
    return 0
  fi
  if ! read=$("read_$kind" "$id"); then
    I_STATUS[i]=failed I_NOTE[i]='cannot be read back'
    return 0
  fi
  if ! took "$i" "$read"; then
    I_STATUS[i]=failed I_NOTE[i]="set, but it reads back as $read"
  else
    I_STATUS[i]='set'
  fi
  STATE_NEW["$kind:$id"]=$read
}

took() { # INDEX READ
  case ${I_RULE[$1]}:${I_KIND[$1]} in
    mask:*) [[ $(plain_mask "$2") == "$(plain_mask "${I_WANT[$1]}")" ]] ;;
    *:coalesce) [[ $2 == "${I_WANT[$1]}"* ]] ;;
    *) serves "${I_RULE[$1]}" "$2" "${I_WANT[$1]}" ;;
  esac
}

save_items() { # INDEX...: all of them, before the first is touched
  local i
  for i in "$@"; do
    if [[ ${I_KIND[i]} == file ]]; then
      store_file "${I_ID[i]}" || fail "the old text of ${I_ID[i]} cannot be saved"
    fi
    remember "${I_KIND[i]}" "${I_ID[i]}" "${I_OLD[i]}" "${I_WANT[i]}"
  done
  save_state || fail "the old values cannot be saved: $STATE_FILE cannot be written"
}

# A failed item that is still as it was is nothing to put back.
forget_untouched() {
  local i key
  for i in "$@"; do
    key=${I_KIND[i]}:${I_ID[i]}
    [[ ${I_STATUS[i]} == @(failed|absent) && -n ${STATE_OLD[$key]+set} ]] || continue
    if [[ $("read_${I_KIND[i]}" "${I_ID[i]}") == "${STATE_OLD[$key]}" ]]; then forget "$key"; fi
  done
}

pending() { # indexes of what is to be set
  local i
  for i in "${!I_STATUS[@]}"; do if [[ ${I_STATUS[i]} == differs ]]; then printf '%d ' "$i"; fi; done
}

carry_out() {
  local i
  local -a todo
  read -ra todo <<<"$(pending)"
  if ((${#todo[@]})); then
    save_items "${todo[@]}"
    for i in "${todo[@]}"; do set_item "$i"; done
    forget_untouched "${todo[@]}"
  fi
  # What is kept over a reboot is what has really been set.
  plan_persistence
  i=$((${#I_STATUS[@]} - 1))
  if ((i >= 0)) && [[ ${I_SETTING[i]} == persistence && ${I_STATUS[i]} == differs ]]; then
    save_items "$i"
    set_item "$i"
    forget_untouched "$i"
  fi
  if ((${#STATE_ORDER[@]})); then
    save_state || note "$STATE_FILE could not be brought up to date"
  else
    drop_state
  fi
  tell_systemd
}

tell_systemd() {
  local i
  for i in "${!I_STATUS[@]}"; do
    if [[ ${I_ID[i]} == /etc/systemd/* && ${I_STATUS[i]} == @(set|restored) && -d $OPT_ROOT/run/systemd/system ]]; then
      run_tool systemctl daemon-reload || note "systemd was not told: $WRITE_ERROR"
      return 0
    fi
  done
}

# Kernel settings first, so that a device gets back the queue discipline that is the default again; then the rest, the
# last that was set first.
revert_order() {
  local key i
  for key in "${STATE_ORDER[@]}"; do if [[ $key == sysctl:* ]]; then printf '%s\n' "$key"; fi; done
  for ((i = ${#STATE_ORDER[@]} - 1; i >= 0; i--)); do
    key=${STATE_ORDER[i]}
    if [[ $key != sysctl:* ]]; then printf '%s\n' "$key"; fi
  done
}

restore_item() { # KIND:ID
  local key=$1 kind=${1%%:*} id=${1#*:} old=${STATE_OLD[$1]} new=${STATE_NEW[$1]} now
  WRITE_ERROR=''
  if ! now=$("read_$kind" "$id"); then
    add_item '' "$kind" "$id" '' "$new" "$old" left 'it is not there any more'
    forget "$key"
  elif [[ $now == "$old" ]]; then
    add_item '' "$kind" "$id" '' "$now" "$old" ok ''
    forget "$key"
  elif [[ $now != "$new" ]] && ((!OPT_FORCE)); then
    add_item '' "$kind" "$id" '' "$now" "$old" failed "somebody has changed it since (from $new); --force puts it back all the same"
  elif ! "write_$kind" "$id" "$old"; then
    add_item '' "$kind" "$id" '' "$now" "$old" failed "${WRITE_ERROR:-could not be set}"
  elif now=$("read_$kind" "$id") && [[ $now == "$old" ]]; then
    add_item '' "$kind" "$id" '' "$new" "$old" restored ''
    forget "$key"
  else
    add_item '' "$kind" "$id" '' "$new" "$old" failed "set, but it reads back as $now"
  fi
}

put_back() {
  local key
  local -a keys
  mapfile -t keys < <(revert_order)
  for key in "${keys[@]}"; do restore_item "$key"; done
  if ((${#STATE_ORDER[@]})); then
    save_state || note "$STATE_FILE could not be brought up to date"
  else
    drop_state
  fi
  tell_systemd
}
