# shellcheck shell=bash disable=SC2034,SC2153 # what one part sets, another reads
# What was there before: one line a thing, "KIND<tab>ID<tab>OLD<tab>NEW", written before the first change and kept until
# it is put back. A second apply adds what is new and never replaces an old value. NEW is what was read back, so that
# revert can tell a value of ours from one that somebody has set since.

declare -A STATE_OLD STATE_NEW
STATE_ORDER=()

# Each network namespace has its own, since it has its own values; and one that is made anew starts without.
choose_state() {
  local id
  BOOT=$(read_words "$PROC/sys/kernel/random/boot_id" || printf unknown)
  if is_child_netns; then
    id=$(readlink "$PROC/self/ns/net" 2>/dev/null || printf 'net:[unknown]')
    id=${id#net:[} STATE_NAME=netns-${id%]}-${BOOT%%-*}
  else
    STATE_NAME=host
  fi
  STATE_FILE=$STATE_HOME/$STATE_NAME.tsv
  STORE=$STATE_HOME/files
}

stored() { printf '%s' "$STORE/${1#sha256:}"; }

# A boot puts devices back by itself, and may number interrupts anew: what was saved of them before is void.
load_state() {
  local kind id old new boot=$BOOT
  [[ -f $STATE_FILE && -r $STATE_FILE ]] || return 0
  while IFS=$'\t' read -r kind id old new; do
    if [[ $kind == '# boot' ]]; then boot=$id; fi
    [[ $kind == \#* || -z $kind ]] && continue
    [[ $boot == "$BOOT" || $kind == @(sysctl|file|dir) ]] || continue
    declare -F "write_$kind" >/dev/null || bad_usage "$STATE_FILE is damaged: no such kind: $kind"
    STATE_ORDER+=("$kind:$id")
    # An empty field would be swallowed between tabs, hence the quotes around both.
    STATE_OLD[$kind:$id]=${old:1:-1} STATE_NEW[$kind:$id]=${new:1:-1}
  done <"$STATE_FILE"
}

save_state() {
  local key text
  text=$'# kind\tid\told\tnew: what scripts/tune-host.sh found and what it set; revert reads it\n'
  text+="# boot"$'\t'"$BOOT"$'\n'
  for key in "${STATE_ORDER[@]}"; do
    text+="${key%%:*}"$'\t'"${key#*:}"$'\t'"<${STATE_OLD[$key]}>"$'\t'"<${STATE_NEW[$key]}>"$'\n'
  done
  mkdir -p "$STORE" 2>/dev/null && { printf '%s' "$text" >"$STATE_FILE.new" && mv "$STATE_FILE.new" "$STATE_FILE"; } 2>/dev/null
}

remember() { # KIND ID OLD NEW: an old value that is known already stays
  local key=$1:$2
  if [[ -z ${STATE_OLD[$key]+set} ]]; then
    STATE_ORDER+=("$key")
    STATE_OLD[$key]=$3
  fi
  STATE_NEW[$key]=$4
}

forget() { # KIND:ID
  local key left=()
  for key in "${STATE_ORDER[@]}"; do [[ $key == "$1" ]] || left+=("$key"); done
  STATE_ORDER=("${left[@]}")
  unset "STATE_OLD[$1]" "STATE_NEW[$1]"
}

# Nothing of ours is left on the host: nothing of ours is left here.
drop_state() {
  local file
  rm -f "$STATE_FILE"
  if ! compgen -G "$STATE_HOME/*.tsv" >/dev/null; then
    for file in "$STORE"/*; do [[ ! -f $file ]] || rm -f "$file"; done
    rmdir "$STORE" 2>/dev/null || true
    rm -f "$STATE_HOME/lock"
    rmdir "$STATE_HOME" 2>/dev/null || true
  fi
}

store_text() { # TEXT -> its hash; the text is kept
  local hash
  hash=$(sha256sum <<<"$1" | cut -d ' ' -f 1)
  if [[ -d $STORE ]]; then
    printf '%s\n' "$1" >"$STORE/$hash"
    chmod 0644 "$STORE/$hash"
  fi
  printf 'sha256:%s' "$hash"
}

store_file() { # ID of a file that is about to be replaced
  local value
  value=$(read_file "$1") || return 1
  [[ $value == absent ]] || cp -p "$(host_file "$1")" "$(stored "$value")"
}
