// SPDX-License-Identifier: MIT
//
// Who this process runs as, and what its threads may do. Users and groups are changed for all threads at once, as the C
// library does it; capabilities belong to one thread each. Knows no config.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace ub {

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;  // empty for a number that has no entry
};

/// By name or number; a number needs no entry.
Result<Account> account_of(const std::string& user);
Result<gid_t> group_of_name(const std::string& group);

/// Not root any more, for every thread: groups of the user, then group, then user. The calling thread keeps the right to
/// bind low ports if asked to, and no other capability; the others keep none. No way back.
Status become(const Account& account, bool keep_low_ports);

/// The calling thread, and those that it starts, gain nothing by executing a file.
Status no_new_privileges();

/// The calling thread keeps no capability. For threads that have none to use.
void drop_capabilities();

/// Whether programs that this thread starts are given its right to bind low ports. True when that is a change.
bool pass_on_low_ports(bool on);

}  // namespace ub
