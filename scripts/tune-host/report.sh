# shellcheck shell=bash
# What is told: the plan, how it ended, notes; as text for people or as one JSON object. Decides nothing but words.

label_of() { # INDEX
  local kind=${I_KIND[$1]} id=${I_ID[$1]}
  case $kind in
    link) printf '%s txqueuelen' "$id" ;;
    ring) printf '%s ring' "$id" ;;
    coalesce) printf '%s interrupts' "$id" ;;
    qdisc) printf '%s queue discipline' "$id" ;;
    sysfs) if [[ ${I_SETTING[$1]} == nic.* && $id != /* ]]; then printf '%s %s' "$id" "${I_SETTING[$1]#nic.}"; else printf '%s' "$id"; fi ;;
    *) printf '%s' "$id" ;;
  esac
}

shown() { # VALUE for people
  case $1 in
    sha256:*) printf 'a text' ;;
    '') printf 'nothing' ;;
    *) printf '%s' "$1" ;;
  esac
}

count_of() {
  local status n=0
  for status in "${I_STATUS[@]}"; do if [[ $status == "$1" ]]; then n=$((n + 1)); fi; done
  printf '%d' "$n"
}

why_of() { # INDEX
  case ${I_SETTING[$1]} in
    '') ;;
    persistence) printf 'Sets the same values at every boot.' ;;
    *) printf '%s' "${WHY[${I_SETTING[$1]}]:-}" ;;
  esac
}

tell_plan() {
  local i last=''
  ((OPT_JSON)) && return
  if (($(count_of differs) == 0)); then
    printf 'Nothing to set: %d settings are as wanted.\n' "$(count_of ok)"
  else
    printf 'To set:\n'
  fi
  for i in "${!I_STATUS[@]}"; do
    [[ ${I_STATUS[i]} == differs ]] || continue
    printf '  %s: %s -> %s\n' "$(label_of "$i")" "$(shown "${I_OLD[i]}")" "$(shown "${I_WANT[i]}")"
    if [[ ${I_SETTING[i]} != "$last" ]]; then printf '      %s\n' "$(why_of "$i")"; fi
    last=${I_SETTING[i]}
  done
}

tell_group() { # STATUS HEADING
  local i
  (($(count_of "$1"))) || return 0
  printf '%s\n' "$2"
  for i in "${!I_STATUS[@]}"; do
    [[ ${I_STATUS[i]} == "$1" ]] || continue
    case $1 in
      restored) printf '  %s: %s -> %s\n' "$(label_of "$i")" "$(shown "${I_OLD[i]}")" "$(shown "${I_WANT[i]}")" ;;
      *) printf '  %s: %s\n' "$(label_of "$i")" "${I_NOTE[i]}" ;;
    esac
  done
}

tell_outcome() {
  local text
  ((OPT_JSON)) && return
  case $OPT_VERB in
    revert)
      tell_group restored 'Put back:'
      tell_group left 'Not there any more:'
      if ((${#I_STATUS[@]} == 0)); then printf 'Nothing to put back: nothing has been set from here.\n'; fi
      ;;
    *)
      tell_group host 'Not touched, since it is not of this network namespace alone:'
      tell_group absent 'Passed over:'
      ;;
  esac
  tell_group failed 'FAILED:'
  for text in "${NOTES[@]}"; do printf 'Note: %s\n' "$text"; done
  if [[ $OPT_VERB == apply ]] && ((!OPT_DRY)); then
    printf '%d set and verified, %d as wanted before, %d failed.' "$(count_of set)" "$(count_of ok)" "$(count_of failed)"
    if ((${#STATE_ORDER[@]})); then printf ' The old values are in %s.' "$STATE_FILE"; fi
    printf '\n'
  fi
}

json() { # NAME TEXT: one more member in JSON_TEXT
  local text=$2
  text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//$'\t'/\\t} text=${text//$'\n'/\\n} text=${text//$'\r'/\\r}
  text=${text//[[:cntrl:]]/?}
  JSON_TEXT+=${JSON_TEXT:+,}\"$1\":\"$text\"
}

report_json() { # EXIT-CODE [ERROR]
  local i verb=$OPT_VERB scope items='' told='' JSON_TEXT
  ((OPT_DRY)) && verb=check
  for i in "${!I_STATUS[@]}"; do
    JSON_TEXT='' scope=''
    if [[ -n ${I_SETTING[i]} ]]; then scope=$(scope_of "${I_SETTING[i]}"); fi
    json setting "${I_SETTING[i]}"
    json kind "${I_KIND[i]}"
    json id "${I_ID[i]}"
    json scope "$scope"
    json status "${I_STATUS[i]}"
    json old "${I_OLD[i]}"
    json want "${I_WANT[i]}"
    json why "$(why_of "$i")"
    json not_when "${NOT_WHEN[${I_SETTING[i]:-none}]:-}"
    json note "${I_NOTE[i]}"
    items+=${items:+,}$'\n'"{$JSON_TEXT}"
  done
  for i in "${!NOTES[@]}"; do
    JSON_TEXT=''
    json note "${NOTES[i]}"
    told+=${told:+,}${JSON_TEXT#*:}
  done
  JSON_TEXT=''
  json verb "$verb"
  json namespace "${STATE_NAME:-}"
  json state "${STATE_FILE:-}"
  if [[ -n ${2:-} ]]; then json error "$2"; fi
  printf '{%s,"exit":%d,"items":[%s],"notes":[%s]}\n' "$JSON_TEXT" "$1" "$items" "$told"
}
