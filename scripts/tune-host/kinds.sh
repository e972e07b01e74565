# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# How each kind of thing on a host is read and written, and nothing about which value it ought to have. For each kind
# there is read_KIND ID and write_KIND ID VALUE; what read_KIND prints, write_KIND takes, so that everything that is
# changed can be put back. A read fails where the thing does not exist here.
#
#   sysctl   net.core.somaxconn        sysfs    a file under /sys or /proc, by its path from the root
#   link     eth0                      ring     eth0 rx          offload  eth0 gro
#   coalesce eth0                      qdisc    eth0             file, dir   by path from the root

put() { # FILE VALUE: WRITE_ERROR tells why not
  WRITE_ERROR=$({ printf '%s\n' "$2" >"$1"; } 2>&1) && return
  WRITE_ERROR=${WRITE_ERROR##*: }
  return 1
}

sysctl_file() { printf '%s' "$PROC/sys/${1//.//}"; }
read_sysctl() { read_words "$(sysctl_file "$1")"; }
write_sysctl() { put "$(sysctl_file "$1")" "$2"; }

host_file() { # the path of a thing under /sys, /proc or /etc, wherever those lie
  case $1 in
    /sys/*) printf '%s' "$SYS${1#/sys}" ;;
    /proc/*) printf '%s' "$PROC${1#/proc}" ;;
    /etc/*) printf '%s' "$ETC${1#/etc}" ;;
    *) return 1 ;;
  esac
}

# Where one of several words is chosen, it stands in brackets.
read_sysfs() {
  local text
  text=$(read_words "$(host_file "$1")") || return 1
  if [[ $text =~ \[([^]]+)\] ]]; then text=${BASH_REMATCH[1]}; fi
  printf '%s' "$text"
}
write_sysfs() { put "$(host_file "$1")" "$2"; }

run_tool() { # TOOL ARGUMENT...: WRITE_ERROR tells why not
  local path name=$1
  shift
  path=$(tool "$name") || {
    WRITE_ERROR="$name is not installed"
    return 1
  }
  WRITE_ERROR=$("$path" "$@" 2>&1) && return
  WRITE_ERROR=${WRITE_ERROR//$'\n'/; }
  WRITE_ERROR=${WRITE_ERROR:0:200}
  return 1
}

ask_tool() { # TOOL ARGUMENT...
  local path
  path=$(tool "$1") || return 1
  shift
  "$path" "$@" 2>/dev/null
}

read_link() { read_words "$SYS/class/net/$1/tx_queue_len"; }
write_link() { run_tool ip link set dev "$1" txqueuelen "$2"; }

ring_sizes() { # DEVICE rx|tx -> "MOST NOW"
  ask_tool ethtool -g "$1" | awk -v which="${2^^}:" '
    /^Current/ { now = 1 }
    $1 == which { size[now + 0] = $2 }
    END { if (size[0] ~ /^[0-9]+$/ && size[1] ~ /^[0-9]+$/) print size[0], size[1]; else exit 1 }'
}
read_ring() {
  local sizes
  sizes=$(ring_sizes "${1% *}" "${1#* }") || return 1
  printf '%s' "${sizes#* }"
}
write_ring() { run_tool ethtool -G "${1% *}" "${1#* }" "$2"; }

offload_name() {
  case $1 in
    gro) printf generic-receive-offload ;;
    gso) printf generic-segmentation-offload ;;
    tso) printf tcp-segmentation-offload ;;
  esac
}
offload_state() { # "DEVICE gro" -> "on", "off", "off [fixed]"
  ask_tool ethtool -k "${1% *}" | awk -v name="$(offload_name "${1#* }"):" '
    $1 == name { sub(/^[^:]*: */, ""); print; found = 1 } END { exit !found }'
}
read_offload() {
  local state
  state=$(offload_state "$1") || return 1
  printf '%s' "${state%% *}"
}
write_offload() { run_tool ethtool -K "${1% *}" "${1#* }" "$2"; }

# While the card adapts, it changes the other figures itself: they belong to what there was only when it does not.
read_coalesce() {
  ask_tool ethtool -c "$1" | awk '
    $1 == "Adaptive" { adaptive = $3 }
    $1 == "rx-usecs:" && $2 ~ /^[0-9]+$/ { figures = figures " rx-usecs " $2 }
    $1 == "rx-frames:" && $2 ~ /^[0-9]+$/ { figures = figures " rx-frames " $2 }
    END {
      if (adaptive == "on") print "adaptive-rx on"
      else if (adaptive == "off") print "adaptive-rx off" figures
      else exit 1
    }'
}
write_coalesce() {
  local -a words
  read -ra words <<<"$2"
  # In two steps: figures are refused or ignored while the card still adapts.
  run_tool ethtool -C "$1" "${words[@]:0:2}" || return 1
  ((${#words[@]} <= 2)) || run_tool ethtool -C "$1" "${words[@]:2}"
}

# "default KIND" is what the kernel gave the device by itself; "mq/KIND" is one for each of its queues.
read_qdisc() {
  ask_tool tc qdisc show dev "$1" | awk '
    / root / || / root$/ { root = $2; given = ($3 == "0:") }
    / parent / && root == "mq" { if (child != "" && child != $2) mixed = 1; child = $2 }
    END {
      if (root == "") exit 1
      if (root == "mq") root = "mq/" (mixed ? "mixed" : child)
      print (given ? "default " : "") root
    }'
}
write_qdisc() {
  case $2 in
    default\ *) run_tool tc qdisc del dev "$1" root ;;
    mq/*) run_tool tc qdisc replace dev "$1" root mq ;;
    *) run_tool tc qdisc replace dev "$1" root "$2" ;;
  esac
}

# A file is known by the hash of what is in it; the text itself lies in the store, where its old text is kept too.
read_file() {
  local path
  path=$(host_file "$1") || return 1
  if [[ ! -e $path ]]; then printf absent && return; fi
  [[ -f $path && -r $path ]] || return 1
  printf 'sha256:%s' "$(sha256sum <"$path" | cut -d ' ' -f 1)"
}
write_file() {
  local path
  path=$(host_file "$1") || return 1
  if [[ $2 == absent ]]; then
    WRITE_ERROR=$(rm -f "$path" 2>&1)
    return
  fi
  WRITE_ERROR=$(cp -p "$(stored "$2")" "$path.new" 2>&1 && mv -f "$path.new" "$path" 2>&1)
}

read_dir() {
  local path
  path=$(host_file "$1") || return 1
  if [[ -d $path ]]; then printf present; else printf absent; fi
}
write_dir() {
  local path
  path=$(host_file "$1") || return 1
  if [[ $2 == present ]]; then
    WRITE_ERROR=$(mkdir "$path" 2>&1)
  else
    WRITE_ERROR=$(rmdir "$path" 2>&1)
  fi
}
