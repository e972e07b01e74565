// SPDX-License-Identifier: MIT
//
// Unix sockets as far as an upgrade and a service manager need them: descriptors passed from process to process, who is
// at the other end, and one-way datagrams. Nothing here waits: what would block says so. Not on the path of a session.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ub {

/// The kernel takes no more with one message (SCM_MAX_FD).
inline constexpr size_t kMostDescriptors = 253;

/// A connected pair; both ends are closed at exec.
Result<std::pair<UniqueFd, UniqueFd>> local_pair();

/// How many bytes went, at least one unless it would block (0). The descriptors go with the first of them.
Result<size_t> send_descriptors(int socket, std::string_view bytes, const std::vector<int>& descriptors);

struct Parcel {
  std::string bytes;  // empty with `ended`, or when nothing is there yet
  std::vector<UniqueFd> descriptors;
  bool ended = false;
};
/// What has come, at most `most` bytes; bytes and descriptors each in the order in which they were sent, the latter no
/// later than the first byte that was sent with them.
Result<Parcel> receive_descriptors(int socket, size_t most);

/// Who made the other end.
Result<ucred> peer_of(int socket);

/// One datagram to a socket by its path; one that begins with @ is abstract. What finds no room is EAGAIN.
Status send_datagram(std::string_view path, std::string_view text);

}  // namespace ub
