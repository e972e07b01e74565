# shellcheck shell=bash disable=SC2034 # what one part sets, another reads
# The command line: what was asked for, in OPT_* variables, and nothing else. Knows no setting and touches no file.

usage() {
  cat <<'TEXT'
usage: tune-host.sh [VERB] [OPTION...]

Sets this host up for ultrabalancer-l4: kernel, network devices, limits of the service. Old values are saved first.

verbs
  apply              the default: show the plan, save, set, verify by reading back, keep over reboots. Needs root.
  check              tell what differs; changes nothing and needs no root
  revert             put back exactly what was there before the first apply. Needs root.

options
  --dry-run          as check, but ends with 0 whatever it finds
  --interface NAME   a network device to set up; may be repeated. auto (the default) takes each hardware device that
                     is up, none takes none
  --worker-cpus LIST CPUs that workers are pinned to, such as 0-3,8; default: every CPU that is online
  --irq-cpus LIST    CPUs for the interrupts of devices; default: those of the workers
  --reserve-ports LIST  ports never used for connections to backends: listeners above ip_local_port_range's start
  --skip NAME        leave a setting alone; a pattern such as 'nic.*' works; may be repeated
  --only-namespace   only what belongs to this network namespace, nothing that the whole machine shares
  --persist, --no-persist  write or do not write /etc/sysctl.d; default: write, except inside a network namespace
  --service NAME     systemd service that gets the limits (ultrabalancer-l4)
  --user NAME        account that gets the limits when it logs in (ultrabalancer-l4)
  --settings FILE    another table of settings than config/host-settings.conf
  --force            revert: also what somebody else has changed since
  --root DIR         work on a tree under DIR instead of / (tools too are looked for there)
  --json             one JSON object instead of text
  --help

TUNE_HOST_ETC, TUNE_HOST_STATE, TUNE_HOST_PROC and TUNE_HOST_SYS name other folders than /etc,
/var/lib/ultrabalancer-l4/tune-host, /proc and /sys.

exit codes
  0  everything is as wanted (check: nothing differs)
  1  nothing was done: not root, or the old values cannot be saved
  2  bad command line or settings
  3  some of it: what could not be set, verified or restored is told (check: something differs)
TEXT
}

bad_usage() {
  printf 'tune-host.sh: %s\n' "$1" >&2
  printf 'tune-host.sh --help tells more\n' >&2
  exit 2
}

is_cpu_list() { [[ $1 =~ ^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$ ]]; }
is_port_list() { [[ $1 =~ ^[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*$ ]]; }
is_name() { [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$ ]]; }

parse_options() {
  OPT_VERB='' OPT_DRY=0 OPT_JSON=0 OPT_FORCE=0 OPT_ONLY_NETNS=0 OPT_PERSIST=auto
  OPT_ROOT='' OPT_SETTINGS='' OPT_WORKER_CPUS='' OPT_IRQ_CPUS='' OPT_PORTS=''
  OPT_SERVICE=ultrabalancer-l4 OPT_USER=ultrabalancer-l4
  OPT_INTERFACES=() OPT_SKIP=()
  local option value
  while (($# > 0)); do
    option=$1
    shift
    if [[ $option == --*=* ]]; then
      set -- "${option#*=}" "$@"
      option=${option%%=*}
    fi
    case $option in
      --interface | --worker-cpus | --irq-cpus | --reserve-ports | --skip | --service | --user | --settings | --root)
        [[ -n ${1:-} ]] || bad_usage "$option needs a value"
        value=$1
        shift
        ;;&
      apply | check | revert)
        [[ -z $OPT_VERB ]] || bad_usage "both $OPT_VERB and $option: one verb, please"
        OPT_VERB=$option
        ;;
      --dry-run) OPT_DRY=1 ;;
      --json) OPT_JSON=1 ;;
      --force) OPT_FORCE=1 ;;
      --only-namespace) OPT_ONLY_NETNS=1 ;;
      --persist) OPT_PERSIST=yes ;;
      --no-persist) OPT_PERSIST=no ;;
      --interface)
        [[ $value =~ ^[^/[:space:]]{1,15}$ && $value != . && $value != .. ]] || bad_usage "no name of a device: $value"
        OPT_INTERFACES+=("$value")
        ;;
      --worker-cpus)
        is_cpu_list "$value" || bad_usage "no list of CPUs: $value"
        OPT_WORKER_CPUS=$value
        ;;
      --irq-cpus)
        is_cpu_list "$value" || bad_usage "no list of CPUs: $value"
        OPT_IRQ_CPUS=$value
        ;;
      --reserve-ports)
        is_port_list "$value" || bad_usage "no list of ports: $value"
        OPT_PORTS=$value
        ;;
      --skip) OPT_SKIP+=("$value") ;;
      --service)
        is_name "$value" || bad_usage "no name of a service: $value"
        OPT_SERVICE=${value%.service}
        ;;
      --user)
        is_name "$value" || bad_usage "no name of an account: $value"
        OPT_USER=$value
        ;;
      --settings) OPT_SETTINGS=$value ;;
      --root) OPT_ROOT=${value%/} ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) bad_usage "no such verb or option: $option" ;;
    esac
  done
  OPT_VERB=${OPT_VERB:-apply}
  if ((OPT_DRY)) && [[ $OPT_VERB == revert ]]; then bad_usage 'revert has no --dry-run'; fi
  ((${#OPT_INTERFACES[@]})) || OPT_INTERFACES=(auto)
}
