// SPDX-License-Identifier: MIT
#include "base/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

namespace ub {
namespace {

constexpr uint32_t kLowPorts = 1U << CAP_NET_BIND_SERVICE;
constexpr size_t kMostEntry = 1 << 20;  // a group can have many members

struct Capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};

  bool read() { return ::syscall(SYS_capget, &header, data) == 0; }
  bool write() { return ::syscall(SYS_capset, &header, data) == 0; }
};

/// Calls a get…_r function with a buffer that grows until the entry fits. Null and errno 0: no such entry.
template <typename Entry, typename Call>
Entry* look_up(Entry& entry, std::vector<char>& room, Call&& call) {
  for (room.resize(1024);; room.resize(room.size() * 2)) {
    Entry* found = nullptr;
    const int error = call(&entry, room.data(), room.size(), &found);
    errno = error;
    if (error != ERANGE || room.size() >= kMostEntry) return found;
  }
}

/// The user and group databases say all of these for "no such entry".
int missing(int number) {
  return number == 0 || number == ESRCH || number == EBADF || number == EPERM ? ENOENT : number;
}

std::optional<uint32_t> number_in(const std::string& text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The last number stands for "leave it as it is" in calls that change users.
  if (error != std::errc() || end != text.data() + text.size() || value == UINT32_MAX) return std::nullopt;
  return value;
}

}  // namespace

Result<Account> account_of(const std::string& user) {
  passwd entry{};
  std::vector<char> room;
  const std::optional<uint32_t> number = number_in(user);
  const passwd* found = look_up(entry, room, [&](passwd* into, char* at, size_t size, passwd** out) {
    return number ? ::getpwuid_r(*number, into, at, size, out) : ::getpwnam_r(user.c_str(), into, at, size, out);
  });
  if (found != nullptr) return Account{found->pw_uid, found->pw_gid, found->pw_name};
  if (number) return Account{*number, *number, {}};
  return Error{missing(errno), "getpwnam", {}, 0};
}

Result<gid_t> group_of_name(const std::string& group) {
  if (const std::optional<uint32_t> number = number_in(group)) return gid_t{*number};
  ::group entry{};
  std::vector<char> room;
  const ::group* found = look_up(entry, room, [&](::group* into, char* at, size_t size, ::group** out) {
    return ::getgrnam_r(group.c_str(), into, at, size, out);
  });
  if (found != nullptr) return found->gr_gid;
  return Error{missing(errno), "getgrnam", {}, 0};
}

Status become(const Account& account, bool keep_low_ports) {
  Capabilities held;
  if (!held.read()) return Error{errno, "capget", {}, 0};
  const bool keep = keep_low_ports && (held.data[0].permitted & kLowPorts) != 0;
  if (keep && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return Error{errno, "prctl", {}, 0};
  const int grouped =
      account.name.empty() ? ::setgroups(1, &account.group) : ::initgroups(account.name.c_str(), account.group);
  if (grouped != 0) return Error{errno, "initgroups", {}, 0};
  if (::setresgid(account.group, account.group, account.group) != 0) return Error{errno, "setgid", {}, 0};
  if (::setresuid(account.user, account.user, account.user) != 0) return Error{errno, "setuid", {}, 0};
  if (account.user == 0) return Done{};
  // What the change of user has left of the calling thread's capabilities is cut down to the one that is wanted. It may
  // be inherited too, which takes effect only when a program is started with pass_on_low_ports.
  Capabilities wanted;
  if (keep) wanted.data[0] = {kLowPorts, kLowPorts, kLowPorts};
  if (!wanted.write()) return Error{errno, "capset", {}, 0};
  if (keep) ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  return Done{};
}

Status no_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{errno, "prctl", {}, 0};
  return Done{};
}

void drop_capabilities() {
  Capabilities none;
  (void)none.write();  // giving up is never refused
}

bool pass_on_low_ports(bool on) {
  const bool is_on = ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) == 1;
  if (is_on == on) return false;
  Capabilities held;
  if (on && (!held.read() || (held.data[0].permitted & kLowPorts) == 0)) return false;
  held.data[0].inheritable |= kLowPorts;
  if (on && !held.write()) return false;
  return ::prctl(PR_CAP_AMBIENT, on ? PR_CAP_AMBIENT_RAISE : PR_CAP_AMBIENT_LOWER, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

}  // namespace ub
