// SPDX-License-Identifier: MIT
//
// An experiment, not a part of the product: the small-message path of the relay over io_uring (multishot accept and
// receive, one ring of provided buffers, sends queued and submitted together, completions taken in batches), to be
// measured beside native/tools/relay_main.cc, which does the same over epoll. It passes bytes and ends, and promises
// nothing about half-close, reset, limits or time.
//   g++ -std=c++20 -O2 bench/experiments/io_uring_relay.cc -o .build/io_uring_relay -luring
//   npm run bench -- --macro --workloads B --subjects ours,core,io-uring
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr unsigned kEntries = 4096;
constexpr unsigned kBuffers = 1024;
constexpr unsigned kBufferSize = 8192;
constexpr int kGroup = 1;

enum Kind : uint64_t { kAccept, kReceive, kSend, kIgnore };

io_uring ring;
io_uring_buf_ring* buffers;
std::vector<char> memory(static_cast<size_t>(kBuffers) * kBufferSize);
std::vector<int> peer_of(65536, -1);
sockaddr_in backend{};

uint64_t tag(Kind kind, int fd, unsigned buffer = 0) {
  return static_cast<uint64_t>(kind) << 60 | static_cast<uint64_t>(buffer) << 32 | static_cast<uint32_t>(fd);
}

io_uring_sqe* next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring);
  if (entry == nullptr) {
    io_uring_submit(&ring);
    entry = io_uring_get_sqe(&ring);
  }
  return entry;
}

void give_back(unsigned buffer) {
  io_uring_buf_ring_add(buffers, memory.data() + static_cast<size_t>(buffer) * kBufferSize, kBufferSize,
                        static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(kBuffers), 0);
  io_uring_buf_ring_advance(buffers, 1);
}

void receive(int fd) {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = kGroup;
  io_uring_sqe_set_data64(entry, tag(kReceive, fd));
}

void accepted(int client) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, reinterpret_cast<sockaddr*>(&backend), sizeof backend) != 0) {
    close(fd);
    close(client);
    return;
  }
  peer_of[static_cast<size_t>(client)] = fd;
  peer_of[static_cast<size_t>(fd)] = client;
  receive(client);
  receive(fd);
}

void ended(int fd) {
  const int peer = peer_of[static_cast<size_t>(fd)];
  if (peer < 0) return;
  peer_of[static_cast<size_t>(fd)] = peer_of[static_cast<size_t>(peer)] = -1;
  shutdown(fd, SHUT_RDWR);  // ends the receives that are under way
  shutdown(peer, SHUT_RDWR);
  close(fd);
  close(peer);
}

void received(const io_uring_cqe& done, int fd) {
  if (done.res <= 0) {
    if (done.res == -ENOBUFS) {
      receive(fd);
    } else {
      ended(fd);
    }
    return;
  }
  const unsigned buffer = done.flags >> IORING_CQE_BUFFER_SHIFT;
  const int peer = peer_of[static_cast<size_t>(fd)];
  if (peer < 0) {
    give_back(buffer);
    return;
  }
  io_uring_sqe* entry = next_entry();
  io_uring_prep_send(entry, peer, memory.data() + static_cast<size_t>(buffer) * kBufferSize,
                     static_cast<size_t>(done.res), MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(entry, tag(kSend, peer, buffer));
  if ((done.flags & IORING_CQE_F_MORE) == 0) receive(fd);
}

bool parse(const char* text, sockaddr_in& into) {
  const char* colon = std::strrchr(text, ':');
  if (colon == nullptr) return false;
  into.sin_family = AF_INET;
  into.sin_port = htons(static_cast<uint16_t>(std::atoi(colon + 1)));
  return inet_pton(AF_INET, std::string(text, colon).c_str(), &into.sin_addr) == 1;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in address{};
  if (argc != 3 || !parse(argv[1], address) || !parse(argv[2], backend)) {
    std::fprintf(stderr, "usage: io_uring_relay ADDRESS:PORT ADDRESS:PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = kEntries * 4;
  if (const int error = io_uring_queue_init_params(kEntries, &ring, &params); error != 0) {
    std::fprintf(stderr, "io_uring: %s\n", std::strerror(-error));
    return 1;
  }
  io_uring_register_ring_fd(&ring);
  void* place = nullptr;
  if (posix_memalign(&place, 4096, kBuffers * sizeof(io_uring_buf)) != 0) return 1;
  buffers = static_cast<io_uring_buf_ring*>(place);
  io_uring_buf_ring_init(buffers);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(place);
  registration.ring_entries = kBuffers;
  registration.bgid = kGroup;
  if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) return 1;
  for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 4096) != 0)
    return 1;
  io_uring_sqe* entry = next_entry();
  io_uring_prep_multishot_accept(entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(entry, tag(kAccept, listener));
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    io_uring_cqe* done;
    unsigned head;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring, head, done) {
      ++seen;
      const uint64_t data = done->user_data;
      const int fd = static_cast<int>(static_cast<uint32_t>(data));
      switch (static_cast<Kind>(data >> 60)) {
        case kAccept:
          if (done->res >= 0) accepted(done->res);
          break;
        case kReceive: received(*done, fd); break;
        case kSend: give_back(static_cast<unsigned>(data >> 32 & 0xfffffff)); break;
        case kIgnore: break;
      }
    }
    io_uring_cq_advance(&ring, seen);
  }
}
