#!/usr/bin/env bash
#
# Sets a host up for ultrabalancer-l4: kernel, network devices, limits. Run bare, as root, it shows what it is about to
# change and why, saves what is there, sets it, reads it back and keeps it over reboots. `check` only looks; `revert`
# puts back exactly what was there. What is set, and when not to set it, is data: config/host-settings.conf.
#
# It never lowers a value that is better already, and never touches what it could not put back.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
export LC_ALL=C

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=tune-host/options.sh
. "$HERE/tune-host/options.sh"
# shellcheck source=tune-host/host.sh
. "$HERE/tune-host/host.sh"
# shellcheck source=tune-host/settings.sh
. "$HERE/tune-host/settings.sh"
# shellcheck source=tune-host/kinds.sh
. "$HERE/tune-host/kinds.sh"
# shellcheck source=tune-host/state.sh
. "$HERE/tune-host/state.sh"
# shellcheck source=tune-host/plan.sh
. "$HERE/tune-host/plan.sh"
# shellcheck source=tune-host/nic.sh
. "$HERE/tune-host/nic.sh"
# shellcheck source=tune-host/process.sh
. "$HERE/tune-host/process.sh"
# shellcheck source=tune-host/change.sh
. "$HERE/tune-host/change.sh"
# shellcheck source=tune-host/report.sh
. "$HERE/tune-host/report.sh"

# Once a run: everything that is looked at, and how it stands.
look() {
  plan_sysctls
  plan_devices
  plan_process
}

finish() { # how it stands, as an exit code
  local code=0
  if (($(count_of failed) + $(count_of host) > 0)); then code=3; fi
  if [[ $OPT_VERB == check ]] && (($(count_of differs) > 0)); then code=3; fi
  if ((OPT_DRY)); then code=0; fi
  tell_outcome
  if ((OPT_JSON)); then report_json "$code"; fi
  exit "$code"
}

main() {
  parse_options "$@"
  find_host
  load_settings "${OPT_SETTINGS:-$HERE/../config/host-settings.conf}"
  choose_state
  case $OPT_VERB in
    check)
      load_state
      look
      plan_persistence
      note_rivals
      tell_plan
      ;;
    apply)
      if ((OPT_DRY)); then
        load_state
        look
        plan_persistence
        note_rivals
        tell_plan
        finish
      fi
      need_root apply
      lock_state
      load_state
      look
      tell_plan
      carry_out
      note_rivals
      if (($(count_of set) > 0)) && [[ -n $(wanted_devices) ]]; then
        note 'devices, interrupts, CPU speed and huge pages fall back at the next boot: docs/tuning.md has a unit that sets them again'
      fi
      ;;
    revert)
      need_root revert
      lock_state
      load_state
      put_back
      ;;
  esac
  finish
}

main "$@"
